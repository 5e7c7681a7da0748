"""Secrets of connections at rest: encrypted with a key derived from SECRET_KEY. Not here: which fields are secret.

A new SECRET_KEY makes stored secrets unreadable; the connection is faulted then and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cryptography.fernet import InvalidToken

from connectors.contract import ConnectorSpec, PermanentError, mark
from forgeline.base.sealing import box

_MARK = "$secret"
_PURPOSE = "forgeline.connectors.secrets"


def list_secret_fields(spec: ConnectorSpec) -> list[str]:
    """Return the names of the options that are secret."""
    return [
        name
        for name, declared in spec.options.__dataclass_fields__.items()
        if declared.metadata.get("secret")
    ]


def seal(spec: ConnectorSpec, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as they are stored: every secret encrypted."""
    sealed = dict(options)
    for name in list_secret_fields(spec):
        value = sealed.get(name)
        if isinstance(value, str) and value:
            sealed[name] = {_MARK: box(_PURPOSE).encrypt(value.encode()).decode()}
    return sealed


def unseal(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as a driver needs them. **Raises** PermanentError where the key has changed."""
    return {name: _open(value) if _is_sealed(value) else value for name, value in options.items()}


def conceal(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as a person may see them: True in place of each secret."""
    return {name: True if _is_sealed(value) else value for name, value in options.items()}


def _is_sealed(value: Any) -> bool:
    return isinstance(value, Mapping) and _MARK in value


def _open(value: Mapping[str, str]) -> str:
    try:
        return box(_PURPOSE).decrypt(value[_MARK].encode()).decode()
    except InvalidToken as error:
        raise PermanentError(
            mark(
                "A stored password cannot be read, because the platform's secret key has changed; enter it again."
            ),
            key="connectors.secret_unreadable",
        ) from error

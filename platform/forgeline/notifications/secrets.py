"""Addresses and secrets of channels at rest: encrypted with a key derived from SECRET_KEY.

A robot's address lets anyone who knows it write to the group, so the address is as secret as the secret. After a new
SECRET_KEY they cannot be read, and deliveries say so.
"""

from __future__ import annotations

from cryptography.fernet import InvalidToken

from forgeline.base.sealing import box


class UnreadableError(Exception):
    """The stored secret was sealed with another key."""


_PURPOSE = "forgeline.notifications.secrets"


def seal(plain: str) -> str:
    """Return a text as it is stored; '' stays ''."""
    return box(_PURPOSE).encrypt(plain.encode()).decode() if plain else ""


def unseal(sealed: str) -> str:
    """Return a text as it was. **Raises** UnreadableError where the key has changed."""
    if not sealed:
        return ""
    try:
        return box(_PURPOSE).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise UnreadableError from error

"""Asking a source from the web process: test before save, browse. Bounded in time; changes nothing, stores nothing.

Not here: running a connection (runtime), who may ask (api, pages).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from connectors import services
from connectors.contract import BrowseNode, CheckStep, ConnectorError, ConnectorSpec, Driver
from connectors.models import Connection
from connectors.registry import load_driver
from connectors.services.connections import parse_options
from connectors.wording import translate_sentence
from forgeline.base.errors import ForgelineError, UnavailableError
from forgeline.tenancy.scoping import released_scope

CHECK_TIMEOUT_S = 20.0
BROWSE_TIMEOUT_S = 20.0

T = TypeVar("T")


class SourceError(ForgelineError):
    """The source could not be asked; the key and the sentence are the driver's."""

    status = 502


class NoSuchNodeError(SourceError):
    """The source answers, and has nothing there: asking it again brings nothing else."""

    status = 404


def open_options(connection: Connection) -> dict[str, Any]:
    """Return a connection's options, secrets and all. **Raises** SourceError where they cannot be read any more."""
    try:
        return services.open_options(connection)
    except ConnectorError as error:
        raise _told(error) from error


def complete_options(kind: str, options: Mapping[str, Any], connection_id: int | None) -> dict[str, Any]:
    """Return options to try, secrets of a stored connection added. **Raises** as ``open_options``; NotFoundError."""
    try:
        return services.complete_options(kind, options, connection_id)
    except ConnectorError as error:
        raise _told(error) from error


def make_driver(spec: ConnectorSpec, options: Mapping[str, Any]) -> Driver:
    """Return a driver for these options. **Raises** InvalidInputError with every fault of the options at once."""
    return load_driver(spec)(parse_options(spec, options), connection_id=0, client_id="forgeline-probe")


def check_source(spec: ConnectorSpec, options: Mapping[str, Any]) -> list[CheckStep]:
    """Try the options step by step. **Raises** InvalidInputError, UnavailableError where it takes too long."""
    return _bounded(make_driver(spec, options).check(), CHECK_TIMEOUT_S)


def browse_source(
    spec: ConnectorSpec,
    options: Mapping[str, Any],
    address: str | None,
    *,
    limit: int = 200,
    after: str | None = None,
) -> list[BrowseNode]:
    """Return children of a node. **Raises** InvalidInputError, SourceError, UnavailableError."""
    driver = make_driver(spec, options)
    return _bounded(driver.browse(address, limit=limit, after=after), BROWSE_TIMEOUT_S)


def _bounded(work: Coroutine[Any, Any, T], timeout_s: float) -> T:
    async def within() -> T:
        async with asyncio.timeout(timeout_s):
            return await work

    try:
        with released_scope():
            return asyncio.run(within())
    except TimeoutError as error:
        raise UnavailableError(
            _("The source didn't answer within %(seconds)d seconds.") % {"seconds": timeout_s},
            key="connectors.no_answer_in_time",
        ) from error
    except ConnectorError as error:
        raise _told(error) from error


def _told(error: ConnectorError) -> SourceError:
    data = {name: value for name, value in error.data.items() if name != "sentence"}
    kind = NoSuchNodeError if error.key.endswith(".no_such_node") else SourceError
    return kind(translate_sentence(error.message, error.data), key=error.key, data=data)

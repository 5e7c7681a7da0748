"""Asking a source from the web process: test before save, browse. Bounded in time; changes nothing, stores nothing.

Not here: running a connection (runtime), who may ask (api, pages).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from importlib import import_module
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from connectors.contract import BrowseNode, CheckStep, ConnectorError, ConnectorSpec, Driver, OptionsError
from connectors.wording import translate_sentence
from forgeline.base.errors import ForgelineError, InvalidInputError, UnavailableError

CHECK_TIMEOUT_S = 20.0
BROWSE_TIMEOUT_S = 20.0

T = TypeVar("T")


class SourceError(ForgelineError):
    """The source could not be asked; the key and the sentence are the driver's."""

    status = 502


def make_driver(spec: ConnectorSpec, options: Mapping[str, Any], *, connection_id: int = 0) -> Driver:
    """Return a driver for these options. **Raises** InvalidInputError with every fault of the options at once."""
    try:
        parsed = spec.options.parse(options)
    except OptionsError as error:
        raise invalid_options(error) from error
    module, name = spec.driver.rsplit(".", 1)
    kind: type[Driver] = getattr(import_module(module), name)
    return kind(parsed, connection_id=connection_id, client_id=f"forgeline-probe-{connection_id}")


def invalid_options(error: OptionsError) -> InvalidInputError:
    """Return the faults of options as the API and the forms tell them."""
    faults = {
        name: [translate_sentence(sentence) for sentence in sentences]
        for name, sentences in error.faults.items()
    }
    return InvalidInputError(
        _("These options cannot be used."), key="connectors.invalid_options", data={"fields": faults}
    )


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
        return asyncio.run(within())
    except TimeoutError as error:
        raise UnavailableError(
            _("The source didn't answer within %(seconds)d seconds.") % {"seconds": timeout_s},
            key="connectors.no_answer_in_time",
        ) from error
    except ConnectorError as error:
        raise SourceError(
            translate_sentence(error.message, error.data), key=error.key, data=_plain(error.data)
        ) from error


def _plain(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != "sentence"}

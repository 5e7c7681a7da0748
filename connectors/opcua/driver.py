"""The OPC UA driver: one connection's life from sign-in to the loss of the server. Not here: each of its parts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from asyncua import ua

from connectors.contract import BindingSpec, BrowseNode, CheckStep, ConnectorSpec, Driver, Outlet, mark
from connectors.opcua import browse, check, manifest, writing
from connectors.opcua.faults import fault, translate
from connectors.opcua.history import backfill
from connectors.opcua.items import Item, Items
from connectors.opcua.options import OpcUaOptions
from connectors.opcua.polling import Poller
from connectors.opcua.session import Session, open_session
from connectors.opcua.subscription import Subscriber

_CONFIRM_EVERY_S = 1.0
_RETRY_EVERY_S = 5.0


class OpcUaDriver(Driver):
    """Watches the bound nodes of one server."""

    spec: ClassVar[ConnectorSpec] = manifest.SPEC
    options: OpcUaOptions

    def __init__(
        self, options: OpcUaOptions, *, connection_id: int, client_id: str, folder: Path | None = None
    ) -> None:
        """``folder`` keeps our certificate; by default the installation's folder."""
        super().__init__(options, connection_id=connection_id, client_id=client_id)
        self._folder = folder
        self._bindings: list[BindingSpec] = []
        self._seen: dict[str, int] = {}
        """Newest time of each node that this driver handed over, kept from one run to the next."""
        self._items: Items | None = None
        self._session: Session | None = None
        self._watch: Subscriber | Poller | None = None
        self._to_fill: asyncio.Queue[list[Item]] = asyncio.Queue()
        """Nodes whose gap is to be read from the server's history."""
        self._change = asyncio.Lock()

    async def run(self, outlet: Outlet, bindings: Sequence[BindingSpec]) -> None:
        """Deliver blocks until cancelled. **Raises** ConnectorError, PermanentError."""
        self._bindings = list(bindings)
        try:
            async with open_session(self.options, name=self.client_id, folder=self._folder) as session:
                outlet.report("connected", **_facts(session))
                await self._watch_over(session, outlet)
        except (OSError, TimeoutError, ua.UaError) as error:
            raise translate(error, endpoint=self.options.endpoint) from error

    async def _watch_over(self, session: Session, outlet: Outlet) -> None:
        items = self._items = Items(self.options)
        kind = Subscriber if self.options.mode == "subscribe" else Poller
        watch = self._watch = kind(session, self.options, items, outlet)
        self._session = session
        self._to_fill = asyncio.Queue()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._fail_when_lost(session))
                added, _ = items.change(self._bindings)
                async with self._change:
                    # Publishing begins with the first nodes: they need not wait for the last.
                    tasks.create_task(watch.publish())
                    await watch.add(added)
                self._to_fill.put_nowait(added)
                if self.options.backfill:
                    tasks.create_task(self._fill_gaps(session, outlet))
                tasks.create_task(self._tend(watch, items, outlet))
        except BaseExceptionGroup as group:
            # The first failure explains the others: a lost connection fails every task.
            raise _first(group) from group
        finally:
            self._remember(items)
            self._session, self._watch, self._items = None, None, None

    async def _fill_gaps(self, session: Session, outlet: Outlet) -> None:
        """Fill the gaps of nodes as they are watched: at first, by a changed map, after they were bad."""
        while True:
            wanted = await self._to_fill.get()
            seen = dict(self._seen)
            for item in wanted:
                address = item.binding.address
                seen[address] = max(seen.get(address, 0), item.gap_from_us)
                item.gap_from_us = 0
            known = {address: newest for address, newest in seen.items() if newest}
            await backfill(session, self.options, wanted, known, outlet)

    async def _tend(self, watch: Subscriber | Poller, items: Items, outlet: Outlet) -> None:
        """Confirm unchanged values, try bad nodes again."""
        retry_at_s = time.monotonic() + _RETRY_EVERY_S
        while True:
            await asyncio.sleep(_CONFIRM_EVERY_S)
            if self.options.confirm_unchanged and watch.is_alive:
                block = items.confirm(time.time_ns() // 1000)
                if block is not None:
                    await outlet.put(block)
            if time.monotonic() >= retry_at_s:
                retry_at_s = time.monotonic() + _RETRY_EVERY_S
                async with self._change:
                    await watch.retry_bad()
            if items.returned:
                returned, items.returned = items.returned, []
                self._to_fill.put_nowait(returned)

    async def _fail_when_lost(self, session: Session) -> None:
        raise await asyncio.shield(session.lost)

    def _remember(self, items: Items) -> None:
        """Keep where the record ends, for the gap that begins now."""
        for address, item in items.by_address.items():
            newest = int(items.source_us[item.handle])
            if newest:
                self._seen[address] = newest

    async def rebind(self, bindings: Sequence[BindingSpec]) -> None:
        """Take a changed map while running: only what changed is added or removed."""
        self._bindings = list(bindings)
        async with self._change:
            items, watch = self._items, self._watch
            if items is None or watch is None:
                return
            self._remember(items)
            added, removed = items.change(self._bindings)
            try:
                await watch.remove(removed)
                await watch.add(added)
                self._to_fill.put_nowait(added)
            except (OSError, TimeoutError, ua.UaError) as error:
                trouble = translate(error, endpoint=self.options.endpoint)
                # Part of the map may be watched, part not: connecting anew takes all of it.
                if self._session is not None and not self._session.lost.done():
                    self._session.lost.set_result(trouble)
                raise trouble from error

    async def check(self) -> list[CheckStep]:
        """Try the options step by step; see ``check.run_check``."""
        return await check.run_check(self.options, name=self.client_id, folder=self._folder)

    async def browse(
        self, address: str | None, *, limit: int = 500, after: str | None = None
    ) -> list[BrowseNode]:
        """List the children of a node over a session of its own, so that a running one isn't disturbed.

        A server at work on a level of 100,000 nodes answers no keep-alive: it has as long as its answer may take.
        """
        patient = replace(self.options, keep_alive_s=max(self.options.keep_alive_s, self.options.timeout_s))
        try:
            async with open_session(patient, name=f"{self.client_id}-browse", folder=self._folder) as session:
                return await browse.list_children(session, address, limit=limit, after=after)
        except (OSError, TimeoutError, ua.UaError) as error:
            raise translate(error, endpoint=self.options.endpoint) from error

    async def write(self, address: str, value: object) -> None:
        """Write one value over the running session."""
        if self._session is None:
            raise fault(
                mark("The connection isn't running, so nothing can be written."), key="opcua.not_connected"
            )
        try:
            await writing.write_value(self._session, address, value)
        except (OSError, TimeoutError, ua.UaError) as error:
            raise translate(error, endpoint=self.options.endpoint) from error


def _facts(session: Session) -> dict[str, object]:
    facts: dict[str, object] = {
        "endpoint": session.options.endpoint,
        "policy": session.options.security_policy,
    }
    if session.certificate is not None:
        facts["certificate_expires"] = session.certificate.not_after_at.isoformat()
    return facts


def _first(group: BaseExceptionGroup) -> BaseException:
    """Return the failure that came first, inside whatever groups it lies."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

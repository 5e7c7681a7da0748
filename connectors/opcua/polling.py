"""Reading nodes at an interval, for servers whose subscriptions don't work. Not here: subscriptions, decoding."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from asyncua import ua

from connectors.contract import Outlet
from connectors.opcua.decode import Columns, decode_read
from connectors.opcua.items import Item, Items, report_bad, report_good
from connectors.opcua.options import OpcUaOptions
from connectors.opcua.session import Session

_NO_NODE = frozenset(
    {ua.StatusCodes.BadNodeIdUnknown, ua.StatusCodes.BadNodeIdInvalid, ua.StatusCodes.BadAttributeIdInvalid}
)


class Poller:
    """Reads the wanted nodes and delivers what changed since the last reading."""

    def __init__(self, session: Session, options: OpcUaOptions, items: Items, outlet: Outlet) -> None:
        self.session = session
        self.options = options
        self.items = items
        self.outlet = outlet
        self.alive_until_s = 0.0
        self._chunks: list[tuple[list[Item], ua.ReadRequest]] | None = None

    async def add(self, wanted: Sequence[Item]) -> None:
        """Read these nodes too from now on."""
        _, bad = self.items.resolve(wanted, self.session.namespaces, time.monotonic())
        self._chunks = None
        report_bad(self.outlet, bad)

    async def remove(self, items: Sequence[Item]) -> None:
        """Read these nodes no more."""
        self._chunks = None

    async def publish(self) -> None:
        """Read at the interval until cancelled. **Raises** OSError, ua.UaError."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            for items, request in self._list_chunks():
                columns = decode_read(await self.session.request(request))
                await self._take(items, columns)
            self.alive_until_s = time.monotonic() + 2 * self.options.poll_interval_s + self.options.timeout_s
            due = max(due + self.options.poll_interval_s, loop.time())
            await asyncio.sleep(due - loop.time())

    async def _take(self, items: Sequence[Item], columns: Columns) -> None:
        received_us = time.time_ns() // 1000
        news = Columns()
        bad: list[Item] = []
        good: list[Item] = []
        for item, value, ts_us, status in zip(
            items, columns.values, columns.ts_us, columns.status, strict=True
        ):
            handle = item.handle
            if status in _NO_NODE:
                if self.items.set_aside(item, status, time.monotonic()):
                    bad.append(item)
                self._chunks = None
                continue
            if self.items.take_back(item):
                good.append(item)
            is_same = self.items.values[handle] == value and self.items.status[handle] == status
            if (
                is_same
                and self.items.source_us[handle]
                and (ts_us is None or ts_us <= self.items.source_us[handle])
            ):
                continue
            news.handles.append(handle)
            news.values.append(value)
            news.ts_us.append(ts_us)
            news.status.append(status)
            news.has_status = news.has_status or status != 0
        news = self.items.known(news)
        if len(news):
            self.items.note(news, received_us)
            await self.outlet.put(self.items.block(news, received_us))
        report_bad(self.outlet, bad)
        report_good(self.outlet, good)

    def _list_chunks(self) -> list[tuple[list[Item], ua.ReadRequest]]:
        """Return the reads of one round; bad nodes have a request of their own when their time has come."""
        now_s = time.monotonic()
        if self._chunks is None:
            wanted = [
                item for item in self.items.by_address.values() if item.node is not None and not item.bad
            ]
            self._chunks = self._requests(wanted)
        due = [item for item in self.items.list_due(now_s) if item.node is not None]
        chunks = self._chunks
        if due:
            self._chunks = None
            return chunks + self._requests(due)
        return chunks

    def _requests(self, items: Sequence[Item]) -> list[tuple[list[Item], ua.ReadRequest]]:
        size = self.session.limits.nodes_per_read
        chunks = []
        for start in range(0, len(items), size):
            part = list(items[start : start + size])
            request = ua.ReadRequest()
            request.Parameters.MaxAge = 0
            request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
            request.Parameters.NodesToRead = [
                ua.ReadValueId(item.node, ua.AttributeIds.Value) for item in part
            ]
            chunks.append((part, request))
        return chunks

    async def retry_bad(self) -> None:
        """Turn the addresses of bad nodes into node ids again where that failed; reading them is ``publish``'s."""
        due = [item for item in self.items.list_due(time.monotonic()) if item.node is None]
        if due:
            await self.add(due)

    @property
    def is_alive(self) -> bool:
        return time.monotonic() < self.alive_until_s

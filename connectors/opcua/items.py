"""The nodes a connection watches: their addresses by client handle, last values, and which are bad for now.

Not here: how they are watched (subscription, polling). Client handles are dense, so that the columns of a
notification index these arrays directly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from asyncua import ua
from numpy.typing import NDArray

from connectors.contract import BindingSpec, Outlet, ReadingBlock
from connectors.opcua.decode import Columns
from connectors.opcua.faults import status_name
from connectors.opcua.nodes import AddressError, parse_address
from connectors.opcua.options import ItemOptions, OpcUaOptions
from forgeline.telemetry.sample import SampleFlag

_GONE = frozenset({ua.StatusCodes.BadNodeIdUnknown, ua.StatusCodes.BadNodeIdInvalid})
"""Codes that a notification bears when its node was deleted: the item is dead and must be made anew."""
_OVERFLOW = 0x480
"""InfoType DataValue with the Overflow bit (Part 4, 7.39.1): the server's queue dropped older changes."""
RETRY_FIRST_S = 30.0
RETRY_LAST_S = 600.0
_NEVER = np.iinfo(np.int64).max
_EXAMPLES = 10


@dataclass(slots=True)
class Item:
    """One watched node."""

    handle: int
    binding: BindingSpec
    watch: ItemOptions
    node: ua.NodeId | None = None
    server_id: int | None = None
    """MonitoredItemId, while it is watched."""
    subscription_id: int = 0
    bad: int = 0
    """StatusCode for which it was set aside."""
    retry_at_s: float = 0.0
    retry_after_s: float = RETRY_FIRST_S
    gap_from_us: int = 0
    """Time of its last value before it turned bad: what the server recorded since is missing."""


@dataclass(slots=True)
class Items:
    """Every watched node of one connection."""

    options: OpcUaOptions
    clock_offset_us: int = 0
    """By how much the server's clock runs before ours; controllers are often minutes off. A value that is confirmed
    gets its time by the clock that its changes are stamped with, or the two would not stand in order."""
    by_address: dict[str, Item] = field(default_factory=dict)
    slots: list[Item | None] = field(default_factory=list)
    """By client handle; handles are not used twice within a session."""
    live: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    """Which handles are wanted still."""
    addresses: NDArray[np.object_] = field(default_factory=lambda: np.empty(0, np.object_))
    values: NDArray[np.object_] = field(default_factory=lambda: np.empty(0, np.object_))
    status: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    source_us: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """Time of the newest value; what lies behind is the gap to fill after an outage."""
    ahead_us: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """By how much the source's clock runs before ours."""
    due_us: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """When the value should be confirmed next; never, until there is one."""
    interval_us: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    returned: list[Item] = field(default_factory=list)
    """Nodes that answer again and whose gap nobody has filled yet."""

    def change(self, bindings: Sequence[BindingSpec]) -> tuple[list[Item], list[Item]]:
        """Take the wanted map; return (added, removed). A node bound twice is watched once; the pipeline fans out."""
        wanted: dict[str, BindingSpec] = {}
        for binding in bindings:
            wanted.setdefault(binding.address, binding)
        removed = [
            item
            for address, item in self.by_address.items()
            if address not in wanted or ItemOptions.of(self.options, wanted[address].options) != item.watch
        ]
        for item in removed:
            del self.by_address[item.binding.address]
            self.slots[item.handle] = None
            self.live[item.handle] = False
            self.due_us[item.handle] = _NEVER
        fresh = [binding for address, binding in wanted.items() if address not in self.by_address]
        start = len(self.slots)
        self._grow(fresh)
        added = []
        for handle, binding in enumerate(fresh, start):
            item = Item(handle, binding, ItemOptions.of(self.options, binding.options))
            self.slots.append(item)
            self.by_address[binding.address] = item
            added.append(item)
        for address, item in self.by_address.items():
            item.binding = wanted[address]
            self.interval_us[item.handle] = int(item.binding.expected_interval_s * 1e6)
        return added, removed

    def _grow(self, fresh: Sequence[BindingSpec]) -> None:
        more = len(fresh)
        addresses = np.empty(more, np.object_)
        addresses[:] = [binding.address for binding in fresh]
        self.addresses = np.concatenate([self.addresses, addresses])
        self.live = np.concatenate([self.live, np.ones(more, np.bool_)])
        self.values = np.concatenate([self.values, np.full(more, None, np.object_)])
        self.status = np.concatenate([self.status, np.zeros(more, np.int64)])
        self.source_us = np.concatenate([self.source_us, np.zeros(more, np.int64)])
        self.ahead_us = np.concatenate([self.ahead_us, np.zeros(more, np.int64)])
        self.due_us = np.concatenate([self.due_us, np.full(more, _NEVER, np.int64)])
        self.interval_us = np.concatenate([self.interval_us, np.full(more, 60_000_000, np.int64)])

    def resolve(
        self, items: Sequence[Item], namespaces: Sequence[str], now_s: float
    ) -> tuple[list[Item], list[Item]]:
        """Turn addresses into node ids; return (usable, unusable). The unusable are set aside."""
        usable, unusable = [], []
        for item in items:
            try:
                item.node = parse_address(item.binding.address, namespaces)
            except AddressError:
                self.set_aside(item, ua.StatusCodes.BadNodeIdInvalid, now_s)
                unusable.append(item)
            else:
                usable.append(item)
        return usable, unusable

    def set_aside(self, item: Item, status: int, now_s: float) -> bool:
        """Leave a bad node out until its next try; return whether this is news."""
        is_news = item.bad != status
        item.retry_after_s = RETRY_FIRST_S if not item.bad else min(item.retry_after_s * 2, RETRY_LAST_S)
        item.retry_at_s = now_s + item.retry_after_s
        item.bad = status
        item.gap_from_us = max(item.gap_from_us, int(self.source_us[item.handle]))
        self.due_us[item.handle] = _NEVER
        return is_news

    def take_back(self, item: Item) -> bool:
        """Note that a node answers; return whether it was bad before."""
        was_bad = bool(item.bad)
        if was_bad:
            self.returned.append(item)
        item.bad, item.retry_after_s = 0, RETRY_FIRST_S
        return was_bad

    def list_due(self, now_s: float) -> list[Item]:
        """Return the bad nodes whose next try has come."""
        return [item for item in self.by_address.values() if item.bad and item.retry_at_s <= now_s]

    def note(self, columns: Columns, received_us: int) -> None:
        """Remember the newest value of each node of these columns."""
        handles = np.asarray(columns.handles, np.int64)
        values = np.empty(len(handles), np.object_)
        values[:] = columns.values
        times = np.fromiter(
            (received_us if ts is None else ts for ts in columns.ts_us), np.int64, len(handles)
        )
        self.values[handles] = values
        self.status[handles] = columns.status
        np.maximum.at(self.source_us, handles, times)
        self.ahead_us[handles] = np.maximum(times - received_us, 0)
        self.due_us[handles] = (
            np.minimum(times - self.clock_offset_us, received_us) + self.interval_us[handles]
        )

    def block(self, columns: Columns, received_us: int, *, flags: int = 0) -> ReadingBlock:
        """Return the columns as a block of readings."""
        has_status = columns.has_status
        return ReadingBlock(
            addresses=self.addresses[columns.handles].tolist(),
            values=columns.values,
            ts_us=columns.ts_us,
            received_us=received_us,
            quality=columns.quality if has_status else None,
            status=columns.status if has_status else None,
            flags=[flags] * len(columns) if flags else None,
        )

    def confirm(self, now_us: int) -> ReadingBlock | None:
        """Return the unchanged values whose expected interval has passed, flagged HELD; None where there is none."""
        due = np.flatnonzero(self.due_us <= now_us)
        if not len(due):
            return None
        self.due_us[due] = now_us + self.interval_us[due]
        ahead = np.where(self.ahead_us[due] > 0, self.ahead_us[due], self.clock_offset_us)
        stamps = np.maximum(now_us + ahead, self.source_us[due] + 1)
        self.source_us[due] = stamps
        status = self.status[due]
        columns = Columns(
            due.tolist(), self.values[due].tolist(), stamps.tolist(), status.tolist(), bool(status.any())
        )
        return self.block(columns, now_us, flags=int(SampleFlag.HELD))

    def known(self, columns: Columns) -> Columns:
        """Leave out what is watched no longer; the common case, nothing, costs one pass."""
        handles = np.asarray(columns.handles, np.int64)
        live = np.zeros(len(handles), np.bool_)
        within = handles < len(self.live)
        live[within] = self.live[handles[within]]
        if live.all():
            return columns
        keep = np.flatnonzero(live).tolist()
        return Columns(
            [columns.handles[row] for row in keep],
            [columns.values[row] for row in keep],
            [columns.ts_us[row] for row in keep],
            [columns.status[row] for row in keep],
            columns.has_status,
        )

    def gone(self, columns: Columns) -> list[Item]:
        """Return the nodes that a notification says no longer exist."""
        if not columns.has_status:
            return []
        found = (
            self.slots[handle]
            for handle, status in zip(columns.handles, columns.status, strict=True)
            if status in _GONE
        )
        return [item for item in found if item is not None]


def count_overflows(columns: Columns) -> int:
    """Return how many values say that the server's queue was too short before them."""
    return sum(1 for status in columns.status if status & _OVERFLOW == _OVERFLOW) if columns.has_status else 0


def report_bad(outlet: Outlet, items: Sequence[Item]) -> None:
    """Tell of nodes set aside, in one event for each status."""
    by_status: dict[int, list[Item]] = {}
    for item in items:
        by_status.setdefault(item.bad, []).append(item)
    for status, group in by_status.items():
        outlet.report("node_bad", **_told(group), status=status_name(status), code=status)


def report_good(outlet: Outlet, items: Sequence[Item]) -> None:
    """Tell of nodes that answer again."""
    if items:
        outlet.report("node_good", **_told(items))


def _told(items: Sequence[Item]) -> dict[str, Any]:
    return {
        "address": items[0].binding.address,
        "count": len(items),
        "addresses": [item.binding.address for item in items[:_EXAMPLES]],
    }

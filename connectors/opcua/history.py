"""Filling a gap from the server's history: which nodes have one, reading it page by page, marked as replayed.

Not here: how long the gap is (items.source_us, the binding's last stored time), what a page looks like (decode).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from asyncua import ua

from connectors.contract import Outlet, ReadingBlock
from connectors.opcua.decode import Columns, decode_history, decode_read
from connectors.opcua.faults import status_name
from connectors.opcua.items import Item
from connectors.opcua.options import OpcUaOptions
from connectors.opcua.session import Session
from forgeline.telemetry.sample import SampleFlag

_VALUES_PER_REQUEST = 5_000
"""Bounds how long decoding one answer holds the event loop (about 15 ms)."""
_NODES_PER_REQUEST = 10
_HISTORY_READ_BIT = 0x04
"""AccessLevel: the current user may read history (Part 3, 8.57)."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Told:
    """What a back-fill came to."""

    nodes: int = 0
    values: int = 0
    from_us: int | None = None
    to_us: int | None = None
    refused: dict[str, int] = field(default_factory=dict)
    """Nodes by the name of the StatusCode with which the server refused."""

    def refuse(self, status: int, nodes: int = 1) -> None:
        name = status_name(status)
        self.refused[name] = self.refused.get(name, 0) + nodes


def find_gaps(items: Sequence[Item], seen: Mapping[str, int], now_us: int, limit_h: float) -> dict[str, int]:
    """Return, by address, the time after which values may be missing; nodes never read before have no gap."""
    earliest = now_us - int(limit_h * 3600e6)
    gaps = {}
    for item in items:
        known = [ts for ts in (seen.get(item.binding.address), item.binding.last_ts_us) if ts is not None]
        if known and item.node is not None and not item.bad and max(known) < now_us:
            gaps[item.binding.address] = max(*known, earliest)
    return gaps


async def backfill(
    session: Session, options: OpcUaOptions, items: Sequence[Item], seen: Mapping[str, int], outlet: Outlet
) -> Told:
    """Read what the server recorded between the last value known and now; hand it over flagged REPLAYED.

    **Time** the gap is open at its start: the last value known isn't read again. **Raises** OSError, ua.UaError where
    the connection fails; a node that the server refuses is counted, its neighbours go on.
    """
    now_us = time.time_ns() // 1000
    gaps = find_gaps(items, seen, now_us, options.backfill_limit_h)
    told = Told()
    with_gap = [item for item in items if item.binding.address in gaps]
    handles = await _list_recorded(session, with_gap)
    recorded = [item for item in with_gap if item.handle in handles]
    # Nodes whose gap begins at the same time share a request.
    recorded.sort(key=lambda item: gaps[item.binding.address])
    chunk = min(_NODES_PER_REQUEST, session.limits.nodes_per_history_read)
    for group in _groups(recorded, gaps, chunk):
        try:
            await _read_group(session, group, gaps, now_us, outlet, told)
        except ua.UaStatusCodeError as error:
            told.refuse(error.code, len(group))
        except TimeoutError:
            told.refuse(ua.StatusCodes.BadTimeout, len(group))
    if told.values or told.refused:
        outlet.report(
            "backfilled", nodes=told.nodes, values=told.values, from_us=told.from_us, to_us=told.to_us,
            refused=told.refused,
        )  # fmt: skip
    return told


def _groups(items: Sequence[Item], gaps: Mapping[str, int], size: int) -> Iterator[list[Item]]:
    """Yield up to ``size`` nodes at a time whose gaps begin within a minute of each other."""
    group: list[Item] = []
    for item in items:
        start = gaps[item.binding.address]
        if group and (len(group) == size or start - gaps[group[0].binding.address] > 60_000_000):
            yield group
            group = []
        group.append(item)
    if group:
        yield group


async def _list_recorded(session: Session, items: Sequence[Item]) -> set[int]:
    """Return the handles of the nodes that have a history which we may read."""
    wanted = [
        (item, attribute)
        for item in items
        for attribute in (ua.AttributeIds.Historizing, ua.AttributeIds.UserAccessLevel)
    ]
    recorded = set()
    chunk = session.limits.nodes_per_read
    for start in range(0, len(wanted), chunk):
        part = wanted[start : start + chunk]
        request = ua.ReadRequest()
        request.Parameters.NodesToRead = [ua.ReadValueId(item.node, attribute) for item, attribute in part]
        answers = decode_read(await session.request(request)).values
        for (item, _attribute), answer in zip(part, answers, strict=True):
            if answer is True or (type(answer) is int and answer & _HISTORY_READ_BIT):
                recorded.add(item.handle)
    return recorded


async def _read_group(
    session: Session, group: Sequence[Item], gaps: Mapping[str, int], now_us: int, outlet: Outlet, told: Told
) -> None:
    start_us = min(gaps[item.binding.address] for item in group)
    left: list[tuple[Item, bytes | None]] = [(item, None) for item in group]
    told.nodes += len(group)
    cut_short: list[tuple[Item, int]] = []
    while left:
        most = max(100, _VALUES_PER_REQUEST // len(left))
        request = _history_request([(item.node, point) for item, point in left], start_us, now_us, most)
        pages = decode_history(await session.request(request, timeout_s=max(30.0, session.options.timeout_s)))
        after: list[tuple[Item, bytes | None]] = []
        for (item, _), page in zip(left, pages, strict=True):
            if page.status >> 30 == 2:
                told.refuse(page.status)
                continue
            newest_us = await _deliver(item, page.columns, gaps[item.binding.address], outlet, told)
            if page.continuation and len(page.columns):
                after.append((item, page.continuation))
            elif len(page.columns) >= most and newest_us is not None:
                cut_short.append((item, newest_us))
        left = after
    # Some servers fill a page and forget to say where to go on: ask again from the last value.
    for item, newest_us in cut_short:
        told.nodes -= 1
        await _read_group(session, [item], {item.binding.address: newest_us}, now_us, outlet, told)


async def _deliver(item: Item, columns: Columns, after_us: int, outlet: Outlet, told: Told) -> int | None:
    """Hand over what is newer than the last value known; return the newest time, None where nothing was."""
    rows = [row for row, ts in enumerate(columns.ts_us) if ts is not None and ts > after_us]
    if not rows:
        return None
    stamps = [columns.ts_us[row] for row in rows]
    status = [columns.status[row] for row in rows]
    quality = columns.quality
    await outlet.put(
        ReadingBlock(
            addresses=[item.binding.address] * len(rows),
            values=[columns.values[row] for row in rows],
            ts_us=stamps,
            received_us=time.time_ns() // 1000,
            quality=[quality[row] for row in rows] if columns.has_status else None,
            status=status if columns.has_status else None,
            flags=[int(SampleFlag.REPLAYED)] * len(rows),
        )
    )
    told.values += len(rows)
    span = np.asarray(stamps, np.int64)
    told.from_us = int(span.min()) if told.from_us is None else min(told.from_us, int(span.min()))
    told.to_us = int(span.max()) if told.to_us is None else max(told.to_us, int(span.max()))
    return int(span.max())


def _history_request(
    nodes: Sequence[tuple[ua.NodeId | None, bytes | None]], start_us: int, end_us: int, most: int
) -> ua.HistoryReadRequest:
    details = ua.ReadRawModifiedDetails()
    details.IsReadModified = False
    details.StartTime = _EPOCH + timedelta(microseconds=start_us)
    details.EndTime = _EPOCH + timedelta(microseconds=end_us)
    details.NumValuesPerNode = most
    details.ReturnBounds = False
    request = ua.HistoryReadRequest()
    request.Parameters.HistoryReadDetails = details
    request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
    request.Parameters.ReleaseContinuationPoints = False
    for node, continuation in nodes:
        wanted = ua.HistoryReadValueId()
        wanted.NodeId = node
        wanted.ContinuationPoint = continuation
        request.Parameters.NodesToRead.append(wanted)
    return request

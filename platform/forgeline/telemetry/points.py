"""What ingest must know of points, as columns by slot: tenant, kind, bounds, rhythm, zone. A cache of assets_point.

A slot is a small number that this process gives a point when it first meets it, and keeps. Everything else that
ingest remembers of a point (its last sample, its open bucket) is a column by slot too.
"""

from __future__ import annotations

import time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from forgeline.base.clock import now
from forgeline.telemetry.engines.base import FAST_INTERVAL_S, HOLD_INTERVALS
from forgeline.telemetry.engines.connection import store_connection
from forgeline.telemetry.engines.directory import read_points
from forgeline.telemetry.rollup import Rhythm
from forgeline.telemetry.sample import PointKind

UNKNOWN = -1
_TABLE_LIMIT = 1 << 23
"""Ids below this are found in one look into a table (32 MB when full); above it by binary search."""
_MISS_MEMORY_S = 2.0
"""An id that was not there is not asked for again this long: a flood of unknown ids must not become one of queries."""
_MISS_LIMIT = 100_000

HOUR_US = 3_600_000_000
MINUTE_US = 60_000_000
DAY_US = 86_400_000_000
KEPT_ALWAYS = 1 << 60
"""µs; more than thirty thousand years: only the service's own retention counts."""

_DTYPE = np.dtype(
    [
        ("point_id", "i4"), ("tenant_id", "i8"), ("asset_id", "i8"), ("kind", "i1"), ("active", "?"),
        ("valid_min", "f8"), ("valid_max", "f8"), ("hold_us", "i8"), ("bucket_us", "i8"), ("offset_us", "i8"),
        ("zone", "i2"), ("kept_us", "i8"),
    ]
)  # fmt: skip


class PointDirectory:
    """The points that this process has met. Not safe for threads: ingest's lock guards it."""

    def __init__(self) -> None:
        self.facts: NDArray[Any] = np.zeros(0, _DTYPE)
        self.zones: list[str] = []
        self._slot_of = np.full(1024, UNKNOWN, np.int32)
        self._far: dict[int, int] = {}
        self._missed: dict[int, float] = {}
        self.keeps_shorter = False
        """Whether any tenant met keeps raw samples shorter than the service does."""

    def __len__(self) -> int:
        return len(self.facts)

    def find_slots(self, point_ids: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the slot of each row, UNKNOWN where there is no such point; points not met yet are loaded first."""
        slots = self._look_up(point_ids)
        unknown = slots == UNKNOWN
        if unknown.any() and self._load(np.unique(point_ids[unknown])):
            slots = self._look_up(point_ids)
        return slots

    def known_slots(self, point_ids: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the slots of those points that this process has met."""
        slots = self._look_up(point_ids)
        return slots[slots != UNKNOWN]

    def refresh(self) -> NDArray[np.intp]:
        """Read every point again: kinds, bounds and zones change, points are retired and deleted.

        Returns the slots of points that roll up otherwise than before (kind, interval or zone changed).
        """
        self._missed.clear()
        if not len(self.facts):
            return np.zeros(0, np.intp)
        before = self.facts.copy()
        seen = np.zeros(len(self.facts), np.bool_)
        for row in self._read(self.facts["point_id"]):
            slot = self._slot(row[0])
            self._fill(slot, row)
            seen[slot] = True
        # A deleted point keeps its slot and takes nothing any more.
        self.facts["active"][~seen] = False
        for slot in np.flatnonzero(~seen).tolist():
            self._forget_id(int(self.facts["point_id"][slot]))
        changed = np.zeros(len(before), np.bool_)
        for name in ("kind", "hold_us", "bucket_us", "offset_us", "zone"):
            changed |= before[name] != self.facts[name]
        return np.flatnonzero(changed & seen)

    def rhythm(self, slots: NDArray[Any]) -> Rhythm:
        """Return how the points of these slots roll up."""
        facts = self.facts[slots]
        return Rhythm(
            facts["bucket_us"], facts["offset_us"], facts["hold_us"], facts["kind"] == PointKind.COUNTER
        )

    def _look_up(self, point_ids: NDArray[np.int32]) -> NDArray[np.int32]:
        if not len(point_ids):
            return np.zeros(0, np.int32)
        low, high = int(point_ids.min()), int(point_ids.max())
        if low >= 0 and high < len(self._slot_of):
            return self._slot_of[point_ids]
        slots = np.full(len(point_ids), UNKNOWN, np.int32)
        near = (point_ids >= 0) & (point_ids < len(self._slot_of))
        slots[near] = self._slot_of[point_ids[near]]
        if self._far:
            rest = np.flatnonzero(~near)
            slots[rest] = [self._far.get(int(i), UNKNOWN) for i in point_ids[rest]]
        return slots

    def _load(self, point_ids: NDArray[np.int32]) -> bool:
        at = time.monotonic()
        wanted = [
            i
            for i in point_ids.tolist()
            if i > 0 and at - self._missed.get(i, -_MISS_MEMORY_S) >= _MISS_MEMORY_S
        ]
        if not wanted:
            return False
        rows = self._read(np.array(wanted, np.int32))
        found = {row[0] for row in rows}
        if len(self._missed) > _MISS_LIMIT:
            self._missed.clear()
        self._missed.update((i, at) for i in wanted if i not in found)
        start = len(self.facts)
        self.facts = np.concatenate([self.facts, np.zeros(len(rows), _DTYPE)])
        for slot, row in enumerate(rows, start):
            self._remember_id(row[0], slot)
            self._fill(slot, row)
        return bool(rows)

    @staticmethod
    def _read(point_ids: NDArray[np.int32]) -> list[tuple[Any, ...]]:
        with store_connection() as connection:
            return read_points(connection, point_ids)

    def _fill(self, slot: int, row: tuple[Any, ...]) -> None:
        point_id, tenant_id, asset_id, kind, low, high, interval_s, is_retired, zone, raw_days = row
        bucket_us = MINUTE_US if interval_s <= FAST_INTERVAL_S else HOUR_US
        self.keeps_shorter = self.keeps_shorter or raw_days is not None
        self.facts[slot] = (
            point_id, tenant_id, asset_id, kind, not is_retired,
            -np.inf if low is None else low, np.inf if high is None else high,
            round(interval_s * HOLD_INTERVALS * 1e6), bucket_us, offset_within_hour_us(zone),
            self._zone(zone), KEPT_ALWAYS if raw_days is None else round(raw_days * DAY_US),
        )  # fmt: skip

    def _zone(self, name: str) -> int:
        if name not in self.zones:
            self.zones.append(name)
        return self.zones.index(name)

    def _slot(self, point_id: int) -> int:
        return (
            int(self._slot_of[point_id])
            if point_id < len(self._slot_of)
            else self._far.get(point_id, UNKNOWN)
        )

    def _remember_id(self, point_id: int, slot: int) -> None:
        if point_id >= _TABLE_LIMIT:
            self._far[point_id] = slot
            return
        if point_id >= len(self._slot_of):
            grown = np.full(min(_TABLE_LIMIT, max(point_id + 1, 2 * len(self._slot_of))), UNKNOWN, np.int32)
            grown[: len(self._slot_of)] = self._slot_of
            self._slot_of = grown
        self._slot_of[point_id] = slot

    def _forget_id(self, point_id: int) -> None:
        if point_id < len(self._slot_of):
            self._slot_of[point_id] = UNKNOWN
        self._far.pop(point_id, None)


def offset_within_hour_us(zone: str) -> int:
    """Return how far the zone's full hours lie from those of UTC (India: 30 minutes), now."""
    try:
        offset = now().astimezone(ZoneInfo(zone)).utcoffset()
    except (ZoneInfoNotFoundError, ValueError):
        return 0
    return 0 if offset is None else int(offset.total_seconds() * 1e6) % HOUR_US

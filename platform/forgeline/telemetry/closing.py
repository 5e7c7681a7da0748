"""Hours put together of minutes and days of hours, at their end and after a correction. Not here: base buckets.

What was written for a bucket whose hour or day is over puts these together again at once. Hours and days of points
that have fallen silent meanwhile are put together by whichever process comes first (``Closer``).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from forgeline.telemetry.buckets import HOUR_US, day_borders_us, day_of, day_start_us
from forgeline.telemetry.distinct import distinct_rows
from forgeline.telemetry.engines import composed, rollups as tables
from forgeline.telemetry.engines.base import Resolution
from forgeline.telemetry.engines.rollups import Tasks
from forgeline.telemetry.points import offset_within_hour_us

DAY_US = 86_400_000_000
GRACE_US = 3_500_000
"""An hour or day is put together this long after its end, when its last minute has been written."""
MAX_BEHIND_US = 32 * DAY_US
"""After a longer stop than this the hours before are left as they are; their minutes can be read."""
MAX_TASKS = 20_000
_ZONES_S = 10.0
"""How often new plants are looked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What is over, and the points it concerns (facts of points.PointDirectory)."""

    settled_us: int
    facts: NDArray[Any]
    zones: list[str]


def compose_above(
    connection: Connection[Any],
    resolution: Resolution,
    point_id: NDArray[np.int32],
    start_us: NDArray[np.int64],
    frame: Frame,
) -> None:
    """Put together the hours, then the days, above buckets that were written, where those are over."""
    if not len(point_id):
        return
    order = np.argsort(frame.facts["point_id"])
    slot = order[np.searchsorted(frame.facts["point_id"], point_id, sorter=order)]
    facts = frame.facts[slot]
    if resolution is Resolution.MINUTE:
        hour = (start_us + facts["offset_us"]) // HOUR_US * HOUR_US - facts["offset_us"]
        over = hour + HOUR_US <= frame.settled_us
        point_id, start_us, facts = point_id[over], hour[over], facts[over]
        _compose(connection, Resolution.HOUR, point_id, start_us, start_us + HOUR_US)
    starts, ends = np.zeros(len(start_us), np.int64), np.zeros(len(start_us), np.int64)
    for zone in np.unique(facts["zone"]).tolist():
        at = facts["zone"] == zone
        starts[at], ends[at] = _days_of(start_us[at], frame.zones[zone])
    over = (ends > starts) & (ends <= frame.settled_us)
    _compose(connection, Resolution.DAY, point_id[over], starts[over], ends[over])


def _days_of(start_us: NDArray[np.int64], zone: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return start and end of the local day of each instant."""
    borders = day_borders_us(int(start_us.min()), int(start_us.max()) + 1, zone)
    at = np.searchsorted(borders, start_us, side="right") - 1
    return borders[at], borders[at + 1]


def _compose(
    connection: Connection[Any],
    resolution: Resolution,
    point_id: NDArray[np.int32],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
) -> None:
    if not len(point_id):
        return
    keys = distinct_rows(np.stack([point_id.astype(np.int64), start, end], axis=1))
    for low in range(0, len(keys), MAX_TASKS):
        part = keys[low : low + MAX_TASKS]
        size = len(part)
        tasks = Tasks(
            part[:, 0].astype(np.int32), part[:, 1].copy(), part[:, 2].copy(), np.zeros(size, np.int64),
            np.zeros(size, np.int16),
        )  # fmt: skip
        with connection.transaction():
            tables.compose(connection, resolution, tasks)


class Closer:
    """Put together every zone's hours and days that are over and have not been, of all points. One process does it;
    the others find it done.
    """

    def __init__(self) -> None:
        self._due: dict[tuple[str, Resolution], int] = {}
        self._zones: list[str] = []
        self._zones_read_at = -_ZONES_S

    def compose_closed(self, connection: Connection[Any], now_us: int) -> None:
        """Do what is due; cheap when nothing is."""
        if time.monotonic() - self._zones_read_at >= _ZONES_S:
            self._zones_read_at = time.monotonic()
            self._zones = composed.list_zones(connection)
        for zone in self._zones:
            for resolution in (Resolution.HOUR, Resolution.DAY):
                if self._due.get((zone, resolution), now_us) <= now_us:
                    self._compose_zone(connection, resolution, zone, now_us)

    def _compose_zone(
        self, connection: Connection[Any], resolution: Resolution, zone: str, now_us: int
    ) -> None:
        limit = now_us - GRACE_US
        if resolution is Resolution.HOUR:
            offset = offset_within_hour_us(zone)
            until = (limit + offset) // HOUR_US * HOUR_US - offset
            due = until + HOUR_US
        else:
            until = day_start_us(day_of(limit, zone), zone)
            due = int(day_borders_us(limit, limit + 1, zone)[1])
        with connection.transaction():
            begun = composed.take(connection, resolution, zone, fallback_us=until - HOUR_US)
            if begun is not None and begun < until:
                self._compose_span(connection, resolution, zone, max(begun, until - MAX_BEHIND_US), until)
                composed.keep(connection, resolution, zone, until)
        if begun is not None:
            self._due[zone, resolution] = due + GRACE_US

    @staticmethod
    def _compose_span(
        connection: Connection[Any], resolution: Resolution, zone: str, begun: int, until: int
    ) -> None:
        if resolution is Resolution.HOUR:
            borders = np.arange(begun, until + 1, HOUR_US, dtype=np.int64)
        else:
            borders = day_borders_us(begun, until, zone)
        points = composed.list_points(connection, zone, only_fast=resolution is Resolution.HOUR)
        size = len(points)
        for start, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
            _compose(connection, resolution, points, np.full(size, start), np.full(size, end))

"""Reads of samples, latest values, roll-ups and the commit log, in the tenant's scope. Not here: writes (ingest)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forgeline.base.clock import from_us, now_us as clock_now_us
from forgeline.telemetry.engines import reads
from forgeline.telemetry.engines.base import (
    HOLD_INTERVALS as HOLD_INTERVALS,
    CommitPosition,
    Resolution,
)
from forgeline.telemetry.reading import MAX_PAIRS, Reading, find_facts
from forgeline.telemetry.resolution import MAX_BUCKETS
from forgeline.telemetry.series import LatestValue, Series
from forgeline.tenancy.context import require_tenant_id

__all__ = ["MAX_PAIRS", "CommitPosition", "LatestValue", "Resolution", "Series"]


NEWS_LIMIT = 20_000


def read_latest(point_ids: Sequence[int]) -> dict[int, LatestValue]:
    """Return the newest value of each point that has one, by point id. At most a second old."""
    require_tenant_id()
    return {
        point_id: LatestValue(point_id, ts_us, value if text is None else text, quality, flags, status)
        for point_id, ts_us, value, quality, flags, status, text in reads.read_latest(point_ids)
    }


def read_last_before(point_ids: Sequence[int], before_us: int) -> dict[int, LatestValue]:
    """Return each point's last sample before an instant, by point id."""
    require_tenant_id()
    return {
        point_id: LatestValue(point_id, ts_us, value, quality, flags, 0)
        for point_id, ts_us, value, quality, flags in reads.read_last_before(point_ids, before_us)
    }


def read_series(
    point_ids: Sequence[int],
    from_us: int,
    to_us: int,
    *,
    resolution: Resolution | None = None,
    max_pairs: int = MAX_PAIRS,
    now_us: int | None = None,
) -> list[Series]:
    """Read points over ``[from, to)``, in the order asked for; points that are not the tenant's are left out.

    **Shape** see Series; a day of seconds comes as at most ``max_pairs`` lowest/highest pairs.
    **Time** ``resolution`` None chooses by the range; roll-up buckets are those that begin in the range, the open one
    is computed from the samples.
    """
    require_tenant_id()
    now = clock_now_us() if now_us is None else now_us
    return Reading(point_ids, from_us, to_us, max_pairs=max_pairs, now_us=now).read(resolution)


def read_trends(
    point_ids: Sequence[int], from_us: int, to_us: int, *, resolution: Resolution = Resolution.HOUR
) -> dict[int, list[float | None]]:
    """Read the time-weighted means of many points in one query, for the small lines of an overview.

    **Shape** one entry for each bucket of the range that any of the points has, the same instants for all; None
    where a point has no value. Only closed buckets: the newest is the one that ended last.
    """
    require_tenant_id()
    rows = reads.read_rollup(
        resolution, list(point_ids), from_us, to_us, limit=MAX_BUCKETS * max(1, len(point_ids))
    )
    instants = {int(at): number for number, at in enumerate(np.unique(rows["bucket"]))}
    trends: dict[int, list[float | None]] = {point_id: [None] * len(instants) for point_id in point_ids}
    for point_id, bucket, covered_s, integral in zip(
        rows["point_id"].tolist(), rows["bucket"].tolist(), rows["covered_s"].tolist(), rows["integral"].tolist(),
        strict=True,
    ):  # fmt: skip
        if covered_s > 0:
            trends[point_id][instants[bucket]] = integral / covered_s
    return trends


def read_rollup_rows(
    resolution: Resolution, point_id: int, from_us: int, to_us: int, *, limit: int
) -> NDArray[Any]:
    """Return the stored roll-up rows of a point whose buckets begin in ``[from, to)``, by time; NaN for null."""
    require_tenant_id()
    return reads.read_rollup(resolution, [point_id], from_us, to_us, limit=limit)


def iterate_raw(
    point_id: int, from_us: int, to_us: int, *, page: int = 10_000
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield pages of (ts_us, value or text, quality, flags, status) by time, for exports; nothing is thinned."""
    require_tenant_id()
    facts = find_facts([point_id]).get(point_id)
    while facts is not None and from_us < to_us:
        rows = reads.read_raw_page(point_id, from_us, to_us, limit=page, is_text=facts.is_text)
        if rows:
            yield rows
        if len(rows) < page:
            return
        from_us = int(rows[-1][0]) + 1


@dataclass(frozen=True, slots=True, eq=False)
class News:
    """What points have said, as columns by point and time; text points are left out. NaN: no value."""

    point_id: NDArray[np.int32]
    ts_us: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.int16]


def read_news(point_ids: NDArray[np.int32], after_us: NDArray[np.int64], *, limit: int = NEWS_LIMIT) -> News:
    """Return what each point has said after its own time, at most ``limit`` samples a point, the oldest.

    **Time** one index probe a point: meant for what came just now, not for months.
    """
    require_tenant_id()
    if not len(point_ids):
        return News(point_ids, after_us, np.zeros(0), np.zeros(0, np.int16))
    return News(*reads.read_news(point_ids, np.maximum(after_us, 0), limit=limit))


def read_columns(point_ids: Sequence[int], from_us: int, to_us: int) -> News:
    """Return every sample of some points in ``[from, to)``, bad ones too; nothing is thinned, nothing limited.

    **Time** meant for going through months day by day: a day of seconds is 86,400 rows a point.
    """
    require_tenant_id()
    return News(*reads.read_columns(point_ids, from_us, to_us))


@dataclass(frozen=True, slots=True)
class Commit:
    """What one batch changed for the tenant in scope. Late points changed in their past, from ``late_from_us`` on."""

    position: CommitPosition
    from_us: int
    to_us: int
    inserted: int
    replaced: int
    point_ids: tuple[int, ...]
    late_from_us: int | None
    late_point_ids: tuple[int, ...]


def list_commits_since(position: CommitPosition, *, limit: int = 500) -> list[Commit]:
    """Return the tenant's commits after ``position``, oldest first. Handle them, keep the last one's position.

    A commit whose transaction took long appears late, but never behind a position that was handed out.
    """
    require_tenant_id()
    return [
        Commit(
            CommitPosition(xid, seq),
            ts_from,
            ts_to,
            inserted,
            replaced,
            tuple(points),
            late_from,
            tuple(late),
        )
        for xid, seq, ts_from, ts_to, inserted, replaced, points, late_from, late in reads.read_commits(
            position, limit=limit
        )
    ]


def sum_stored_since(position: CommitPosition) -> tuple[CommitPosition, list[tuple[datetime, int]]]:
    """Return the position of the tenant's newest commit and, of those after ``position``, (hour in UTC, new samples).

    A sample that took the place of another is not new.
    """
    require_tenant_id()
    rows = reads.sum_commits(position)
    last = max((CommitPosition(xid, seq) for _hour, _count, xid, seq in rows), default=position)
    return last, [(hour, int(count)) for hour, count, _xid, _seq in rows]


def count_active_devices(since_us: int) -> int:
    """Return of how many devices the newest sample is at or after an instant (µs)."""
    require_tenant_id()
    return reads.count_active_devices(from_us(since_us))


def find_newest() -> datetime | None:
    """Return the time of the newest sample of the tenant, as far as the caller may see; None for nothing yet."""
    require_tenant_id()
    return reads.read_newest()


def find_earliest_since(position: CommitPosition) -> int | None:
    """Return the earliest time (µs) of the samples of which the commit log tells after ``position``; None: of none.

    A sample that an earlier statement has read is counted in, even while ``list_commits_since`` holds its commit back.
    """
    require_tenant_id()
    return reads.read_earliest(position)


def find_end() -> CommitPosition:
    """Return the position of the tenant's newest commit, for a follower that needs none of the older ones."""
    require_tenant_id()
    return reads.read_end()

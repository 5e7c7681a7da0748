"""Reads of samples, latest values, roll-ups and the commit log, in the tenant's scope. Not here: writes (ingest)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forgeline.assets.models import Point
from forgeline.base.clock import now_us as clock_now_us
from forgeline.telemetry.buckets import HOUR_US, MINUTE_US, day_borders_us, floor_us
from forgeline.telemetry.engines import reads
from forgeline.telemetry.engines.base import (
    FAST_INTERVAL_S,
    HOLD_INTERVALS as HOLD_INTERVALS,
    CommitPosition,
    Resolution,
)
from forgeline.telemetry.engines.rollups import ROW, Tasks
from forgeline.telemetry.points import offset_within_hour_us
from forgeline.telemetry.resolution import MAX_BUCKETS, choose_resolution
from forgeline.telemetry.retention import get_retention
from forgeline.telemetry.sample import PointKind
from forgeline.telemetry.series import (
    LatestValue,
    Series,
    columns_of_pairs,
    columns_of_rollup,
    measure_coverage,
    merge_rows,
)
from forgeline.tenancy.context import require_tenant_id

__all__ = ["CommitPosition", "LatestValue", "Resolution", "Series"]

MAX_PAIRS = 2_000
MAX_ROWS = 2 * MAX_PAIRS
SETTLED_US = 5_000_000
"""A bucket is in its table this long after its end, at the latest; younger ones are computed from samples."""
DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a read must know of its point."""

    point_id: int
    unit: str
    kind: int
    interval_s: float
    zone: str

    @property
    def hold_us(self) -> int:
        return round(self.interval_s * HOLD_INTERVALS * 1e6)

    @property
    def is_fast(self) -> bool:
        return self.interval_s <= FAST_INTERVAL_S


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
    facts = _find_facts(point_ids)
    raw_kept_s = get_retention().raw_days * 86_400
    return [
        _read_one(facts[point_id], from_us, to_us, resolution, max_pairs, now, raw_kept_s)
        for point_id in point_ids
        if point_id in facts
    ]


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


def iterate_raw(
    point_id: int, from_us: int, to_us: int, *, page: int = 10_000
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield pages of (ts_us, value or text, quality, flags, status) by time, for exports; nothing is thinned."""
    require_tenant_id()
    facts = _find_facts([point_id]).get(point_id)
    while facts is not None and from_us < to_us:
        rows = reads.read_raw(point_id, from_us, to_us, limit=page, is_text=facts.kind == PointKind.TEXT)
        if rows:
            yield rows
        if len(rows) < page:
            return
        from_us = int(rows[-1][0]) + 1


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


def _find_facts(point_ids: Sequence[int]) -> dict[int, _Facts]:
    rows = Point.objects.filter(pk__in=list(point_ids)).values_list(
        "pk", "unit", "kind", "expected_interval_s", "asset__site__zone"
    )
    return {row[0]: _Facts(*row) for row in rows}


def _read_one(
    facts: _Facts,
    from_us: int,
    to_us: int,
    resolution: Resolution | None,
    max_pairs: int,
    now_us: int,
    raw_kept_s: float,
) -> Series:
    if facts.kind == PointKind.TEXT:
        return _read_text(facts, from_us, to_us)
    if resolution is None:
        resolution = choose_resolution(
            (to_us - from_us) / 1e6,
            expected_interval_s=facts.interval_s,
            raw_age_s=(now_us - from_us) / 1e6,
            raw_kept_s=raw_kept_s,
        )
    if resolution is Resolution.RAW:
        return _read_raw(facts, from_us, to_us, max_pairs, now_us)
    if resolution is Resolution.MINUTE and not facts.is_fast:
        resolution = Resolution.HOUR
    rows = _read_rollup(facts, resolution, from_us, to_us, now_us)
    span_s = (min(to_us, now_us) - from_us) / 1e6
    coverage = min(1.0, float(rows["covered_s"].sum()) / span_s) if span_s > 0 else 0.0
    return Series(
        facts.point_id, facts.unit, resolution, from_us, to_us, coverage, False, len(rows) >= MAX_BUCKETS,
        columns_of_rollup(rows),
    )  # fmt: skip


def _read_text(facts: _Facts, from_us: int, to_us: int) -> Series:
    rows = reads.read_raw(facts.point_id, from_us, to_us, limit=MAX_ROWS, is_text=True)
    ts_us = np.array([row[0] for row in rows], np.int64)
    quality = np.array([row[2] for row in rows], np.int16)
    coverage = measure_coverage(ts_us, quality, from_us=from_us, to_us=to_us, hold_us=facts.hold_us)
    texts = np.empty(len(rows), np.object_)
    texts[:] = [row[1] for row in rows]
    return Series(
        facts.point_id, facts.unit, Resolution.RAW, from_us, to_us, coverage, False, len(rows) >= MAX_ROWS,
        {"ts_us": ts_us, "text": texts, "quality": quality},
    )  # fmt: skip


def _read_raw(facts: _Facts, from_us: int, to_us: int, max_pairs: int, now_us: int) -> Series:
    end_us = min(to_us, max(now_us, from_us))
    expected = (end_us - from_us) / 1e6 / facts.interval_s
    if expected <= 2 * max_pairs:
        rows = reads.read_raw(facts.point_id, from_us, to_us, limit=2 * max_pairs + 1)
        if len(rows) <= 2 * max_pairs:
            ts_us = np.array([row[0] for row in rows], np.int64)
            quality = np.array([row[2] for row in rows], np.int16)
            value = np.array([np.nan if row[1] is None else row[1] for row in rows], np.float64)
            coverage = measure_coverage(ts_us, quality, from_us=from_us, to_us=end_us, hold_us=facts.hold_us)
            return Series(
                facts.point_id, facts.unit, Resolution.RAW, from_us, to_us, coverage, False, False,
                {"ts_us": ts_us, "value": value, "quality": quality},
            )  # fmt: skip
    slices = reads.read_pairs(facts.point_id, from_us, to_us, pairs=max_pairs)
    coverage = _coverage_of_rollup(facts, from_us, end_us, now_us)
    return Series(
        facts.point_id,
        facts.unit,
        Resolution.RAW,
        from_us,
        to_us,
        coverage,
        True,
        False,
        columns_of_pairs(slices),
    )


def _coverage_of_rollup(facts: _Facts, from_us: int, to_us: int, now_us: int) -> float:
    """The share that is covered, from the roll-ups of whole buckets: thinned pairs cannot tell."""
    if to_us <= from_us:
        return 0.0
    resolution = Resolution.MINUTE if facts.is_fast and to_us - from_us <= 3 * DAY_US else Resolution.HOUR
    rows = _read_rollup(facts, resolution, from_us, to_us, now_us)
    first, last = (int(rows["bucket"][0]), int(rows["bucket"][-1])) if len(rows) else (from_us, to_us)
    width = MINUTE_US if resolution is Resolution.MINUTE else HOUR_US
    span_s = max((min(max(last + width, to_us), now_us) - min(first, from_us)) / 1e6, 1.0)
    return min(1.0, float(rows["covered_s"].sum()) / span_s)


def _read_rollup(
    facts: _Facts, resolution: Resolution, from_us: int, to_us: int, now_us: int
) -> NDArray[np.void]:
    """Rows of the buckets that begin in the range; those that may not be in their table yet come from samples."""
    if resolution is Resolution.DAY:
        return _read_days(facts, from_us, to_us, now_us)
    width = MINUTE_US if resolution is Resolution.MINUTE else HOUR_US
    offset = offset_within_hour_us(facts.zone) % width
    settled = (now_us - SETTLED_US + offset) // width * width - offset
    rows = reads.read_rollup(resolution, [facts.point_id], from_us, min(to_us, settled), limit=MAX_BUCKETS)
    if to_us <= settled or now_us <= settled:
        return rows
    starts = np.arange(max(settled, from_us), min(to_us, now_us), width, dtype=np.int64)
    starts = floor_us(starts, width, offset)
    starts = starts[starts >= from_us]
    return np.concatenate([rows, _compute(facts, starts, np.minimum(starts + width, now_us))])


def _read_days(facts: _Facts, from_us: int, to_us: int, now_us: int) -> NDArray[np.void]:
    rows = reads.read_rollup(Resolution.DAY, [facts.point_id], from_us, to_us, limit=MAX_BUCKETS)
    open_from = int(day_borders_us(now_us - SETTLED_US, now_us, facts.zone)[0])
    if to_us <= open_from:
        return rows
    borders = day_borders_us(open_from, now_us, facts.zone)
    rows = rows[rows["bucket"] < open_from]
    parts = [rows]
    for start, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
        if from_us <= start < to_us:
            hours = _read_rollup(facts, Resolution.HOUR, start, min(end, now_us), now_us)
            parts.append(merge_rows(hours, bucket_us=start))
    return np.concatenate(parts)


def _compute(facts: _Facts, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.void]:
    size = len(starts)
    if not size:
        return np.zeros(0, ROW)
    return reads.compute_rollup(
        Tasks(
            np.full(size, facts.point_id, np.int32), starts, ends, np.full(size, facts.hold_us, np.int64),
            np.full(size, facts.kind == PointKind.COUNTER, np.int16),
        )
    )  # fmt: skip

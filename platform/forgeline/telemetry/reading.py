"""Series of many points over one range, in a number of queries that does not grow with the points.

Not here: the statements (engines/reads), what an answer looks like (series), which resolution suits (resolution).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forgeline.telemetry.buckets import HOUR_US, MINUTE_US, day_borders_us, floor_us
from forgeline.telemetry.engines import reads
from forgeline.telemetry.engines.base import FAST_INTERVAL_S, HOLD_INTERVALS, Resolution
from forgeline.telemetry.engines.rollups import ROW, Tasks
from forgeline.telemetry.points import offset_within_hour_us
from forgeline.telemetry.resolution import MAX_BUCKETS, choose_resolution
from forgeline.telemetry.retention import get_retention
from forgeline.telemetry.sample import PointKind
from forgeline.telemetry.series import (
    Series,
    columns_of_pairs,
    columns_of_rollup,
    measure_coverage,
    merge_rows,
    pair_up,
)

MAX_PAIRS = 2_000
MAX_ROWS = 2 * MAX_PAIRS
MOST_PAIRED_HERE = 200_000
"""So many samples, 4 MB of columns, are paired here: a day of seconds in 55 ms, where SQL takes 100."""
SETTLED_US = 5_000_000
"""A bucket is in its table this long after its end, at the latest; younger ones are computed from samples."""
DAY_US = 86_400_000_000
_NO_ROWS = np.zeros(0, ROW)

RollupRows = dict[int, NDArray[np.void]]
"""Point → rows (dtype engines.rollups.ROW) by time."""


@dataclass(frozen=True, slots=True)
class Facts:
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

    @property
    def is_text(self) -> bool:
        return self.kind == PointKind.TEXT


def find_facts(point_ids: Sequence[int]) -> dict[int, Facts]:
    """Return the facts of those points that are the tenant's."""
    return {row[0]: Facts(*row) for row in reads.read_facts(point_ids)}


class Reading:
    """One question: some points over ``[from, to)``, as it stands at ``now``."""

    def __init__(
        self, point_ids: Sequence[int], from_us: int, to_us: int, *, max_pairs: int, now_us: int
    ) -> None:
        facts = find_facts(point_ids)
        self._points = [facts[point_id] for point_id in point_ids if point_id in facts]
        self._from_us, self._to_us = from_us, to_us
        self._end_us = min(to_us, max(now_us, from_us))
        self._max_pairs = max_pairs
        self._now_us = now_us

    def read(self, resolution: Resolution | None) -> list[Series]:
        """Return a series a point, in the order asked for; None: each in the resolution that suits it."""
        kinds = self._choose(resolution)
        found: dict[int, Series] = {}
        for kind in set(kinds.values()):
            points = [facts for facts in self._points if kinds[facts.point_id] is kind]
            if kind is None:
                found |= self._read_texts(points)
            elif kind is Resolution.RAW:
                found |= self._read_raw(points)
            else:
                found |= self._read_rollup(points, kind)
        return [found[facts.point_id] for facts in self._points]

    def _choose(self, asked: Resolution | None) -> dict[int, Resolution | None]:
        """Return the resolution of each point, None for texts."""
        raw_kept_s = get_retention().raw_days * 86_400
        chosen: dict[int, Resolution | None] = {}
        for facts in self._points:
            resolution = asked or choose_resolution(
                (self._to_us - self._from_us) / 1e6,
                expected_interval_s=facts.interval_s,
                raw_age_s=(self._now_us - self._from_us) / 1e6,
                raw_kept_s=raw_kept_s,
            )
            if resolution is Resolution.MINUTE and not facts.is_fast:
                resolution = Resolution.HOUR
            chosen[facts.point_id] = None if facts.is_text else resolution
        return chosen

    def _series(
        self, facts: Facts, resolution: Resolution, coverage: float, columns: dict[str, NDArray[Any]], *,
        is_reduced: bool = False, is_truncated: bool = False,
    ) -> Series:  # fmt: skip
        return Series(
            facts.point_id, facts.unit, resolution, self._from_us, self._to_us, coverage, is_reduced, is_truncated,
            columns,
        )  # fmt: skip

    # --- samples ---

    def _read_texts(self, points: list[Facts]) -> dict[int, Series]:
        rows_of = reads.read_raw(_ids(points), self._from_us, self._to_us, limit=MAX_ROWS, is_text=True)
        found = {}
        for facts in points:
            rows = rows_of.get(facts.point_id, [])
            ts_us = np.array([row[0] for row in rows], np.int64)
            quality = np.array([row[2] for row in rows], np.int16)
            texts = np.empty(len(rows), np.object_)
            texts[:] = [row[1] for row in rows]
            coverage = measure_coverage(
                ts_us, quality, from_us=self._from_us, to_us=self._to_us, hold_us=facts.hold_us
            )
            found[facts.point_id] = self._series(
                facts, Resolution.RAW, coverage, {"ts_us": ts_us, "text": texts, "quality": quality},
                is_truncated=len(rows) >= MAX_ROWS,
            )  # fmt: skip
        return found

    def _read_raw(self, points: list[Facts]) -> dict[int, Series]:
        """Every sample where there are few enough, else the lowest and highest of each slice."""
        limit = 2 * self._max_pairs
        seconds = (self._end_us - self._from_us) / 1e6
        few = [facts for facts in points if seconds / facts.interval_s <= limit]
        rows_of = reads.read_raw(_ids(few), self._from_us, self._to_us, limit=limit + 1) if few else {}
        found = {
            facts.point_id: self._every_sample(facts, rows_of.get(facts.point_id, []))
            for facts in few
            if len(rows_of.get(facts.point_id, [])) <= limit
        }
        return found | self._read_pairs([facts for facts in points if facts.point_id not in found])

    def _every_sample(self, facts: Facts, rows: list[tuple[Any, ...]]) -> Series:
        ts_us = np.array([row[0] for row in rows], np.int64)
        quality = np.array([row[2] for row in rows], np.int16)
        value = np.array([np.nan if row[1] is None else row[1] for row in rows], np.float64)
        coverage = measure_coverage(
            ts_us, quality, from_us=self._from_us, to_us=self._end_us, hold_us=facts.hold_us
        )
        return self._series(
            facts, Resolution.RAW, coverage, {"ts_us": ts_us, "value": value, "quality": quality}
        )

    def _read_pairs(self, points: list[Facts]) -> dict[int, Series]:
        if not points:
            return {}
        expected = sum((self._end_us - self._from_us) / 1e6 / facts.interval_s for facts in points)
        if expected <= MOST_PAIRED_HERE and (found := self._pair_here(points)):
            return found
        slices = reads.read_pairs(_ids(points), self._from_us, self._to_us, pairs=self._max_pairs)
        coverage = self._coverage_of_rollups(points)
        return {
            facts.point_id: self._series(
                facts, Resolution.RAW, coverage[facts.point_id],
                columns_of_pairs(slices.get(facts.point_id, [])), is_reduced=True,
            )
            for facts in points
        }  # fmt: skip

    def _pair_here(self, points: list[Facts]) -> dict[int, Series]:
        """Pair the samples themselves; {} where there are more than was to be expected."""
        columns = reads.read_few_columns(_ids(points), self._from_us, self._to_us, most=MOST_PAIRED_HERE)
        if columns is None:
            return {}
        point_id, ts_us, value, quality = columns
        width_us = reads.slice_width_us(self._from_us, self._to_us, self._max_pairs)
        found = {}
        for facts in points:
            own = slice(*np.searchsorted(point_id, (facts.point_id, facts.point_id + 1)).tolist())
            coverage = measure_coverage(
                ts_us[own], quality[own], from_us=self._from_us, to_us=self._end_us, hold_us=facts.hold_us
            )
            pairs = pair_up(ts_us[own], value[own], quality[own], from_us=self._from_us, width_us=width_us)
            found[facts.point_id] = self._series(facts, Resolution.RAW, coverage, pairs, is_reduced=True)
        return found

    def _coverage_of_rollups(self, points: list[Facts]) -> dict[int, float]:
        """The share that is covered, from the roll-ups of whole buckets: thinned pairs cannot tell."""
        is_short = self._end_us - self._from_us <= 3 * DAY_US
        coverage = dict.fromkeys(_ids(points), 0.0)
        if self._end_us <= self._from_us:
            return coverage
        for resolution, width in ((Resolution.MINUTE, MINUTE_US), (Resolution.HOUR, HOUR_US)):
            chosen = [facts for facts in points if (facts.is_fast and is_short) is (width == MINUTE_US)]
            rows_of = self._rollups(chosen, resolution, self._from_us, self._end_us)
            for facts in chosen:
                rows = rows_of[facts.point_id]
                first, last = (
                    (int(rows["bucket"][0]), int(rows["bucket"][-1]))
                    if len(rows)
                    else (self._from_us, self._end_us)
                )
                span_us = min(max(last + width, self._end_us), self._now_us) - min(first, self._from_us)
                coverage[facts.point_id] = min(1.0, float(rows["covered_s"].sum()) / max(span_us / 1e6, 1.0))
        return coverage

    # --- roll-ups ---

    def _read_rollup(self, points: list[Facts], resolution: Resolution) -> dict[int, Series]:
        rows_of = (
            self._days(points) if resolution is Resolution.DAY
            else self._rollups(points, resolution, self._from_us, self._to_us)
        )  # fmt: skip
        span_s = (min(self._to_us, self._now_us) - self._from_us) / 1e6
        found = {}
        for facts in points:
            rows = rows_of[facts.point_id]
            coverage = min(1.0, float(rows["covered_s"].sum()) / span_s) if span_s > 0 else 0.0
            found[facts.point_id] = self._series(
                facts, resolution, coverage, columns_of_rollup(rows), is_truncated=len(rows) >= MAX_BUCKETS
            )
        return found

    def _rollups(self, points: list[Facts], resolution: Resolution, from_us: int, to_us: int) -> RollupRows:
        """Rows of the buckets that begin in the range; those that may not be in their table yet come from samples."""
        if not points:
            return {}
        width = MINUTE_US if resolution is Resolution.MINUTE else HOUR_US
        settled, tasks = {}, []
        for facts in points:
            offset = offset_within_hour_us(facts.zone) % width
            settled_us = (self._now_us - SETTLED_US + offset) // width * width - offset
            settled[facts.point_id] = settled_us
            if settled_us < to_us and settled_us < self._now_us:
                starts = np.arange(max(settled_us, from_us), min(to_us, self._now_us), width, dtype=np.int64)
                starts = floor_us(starts, width, offset)
                starts = starts[starts >= from_us]
                tasks.append(_task(facts, starts, np.minimum(starts + width, self._now_us)))
        kept = _by_point(
            reads.read_rollup(
                resolution, _ids(points), from_us, min(to_us, max(settled.values())),
                limit=MAX_BUCKETS * len(points),
            )
        )  # fmt: skip
        computed = _by_point(_compute(tasks))
        found = {}
        for point_id, settled_us in settled.items():
            rows = kept.get(point_id, _NO_ROWS)[:MAX_BUCKETS]
            rows = rows[rows["bucket"] < settled_us]
            fresh = computed.get(point_id)
            found[point_id] = rows if fresh is None else np.concatenate([rows, fresh])
        return found

    def _days(self, points: list[Facts]) -> RollupRows:
        """Rows of days; those that are open are put together of their hours."""
        rows_of = _by_point(
            reads.read_rollup(
                Resolution.DAY, _ids(points), self._from_us, self._to_us, limit=MAX_BUCKETS * len(points)
            )
        )
        # A day that has just begun and the one before it, which may not be in its table yet.
        borders = {
            facts.zone: day_borders_us(
                int(day_borders_us(self._now_us - SETTLED_US, self._now_us, facts.zone)[0]),
                self._now_us,
                facts.zone,
            )
            for facts in points
        }
        opened = [facts for facts in points if self._to_us > borders[facts.zone][0]]
        hours = self._rollups(
            opened, Resolution.HOUR, min((int(b[0]) for b in borders.values()), default=0), self._now_us
        )
        found = {}
        for facts in points:
            rows = rows_of.get(facts.point_id, _NO_ROWS)[:MAX_BUCKETS]
            zone_borders = borders[facts.zone].tolist()
            if self._to_us > zone_borders[0]:
                rows = rows[rows["bucket"] < zone_borders[0]]
                own = hours[facts.point_id]
                parts = [rows]
                for start, end in pairwise(zone_borders):
                    if self._from_us <= start < self._to_us:
                        inside = (own["bucket"] >= start) & (own["bucket"] < end)
                        parts.append(merge_rows(own[inside], bucket_us=start))
                rows = np.concatenate(parts)
            found[facts.point_id] = rows
        return found


def _ids(points: Iterable[Facts]) -> list[int]:
    return [facts.point_id for facts in points]


def _by_point(rows: NDArray[np.void]) -> RollupRows:
    """Rows that stand by point and bucket → those of each point."""
    if not len(rows):
        return {}
    cuts = np.flatnonzero(np.diff(rows["point_id"])) + 1
    return {int(part["point_id"][0]): part for part in np.split(rows, cuts)}


def _task(facts: Facts, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Tasks:
    size = len(starts)
    return Tasks(
        np.full(size, facts.point_id, np.int32), starts, ends, np.full(size, facts.hold_us, np.int64),
        np.full(size, facts.kind == PointKind.COUNTER, np.int16),
    )  # fmt: skip


def _compute(tasks: list[Tasks]) -> NDArray[np.void]:
    """Compute the buckets of all tasks in one statement."""
    tasks = [each for each in tasks if len(each)]
    if not tasks:
        return _NO_ROWS
    return reads.compute_rollup(
        Tasks(
            *(
                np.concatenate([getattr(each, name) for each in tasks])
                for name in ("point_id", "start_us", "end_us", "hold_us", "is_counter")
            )
        )
    )

"""Roll-ups of one process between ingest and the tables: what is open, what waits, how far it is certain.

Not here: the arithmetic (rollup), the statements (engines/rollups), hours and days at their end (closing).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from forgeline.telemetry import closing, metrics
from forgeline.telemetry.buckets import HOUR_US, MINUTE_US
from forgeline.telemetry.closing import Frame
from forgeline.telemetry.distinct import distinct_rows
from forgeline.telemetry.engines import rollups as tables
from forgeline.telemetry.engines.base import Resolution
from forgeline.telemetry.engines.rollups import Tasks
from forgeline.telemetry.points import PointDirectory
from forgeline.telemetry.rollup import NONE, SUMS, Partials, Rows
from forgeline.telemetry.sample import PointKind, Quality, SampleBatch, SampleFlag

SETTLE_US = 1_500_000
"""A bucket is closed this long after its end: what is on its way then is late, and corrects it."""
MAX_TASKS = 5_000
"""Buckets computed anew in one statement."""
MAX_PAIRS = 20_000
"""Buckets computed anew in one flush."""
MAX_WAITING = 500_000
"""With more than this waiting, a batch waits before it is taken: late rows come faster than they are worked off."""
_NEVER = np.iinfo(np.int64).min

LateCounters = list[tuple[NDArray[np.int32], NDArray[np.int64]]]
"""(points, times) of rows of counters that came late."""


@dataclass(slots=True, eq=False)
class Flush:
    """What one flush writes; ``tasks`` are (slot, bucket) pairs to compute anew."""

    frame: Frame
    closed: NDArray[Any]
    pairs: NDArray[np.int64]
    rows: dict[Resolution, NDArray[Any]]
    tasks: dict[Resolution, Tasks]
    minute_seq: int
    hour_seq: int


class RollupKeeping:
    """Guarded by ingest's lock, but for ``write``."""

    def __init__(self) -> None:
        self.partials = Partials()
        self._waiting: deque[tuple[int, int, int]] = deque()
        """(commit, newest time of a point with minutes, newest time of a point without)."""
        self._late_counters: LateCounters = []
        self._minute_seq = self._hour_seq = 0

    def record(
        self,
        directory: PointDirectory,
        rows: SampleBatch,
        slots: NDArray[np.int32],
        *,
        late: NDArray[np.bool_],
        seq: int,
    ) -> NDArray[np.int32]:
        """Take rows that were committed; return the slots whose last row must be read from the store again."""
        kind = directory.facts["kind"][slots]
        is_number = kind != PointKind.TEXT
        good = (rows.quality == Quality.GOOD) & ~np.isnan(rows.value)
        held = (rows.flags & SampleFlag.HELD) != 0
        fresh = is_number & ~late
        columns = Rows(slots, rows.ts_us, rows.value, good, held)
        rhythm = directory.rhythm(slots)
        if not fresh.all():
            at = np.flatnonzero(fresh)
            columns = Rows(slots[at], rows.ts_us[at], rows.value[at], good[at], held[at])
            self.partials.take(columns, rhythm.take(at))
        else:
            self.partials.take(columns, rhythm)
        forgotten = self._record_late(directory, rows, slots, np.flatnonzero(is_number & late))
        is_minute = rhythm.width == MINUTE_US
        newest = [int(rows.ts_us[at].max()) if at.any() else _NEVER for at in (is_minute, ~is_minute)]
        self._waiting.append((seq, newest[0], newest[1]))
        return forgotten

    def _record_late(
        self, directory: PointDirectory, rows: SampleBatch, slots: NDArray[np.int32], at: NDArray[np.intp]
    ) -> NDArray[np.int32]:
        if not len(at):
            return np.zeros(0, np.int32)
        late_slots, ts = slots[at], rows.ts_us[at]
        rhythm = directory.rhythm(late_slots)
        self.partials.note_late(late_slots, ts, rhythm)
        if rhythm.is_counter.any():
            self._late_counters.append((rows.point_id[at][rhythm.is_counter], ts[rhythm.is_counter]))
        state = self.partials.state[late_slots]
        touches = (ts >= state["prev_ts"]) | (rhythm.is_counter & (ts >= state["measured_ts"]))
        return np.unique(late_slots[touches])

    def begin_anew(self, directory: PointDirectory, slots: NDArray[np.intp]) -> None:
        """Points that roll up otherwise from now on: their open hour is computed from the samples, in its new grain."""
        if not len(slots):
            return
        self.partials.state["bucket"][slots] = NONE
        self.partials.state["flushed"][slots] = NONE
        last = self.partials.state["prev_ts"][slots]
        slots, last = slots[last != NONE], last[last != NONE]
        rhythm = directory.rhythm(slots)
        hour = (last + rhythm.offset) // HOUR_US * HOUR_US - rhythm.offset
        self.partials.amend(slots, rhythm.bucket_of(hour), rhythm.bucket_of(last))

    def doubt(self, directory: PointDirectory, slots: NDArray[np.int32], from_us: int, to_us: int) -> None:
        """Another process has written these points in ``[from, to]``. It computes its buckets anew; what this one
        may have written after that, from sums that lacked those rows, is computed once more.
        """
        slots = slots[self.partials.state["bucket"][slots] != NONE]
        if not len(slots):
            return
        rhythm = directory.rhythm(slots)
        newest = self.partials.state["bucket"][slots]
        size = len(slots)
        low = np.maximum(rhythm.bucket_of(np.full(size, from_us)), newest - 2)
        high = np.minimum(rhythm.bucket_of(np.full(size, to_us) + rhythm.hold), newest + 1)
        keep = high >= low
        if keep.any():
            self.partials.amend(slots[keep], low[keep], high[keep])

    def take_late_counters(self) -> LateCounters:
        """Take out the late rows of counters, for ``look_behind``."""
        taken, self._late_counters = self._late_counters, []
        return taken

    def put_back_late_counters(self, taken: LateCounters) -> None:
        """Keep them for another time."""
        self._late_counters = taken + self._late_counters

    def amend_behind(self, directory: PointDirectory, found: NDArray[Any]) -> None:
        """The reading (store.LAST) behind a late row rises from another one now, however far away it is."""
        slots = directory.known_slots(np.ascontiguousarray(found["point_id"]))
        bucket = directory.rhythm(slots).bucket_of(found["ts"])
        self.partials.amend(slots, bucket, bucket)

    def take_out(self, directory: PointDirectory, now_us: int) -> Flush:
        """Close what is settled and take out everything that can be written."""
        settled = now_us - SETTLE_US
        every = np.arange(len(directory))
        if len(every):
            self.partials.emit(every, directory.rhythm(every), settled)
        closed, spans = self.partials.drain()
        pairs = expand(spans)
        if len(pairs):
            # An open bucket is computed anew when it closes; doing it now would be for nothing.
            rhythm = directory.rhythm(pairs[:, 0])
            is_open = rhythm.start_of(pairs[:, 1] + 1) > settled
            pairs = pairs[~(is_open & (pairs[:, 1] >= self.partials.state["bucket"][pairs[:, 0]]))]
        minute_seq, hour_seq = self._minute_seq, self._hour_seq
        if len(pairs) > MAX_PAIRS:
            # The rest waits for the next flush, so that latest values do not wait for it.
            self.partials.put_back(closed[:0], _spans(pairs[MAX_PAIRS:]))
            pairs = pairs[:MAX_PAIRS]
        else:
            minute_seq, hour_seq = self._certain(settled)
        facts = directory.facts
        frame = Frame(settled, directory.facts, list(directory.zones))
        flush = Flush(frame, closed, pairs, {}, {}, minute_seq, hour_seq)
        width = facts["bucket_us"][closed["slot"]]
        pair_width = facts["bucket_us"][pairs[:, 0]] if len(pairs) else np.zeros(0, np.int64)
        for resolution, us in ((Resolution.MINUTE, MINUTE_US), (Resolution.HOUR, HOUR_US)):
            flush.rows[resolution] = _to_rows(directory, closed[width == us])
            flush.tasks[resolution] = _to_tasks(directory, pairs[pair_width == us])
        metrics.ROLLUPS_WAITING.set(len(closed))
        metrics.RECOMPUTES_WAITING.set(len(pairs))
        return flush

    def _certain(self, settled_us: int) -> tuple[int, int]:
        """Return up to which commit minutes, and hours, are whole once this flush is written."""
        minute, hour = settled_us // MINUTE_US * MINUTE_US, (settled_us // HOUR_US - 1) * HOUR_US
        while self._waiting and self._waiting[0][1] < minute and self._waiting[0][2] < hour:
            seq, _, _ = self._waiting.popleft()
            self._minute_seq = self._hour_seq = seq
        for seq, newest_minute, _ in self._waiting:
            if newest_minute >= minute:
                break
            self._minute_seq = max(self._minute_seq, seq)
        return self._minute_seq, self._hour_seq

    def put_back(self, flush: Flush) -> None:
        """Keep what could not be written."""
        self.partials.put_back(flush.closed, _spans(flush.pairs))

    def write(self, connection: Connection[Any], flush: Flush) -> None:
        """Write closed buckets, compute the doubtful ones anew, and put the hours and days they belong to together
        where those are over. Each statement stands by itself: doing all of it again is right too.
        """
        for resolution in (Resolution.MINUTE, Resolution.HOUR):
            rows, tasks = flush.rows[resolution], flush.tasks[resolution]
            with connection.transaction():
                tables.upsert(connection, resolution, rows)
            metrics.ROLLUP_ROWS.labels("sums").inc(len(rows))
            for start in range(0, len(tasks), MAX_TASKS):
                with connection.transaction():
                    tables.recompute(connection, resolution, tasks.take(slice(start, start + MAX_TASKS)))
            metrics.ROLLUP_ROWS.labels("recomputed").inc(len(tasks))
            point_id = np.concatenate([rows["point_id"], tasks.point_id])
            start_us = np.concatenate([rows["bucket"], tasks.start_us])
            closing.compose_above(connection, resolution, point_id, start_us, flush.frame)


def _spans(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """(slot, bucket) → (slot, low, high)."""
    return np.column_stack([pairs, pairs[:, 1]]) if len(pairs) else np.zeros((0, 3), np.int64)


def expand(spans: NDArray[np.int64]) -> NDArray[np.int64]:
    """(slot, low, high) → (slot, bucket), no two alike."""
    if not len(spans):
        return np.zeros((0, 2), np.int64)
    counts = spans[:, 2] - spans[:, 1] + 1
    spans, counts = spans[counts > 0], counts[counts > 0]
    which = np.repeat(np.arange(len(spans)), counts)
    step = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    return distinct_rows(np.stack([spans[which, 0], spans[which, 1] + step], axis=1))


def _to_rows(directory: PointDirectory, closed: NDArray[Any]) -> NDArray[Any]:
    rows = np.zeros(len(closed), tables.ROW)
    facts = directory.facts[closed["slot"]]
    rows["point_id"] = facts["point_id"]
    rows["bucket"] = closed["bucket"] * facts["bucket_us"] - facts["offset_us"]
    for name, _ in SUMS:
        rows[name] = closed[name]
    empty = closed["good_count"] == 0
    for name in ("minimum", "maximum", "total", "first", "last"):
        rows[name][empty] = np.nan
    rows["increase"][facts["kind"] != PointKind.COUNTER] = np.nan
    return rows


def _to_tasks(directory: PointDirectory, pairs: NDArray[np.int64]) -> Tasks:
    return tasks_of(directory.facts, pairs)


def tasks_of(all_facts: NDArray[Any], pairs: NDArray[np.int64]) -> Tasks:
    facts = all_facts[pairs[:, 0]]
    start = pairs[:, 1] * facts["bucket_us"] - facts["offset_us"]
    return Tasks(
        facts["point_id"].copy(), start, start + facts["bucket_us"], facts["hold_us"].copy(),
        (facts["kind"] == PointKind.COUNTER).astype(np.int16),
    )  # fmt: skip

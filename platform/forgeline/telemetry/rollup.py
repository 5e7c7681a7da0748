"""Roll-ups as partial sums: batches go in, whole rows of closed buckets come out. Pure numpy; no table, no clock.

For each point (slot) the open bucket is kept as sums, with the last sample, whose value holds on. What these sums
cannot know (a late row, a bucket of which another process has seen a part) comes out as a task for the reference
statement instead. The definition that all of this follows is in engines/base; a property test holds both together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from forgeline.telemetry.distinct import distinct_rows
from forgeline.telemetry.sums import NONE, ROW, STATE, SUM_NAMES, SUMS, Rhythm, Rows, clear
from forgeline.telemetry.taking import Taking

__all__ = ["NONE", "SUMS", "Partials", "Rhythm", "Rows"]


class Partials:
    """Open buckets of all slots, and what has closed since the last ``drain``."""

    def __init__(self) -> None:
        self.state: NDArray[Any] = np.zeros(0, STATE)
        self._closed: list[NDArray[Any]] = []
        self._amended: list[NDArray[np.int64]] = []

    def grow(self, size: int) -> None:
        """Make room for slots up to ``size``."""
        more = size - len(self.state)
        if more > 0:
            fresh = np.zeros(more, STATE)
            for name in ("bucket", "prev_ts", "measured_ts", "flushed", "whole_from"):
                fresh[name] = NONE
            clear(fresh)
            self.state = np.concatenate([self.state, fresh])

    def load(
        self,
        slots: NDArray[Any],
        rhythm: Rhythm,
        prev: NDArray[Any],
        measured: NDArray[Any],
    ) -> None:
        """Begin from what the store holds: ``prev`` and ``measured`` (fields ts, value, good) are the last row and the
        last measured GOOD one of each slot, ts NONE for none. The bucket of the last row is known in part only.
        """
        state = self.state[slots]
        clear(state)
        known = prev["ts"] != NONE
        bucket = np.where(known, rhythm.bucket_of(np.where(known, prev["ts"], 0)), NONE)
        # What this process had emitted stays emitted; the part it has not seen is computed anew at the close.
        state["flushed"] = np.where(known, np.minimum(state["flushed"], bucket), NONE)
        state["flushed"] = np.where(known & (state["flushed"] == NONE), bucket, state["flushed"])
        state["whole_from"] = np.where(known, bucket + 1, NONE)
        state["bucket"] = bucket
        state["prev_ts"], state["prev_value"], state["prev_good"] = (
            prev["ts"],
            prev["value"],
            prev["good"] & known,
        )
        state["measured_ts"], state["measured_value"] = measured["ts"], measured["value"]
        self.state[slots] = state

    def take(self, rows: Rows, rhythm: Rhythm) -> None:
        """Add rows that are newer than everything taken for their slot before."""
        if len(rows.slot):
            Taking(self, rows, rhythm).run()

    def emit(self, slots: NDArray[Any], rhythm: Rhythm, settled_us: int) -> None:
        """Close, for now, the buckets that end at or before ``settled_us``: the last value holds on into them.

        Behind the end of the hold nothing is said: rows that come for those buckets later find them untouched.
        """
        state = self.state[slots]
        closed = rhythm.bucket_of(np.full(len(slots), settled_us, np.int64))
        bucket = np.maximum(state["flushed"], state["bucket"])
        held_until = np.where(state["prev_good"], state["prev_ts"] + rhythm.hold, state["prev_ts"])
        says = (bucket == state["bucket"]) & (state["flushed"] <= bucket) | (
            held_until > rhythm.start_of(bucket)
        )
        at = np.flatnonzero((state["bucket"] != NONE) & (bucket < closed) & says)
        if not len(at):
            return
        state, closed, rhythm, slots = state[at], closed[at], rhythm.take(at), slots[at]
        bucket, held_until = bucket[at], held_until[at]
        alive = np.ones(len(at), np.bool_)
        while alive.any():
            start = rhythm.start_of(bucket)
            own = bucket == state["bucket"]
            rows = np.zeros(len(at), ROW)
            clear(rows)
            for name in SUM_NAMES:
                rows[name][own] = state[name][own]
            rows["slot"], rows["bucket"] = slots, bucket
            seconds = np.clip(
                np.minimum(held_until, start + rhythm.width) - np.maximum(state["prev_ts"], start), 0, None
            ) / 1e6  # fmt: skip
            rows["covered_s"] += seconds
            rows["integral"] += np.where(seconds > 0, seconds * state["prev_value"], 0.0)
            self.close(rows[alive], state["whole_from"][alive])
            bucket = bucket + alive
            alive = alive & (bucket < closed) & (held_until > rhythm.start_of(bucket))
        self.state["flushed"][slots] = bucket

    def note_late(self, slots: NDArray[np.int32], ts: NDArray[np.int64], rhythm: Rhythm) -> None:
        """Rows came that are not newer than what was taken: the buckets they reach are computed anew when closed."""
        low = rhythm.bucket_of(ts - np.where(rhythm.is_counter, rhythm.hold, 0))
        high = np.minimum(rhythm.bucket_of(ts + rhythm.hold), self.state["bucket"][slots])
        high = np.maximum(high, rhythm.bucket_of(ts))
        self.amend(slots, low, high)

    def amend(self, slots: NDArray[Any], low: NDArray[np.int64], high: NDArray[np.int64]) -> None:
        """Have the buckets low to high, both included, of each slot computed anew once they are closed."""
        reaches = high >= self.state["bucket"][slots]
        if reaches.any():
            # The open sums are not whole any more; a slot may come several times.
            np.maximum.at(self.state["whole_from"], slots[reaches], high[reaches] + 1)
        spans = np.stack([slots.astype(np.int64), low, high], axis=1)
        self._amended.append(distinct_rows(spans))

    def drain(self) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return closed rows (dtype of Partials: slot, bucket, sums), no two alike, and spans (slot, low, high) to
        compute anew; both are forgotten here.
        """
        closed = np.concatenate(self._closed) if self._closed else np.zeros(0, ROW)
        spans = np.concatenate(self._amended) if self._amended else np.zeros((0, 3), np.int64)
        self._closed, self._amended = [], []
        if len(closed):
            # A bucket may have been closed for now and again with more in it: the last row is the fullest.
            order = np.lexsort((np.arange(len(closed)), closed["bucket"], closed["slot"]))
            closed = closed[order]
            last = np.ones(len(closed), np.bool_)
            last[:-1] = (closed["slot"][1:] != closed["slot"][:-1]) | (
                closed["bucket"][1:] != closed["bucket"][:-1]
            )
            closed = closed[last]
        return closed, spans

    def put_back(self, closed: NDArray[Any], spans: NDArray[np.int64]) -> None:
        """Take back what could not be written; what has closed since stands behind it and wins."""
        self._closed.insert(0, closed)
        self._amended.insert(0, spans)

    @property
    def waiting(self) -> tuple[int, int]:
        """Return how many rows and spans wait."""
        return sum(map(len, self._closed)), sum(map(len, self._amended))

    def amend_spans(self, spans: NDArray[np.int64]) -> None:
        """Have spans (slot, low, high) computed anew."""
        self._amended.append(spans)

    def close(self, rows: NDArray[Any], whole_from: NDArray[np.int64]) -> None:
        """Keep rows for ``drain``; those of buckets before ``whole_from`` are computed anew instead."""
        whole = rows["bucket"] >= whole_from
        if not whole.all():
            part = rows[~whole]
            spans = np.stack([part["slot"].astype(np.int64), part["bucket"], part["bucket"]], axis=1)
            self._amended.append(spans)
            rows = rows[whole]
        rows = rows[(rows["count"] > 0) | (rows["covered_s"] > 0) | (rows["increase"] != 0)]
        if len(rows):
            self._closed.append(rows)

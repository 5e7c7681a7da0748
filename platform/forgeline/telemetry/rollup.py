"""Roll-ups as partial sums: batches go in, whole rows of closed buckets come out. Pure numpy; no table, no clock.

For each point (slot) the open bucket is kept as sums, with the last sample, whose value holds on. What these sums
cannot know (a late row, a bucket of which another process has seen a part) comes out as a task for the reference
statement instead. The definition that all of this follows is in engines/base; a property test holds both together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forgeline.telemetry.pieces import EntryIndex, cut

NONE = np.iinfo(np.int64).min

SUMS: list[tuple[str, str]] = [
    ("count", "i4"), ("good_count", "i4"), ("covered_s", "f8"), ("integral", "f8"), ("minimum", "f8"),
    ("maximum", "f8"), ("total", "f8"), ("first", "f8"), ("last", "f8"), ("increase", "f8"),
]  # fmt: skip
_SUM_NAMES = [name for name, _ in SUMS]
_STATE = np.dtype(
    [
        *SUMS,
        ("bucket", "i8"), ("prev_ts", "i8"), ("prev_value", "f8"), ("prev_good", "?"), ("measured_ts", "i8"),
        ("measured_value", "f8"), ("flushed", "i8"), ("whole_from", "i8"),
    ]
)  # fmt: skip
_ROW = np.dtype([("slot", "i4"), ("bucket", "i8"), *SUMS])


@dataclass(frozen=True, slots=True, eq=False)
class Rhythm:
    """How the points of some slots roll up, a column each: bucket width, offset of the plant's full hours, longest
    hold (all in microseconds), and whether the point is a counter.
    """

    width: NDArray[np.int64]
    offset: NDArray[np.int64]
    hold: NDArray[np.int64]
    is_counter: NDArray[np.bool_]

    def take(self, rows: NDArray[Any]) -> Rhythm:
        """Return the chosen rows."""
        return Rhythm(self.width[rows], self.offset[rows], self.hold[rows], self.is_counter[rows])

    def bucket_of(self, ts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of the bucket of each instant."""
        return (ts + self.offset) // self.width

    def start_of(self, bucket: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the first microsecond of each bucket."""
        return bucket * self.width - self.offset


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Measured rows as columns, by slot and time, no two alike. ``good``: quality GOOD with a value."""

    slot: NDArray[np.int32]
    ts: NDArray[np.int64]
    value: NDArray[np.float64]
    good: NDArray[np.bool_]
    held: NDArray[np.bool_]


class Partials:
    """Open buckets of all slots, and what has closed since the last ``drain``."""

    def __init__(self) -> None:
        self.state: NDArray[Any] = np.zeros(0, _STATE)
        self._closed: list[NDArray[Any]] = []
        self._amended: list[NDArray[np.int64]] = []

    def grow(self, size: int) -> None:
        """Make room for slots up to ``size``."""
        more = size - len(self.state)
        if more > 0:
            fresh = np.zeros(more, _STATE)
            for name in ("bucket", "prev_ts", "measured_ts", "flushed", "whole_from"):
                fresh[name] = NONE
            _clear(fresh)
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
        _clear(state)
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
            _Taking(self, rows, rhythm).run()

    def emit(self, slots: NDArray[Any], rhythm: Rhythm, settled_us: int) -> None:
        """Close, for now, the buckets that end at or before ``settled_us``: the last value holds on into them."""
        state = self.state[slots]
        closed = rhythm.bucket_of(np.full(len(slots), settled_us, np.int64))
        at = np.flatnonzero(
            (state["bucket"] != NONE) & (state["flushed"] < closed) & (state["bucket"] < closed)
        )
        if not len(at):
            return
        state, closed, rhythm, slots = state[at], closed[at], rhythm.take(at), slots[at]
        bucket = np.maximum(state["flushed"], state["bucket"])
        held_until = np.where(state["prev_good"], state["prev_ts"] + rhythm.hold, state["prev_ts"])
        alive = np.ones(len(at), np.bool_)
        while alive.any():
            start = rhythm.start_of(bucket)
            own = bucket == state["bucket"]
            rows = np.zeros(len(at), _ROW)
            _clear(rows)
            for name in _SUM_NAMES:
                rows[name][own] = state[name][own]
            rows["slot"], rows["bucket"] = slots, bucket
            seconds = np.clip(
                np.minimum(held_until, start + rhythm.width) - np.maximum(state["prev_ts"], start), 0, None
            ) / 1e6  # fmt: skip
            rows["covered_s"] += seconds
            rows["integral"] += np.where(seconds > 0, seconds * state["prev_value"], 0.0)
            self._close(rows[alive], state["whole_from"][alive])
            bucket = bucket + 1
            alive = alive & (bucket < closed) & (held_until > rhythm.start_of(bucket))
        self.state["flushed"][slots] = closed

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
        self._amended.append(np.unique(spans, axis=0))

    def drain(self) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return closed rows (dtype of Partials: slot, bucket, sums), no two alike, and spans (slot, low, high) to
        compute anew; both are forgotten here.
        """
        closed = np.concatenate(self._closed) if self._closed else np.zeros(0, _ROW)
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

    def _close(self, rows: NDArray[Any], whole_from: NDArray[np.int64]) -> None:
        whole = rows["bucket"] >= whole_from
        if not whole.all():
            part = rows[~whole]
            spans = np.stack([part["slot"].astype(np.int64), part["bucket"], part["bucket"]], axis=1)
            self._amended.append(spans)
            rows = rows[whole]
        rows = rows[(rows["count"] > 0) | (rows["covered_s"] > 0) | (rows["increase"] != 0)]
        if len(rows):
            self._closed.append(rows)


def _clear(sums: NDArray[Any]) -> None:
    for name in _SUM_NAMES:
        sums[name] = 0
    sums["minimum"], sums["maximum"] = np.inf, -np.inf
    sums["first"] = sums["last"] = np.nan


class _Taking:
    """One batch on its way into the sums.

    An *entry* is a bucket of a slot that this batch touches: the open one that the slot brings along (carried), or
    one that its rows open. Entries stand by slot and time; a row's entry is a number.
    """

    def __init__(self, partials: Partials, rows: Rows, rhythm: Rhythm) -> None:
        self.partials, self.rows, self.rhythm = partials, rows, rhythm
        n = len(rows.slot)
        first = np.ones(n, np.bool_)
        first[1:] = rows.slot[1:] != rows.slot[:-1]
        self.heads = np.flatnonzero(first)
        self.tails = np.append(self.heads[1:], n) - 1
        self.group = np.cumsum(first) - 1
        self.slots = rows.slot[self.heads]
        self.state = partials.state[self.slots]
        self.bucket = rhythm.bucket_of(rows.ts)
        self.brings = self.state["bucket"] != NONE
        fresh = np.ones(n, np.bool_)
        fresh[1:] = first[1:] | (self.bucket[1:] != self.bucket[:-1])
        fresh[self.heads] = ~(self.brings & (self.state["bucket"] == self.bucket[self.heads]))
        carried = np.zeros(n, np.int64)
        carried[self.heads] = self.brings
        self.entry = np.cumsum(fresh) + np.cumsum(carried) - 1
        self.carried_entry = self.entry[self.heads] - fresh[self.heads]
        self.joined = ~fresh[self.heads] & self.brings
        self.size = int(self.entry[-1]) + 1

    def run(self) -> None:
        rows, state = self.rows, self.state
        self.sums = np.zeros(self.size, _ROW)
        _clear(self.sums)
        self.owner = np.zeros(self.size, np.int64)
        self.sums["slot"][self.entry], self.sums["bucket"][self.entry] = rows.slot, self.bucket
        self.owner[self.entry] = self.group
        brought = self.carried_entry[self.brings]
        for name in ("bucket", *_SUM_NAMES):
            self.sums[name][brought] = state[name][self.brings]
        self.sums["slot"][brought] = self.slots[self.brings]
        self.owner[brought] = np.flatnonzero(self.brings)
        self.index = EntryIndex(self.owner, self.sums["bucket"])
        self._add_values()
        self._add_holds()
        if self.rhythm.is_counter.any():
            self._add_increases()
        self._close()

    def _add_values(self) -> None:
        rows, sums, entry = self.rows, self.sums, self.entry
        is_value = rows.good & ~rows.held
        every = bool(is_value.all())
        sums["count"] += np.bincount(
            entry, weights=None if every else ~rows.held, minlength=self.size
        ).astype(np.int32)
        sums["good_count"] += np.bincount(
            entry, weights=None if every else is_value, minlength=self.size
        ).astype(np.int32)
        value = rows.value if every else np.where(is_value, rows.value, 0.0)
        sums["total"] += np.bincount(entry, weights=value, minlength=self.size)
        change = np.ones(len(entry), np.bool_)
        change[1:] = entry[1:] != entry[:-1]
        runs = np.flatnonzero(change)
        at = entry[runs]
        low = value if every else np.where(is_value, rows.value, np.inf)
        high = value if every else np.where(is_value, rows.value, -np.inf)
        sums["minimum"][at] = np.minimum(sums["minimum"][at], np.minimum.reduceat(low, runs))
        sums["maximum"][at] = np.maximum(sums["maximum"][at], np.maximum.reduceat(high, runs))
        if every:
            first, last = runs, np.append(runs[1:], len(entry)) - 1
        else:
            number = np.arange(len(entry))
            first = np.minimum.reduceat(np.where(is_value, number, len(entry)), runs)
            last = np.maximum.reduceat(np.where(is_value, number, -1), runs)
            found = last >= 0
            at, first, last = at[found], first[found], last[found]
        opens = np.isnan(sums["first"][at])
        sums["first"][at[opens]] = rows.value[first[opens]]
        sums["last"][at] = rows.value[last]

    def _add_holds(self) -> None:
        """Each row ends the hold of the one before it; a hold that crosses a border is cut there."""
        rows, heads = self.rows, self.heads
        before_ts, before_value = np.empty_like(rows.ts), np.empty_like(rows.value)
        before_good, before_entry = np.empty_like(rows.good), np.empty_like(self.entry)
        before_ts[1:], before_value[1:] = rows.ts[:-1], rows.value[:-1]
        before_good[1:], before_entry[1:] = rows.good[:-1], self.entry[:-1]
        before_ts[heads] = np.where(self.brings, self.state["prev_ts"], rows.ts[heads])
        before_value[heads], before_good[heads] = (
            self.state["prev_value"],
            self.state["prev_good"] & self.brings,
        )
        before_entry[heads] = self.carried_entry
        until = np.minimum(rows.ts, before_ts + self.rhythm.hold)
        border = self.rhythm.start_of(self.rhythm.bucket_of(before_ts) + 1)
        inside = before_good & (until <= border)
        weight = np.where(inside, (until - before_ts) / 1e6, 0.0)
        before_entry = np.where(inside, before_entry, self.entry)
        self.sums["covered_s"] += np.bincount(before_entry, weights=weight, minlength=self.size)
        held = weight * np.where(inside, before_value, 0.0)
        self.sums["integral"] += np.bincount(before_entry, weights=held, minlength=self.size)
        across = np.flatnonzero(before_good & ~inside)
        if len(across):
            row, bucket, span = cut(across, before_ts[across], until[across], self.rhythm)
            seconds = span / 1e6
            entry = self._find_entries(row, bucket)
            np.add.at(self.sums["covered_s"], entry, seconds)
            np.add.at(self.sums["integral"], entry, seconds * before_value[row])

    def _add_increases(self) -> None:
        rows = self.rows
        at = np.flatnonzero(rows.good & ~rows.held & self.rhythm.is_counter)
        if not len(at):
            return
        group = self.group[at]
        opens = np.ones(len(at), np.bool_)
        opens[1:] = group[1:] != group[:-1]
        before_ts, before = np.empty(len(at), np.int64), np.empty(len(at))
        before_ts[1:], before[1:] = rows.ts[at[:-1]], rows.value[at[:-1]]
        before_ts[opens], before[opens] = (
            self.state["measured_ts"][group[opens]], self.state["measured_value"][group[opens]]
        )  # fmt: skip
        known = before_ts != NONE
        at, before_ts, before = at[known], before_ts[known], before[known]
        value = rows.value[at]
        rise = np.where(value >= before, value - before, value)
        gap = rows.ts[at] - before_ts
        same = self.rhythm.take(at).bucket_of(before_ts) == self.bucket[at]
        whole = same | (gap > self.rhythm.hold[at])
        np.add.at(self.sums["increase"], self.entry[at[whole]], rise[whole])
        across = ~whole
        if across.any():
            row, bucket, span = cut(at[across], before_ts[across], rows.ts[at[across]], self.rhythm)
            rate = np.zeros(len(rows.ts))
            rate[at[across]] = rise[across] / gap[across]
            # Finding may open entries, and with them a longer column of sums.
            entry = self._find_entries(row, bucket)
            np.add.at(self.sums["increase"], entry, span * rate[row])

    def _find_entries(self, row: NDArray[np.intp], bucket: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return the entry of (slot of row, bucket), opening those that no row lies in."""
        group = self.group[row]
        entry, missing = self.index.find(group, bucket)
        if not missing.any():
            return entry
        opened, number = self.index.open(group[missing], bucket[missing])
        more = np.zeros(len(opened), _ROW)
        _clear(more)
        more["slot"], more["bucket"] = self.slots[opened[:, 0]], opened[:, 1]
        self.owner = np.append(self.owner, opened[:, 0])
        self.sums = np.concatenate([self.sums, more])
        entry[missing] = number
        return entry

    def _close(self) -> None:
        rows, state, sums = self.rows, self.state, self.sums
        last_entry = self.entry[self.tails]
        done = np.ones(len(sums), np.bool_)
        done[last_entry] = False
        is_counter = self.rhythm.is_counter[self.heads]
        # Emitted already, with the hold that has now come true.
        idle = self.brings & ~self.joined & (state["flushed"] > state["bucket"]) & ~is_counter
        done[self.carried_entry[idle]] = False
        whole_from = state["whole_from"][self.owner]
        # A share for a bucket that lies before the open one was emitted without it.
        whole_from = np.where(
            self.brings[self.owner] & (sums["bucket"] < state["bucket"][self.owner]),
            np.iinfo(np.int64).max, whole_from,
        )  # fmt: skip
        self.partials._close(sums[done], whole_from[done])
        self._amend_emitted(last_entry)
        for name in ("bucket", *_SUM_NAMES):
            state[name] = sums[name][last_entry]
        state["prev_ts"], state["prev_value"] = rows.ts[self.tails], rows.value[self.tails]
        state["prev_good"] = rows.good[self.tails]
        self._remember_measured()
        state["flushed"] = np.minimum(
            np.where(state["flushed"] == NONE, state["bucket"], state["flushed"]), state["bucket"]
        )
        self.partials.state[self.slots] = state

    def _amend_emitted(self, last_entry: NDArray[np.intp]) -> None:
        """Buckets behind the newest row may have been emitted with the old value's hold."""
        newest = self.sums["bucket"][last_entry]
        beyond = self.state["flushed"] > newest + 1
        if beyond.any():
            spans = np.stack(
                [self.slots[beyond].astype(np.int64), newest[beyond] + 1, self.state["flushed"][beyond] - 1],
                axis=1,
            )
            self.partials._amended.append(spans)

    def _remember_measured(self) -> None:
        rows = self.rows
        number = np.where(rows.good & ~rows.held, np.arange(len(rows.ts)), -1)
        last = np.maximum.reduceat(number, self.heads)
        found = last >= 0
        self.state["measured_ts"][found] = rows.ts[last[found]]
        self.state["measured_value"][found] = rows.value[last[found]]

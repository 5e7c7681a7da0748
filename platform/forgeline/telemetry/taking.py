"""One batch on its way into the sums of open buckets. Pure numpy. Not here: closing them (rollup)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from forgeline.telemetry.pieces import EntryIndex, cut
from forgeline.telemetry.sums import NONE, ROW, SUM_NAMES, Rhythm, Rows, clear

if TYPE_CHECKING:
    from forgeline.telemetry.rollup import Partials


class Taking:
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
        self.sums = np.zeros(self.size, ROW)
        clear(self.sums)
        self.owner = np.zeros(self.size, np.int64)
        self.sums["slot"][self.entry], self.sums["bucket"][self.entry] = rows.slot, self.bucket
        self.owner[self.entry] = self.group
        brought = self.carried_entry[self.brings]
        for name in ("bucket", *SUM_NAMES):
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
        more = np.zeros(len(opened), ROW)
        clear(more)
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
        self.partials.close(sums[done], whole_from[done])
        self._amend_emitted(last_entry)
        for name in ("bucket", *SUM_NAMES):
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
            self.partials.amend_spans(spans)

    def _remember_measured(self) -> None:
        rows = self.rows
        number = np.where(rows.good & ~rows.held, np.arange(len(rows.ts)), -1)
        last = np.maximum.reduceat(number, self.heads)
        found = last >= 0
        self.state["measured_ts"][found] = rows.ts[last[found]]
        self.state["measured_value"][found] = rows.value[last[found]]

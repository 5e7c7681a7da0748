"""Rules judged through months, a piece at a time, by the very book of the live judge. Pure.

What is kept from one piece to the next is what the live judge keeps: where the rules stand, and those samples that a
rule over several points still needs. Not here: reading samples (machine), counting alarms (spans).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forgeline.alarms.judging.book import Book, Planned
from forgeline.alarms.judging.columns import NEVER, new_standing
from forgeline.alarms.judging.signals import Samples
from forgeline.alarms.trying.extremes import find_peaks, has_size, signal_of
from forgeline.alarms.trying.spans import SPANS

NO_SAMPLES = Samples(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0))


class Walk:
    """Some rules on their way from ``from_us`` on."""

    def __init__(self, rules: Sequence[Planned], from_us: int) -> None:
        self.book = Book(rules)
        self.from_us = self.until_us = from_us
        self.standing = new_standing(len(rules))
        self.carried = NO_SAMPLES
        self.held_us = np.zeros(len(self.book.point_ids), np.int64)
        """How long each point of the book (``book.point_ids``) had a good value so far."""
        self._newest_us = np.full(len(self.book.point_ids), NEVER)
        self._closed: list[list[NDArray[np.void]]] = [[] for _ in rules]
        self._open_us = np.full(len(rules), NEVER)
        self._open_peak = np.full(len(rules), np.nan)

    def begin(self, last: Samples) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Stand where a rule stands that is published at ``from_us``; ``last`` has each point's last good sample.

        Returns (points, after_us): what the rules want to see again of the time before, to be given to ``carry``.
        """
        self.book.begin(
            self.standing, points=last.point_id, ts_us=last.ts_us, value=last.value,
            is_new=np.ones(len(self.book), np.bool_), sure_us=self.from_us, now_us=self.from_us,
        )  # fmt: skip
        at = np.searchsorted(self.book.point_ids, last.point_id)
        self._newest_us[at] = last.ts_us
        return self.book.list_needs(self.standing, self.book.point_ids)

    def carry(self, samples: Samples) -> None:
        """Keep those samples that a rule still needs."""
        points, after_us = self.book.list_needs(self.standing, self.book.point_ids)
        kept = samples.ts_us > after_us[np.searchsorted(points, samples.point_id)]
        self.carried = Samples(samples.point_id[kept], samples.ts_us[kept], samples.value[kept])

    def step(self, news: Samples, until_us: int) -> None:
        """Judge on up to ``until_us``; ``news`` are the good samples since the last step, by point and time."""
        self._measure(news, until_us)
        samples = join(self.carried, news)
        transitions = self.book.judge(samples, self.standing, now_us=until_us)
        self._record(transitions, samples, until_us)
        self.until_us = until_us
        self.carry(samples)

    def spans(self, number: int) -> NDArray[np.void]:
        """Return the spans of a rule (spans.SPANS) within what has been walked; one that stands is open."""
        found = list(self._closed[number])
        if self._open_us[number] != NEVER:
            found.append(
                np.array(
                    [(self._open_us[number], self.until_us, self._open_peak[number], True)], SPANS
                )
            )  # fmt: skip
        every = np.concatenate(found) if found else np.zeros(0, SPANS)
        every["begin_us"] = np.maximum(every["begin_us"], self.from_us)
        return every[every["end_us"] > every["begin_us"]]

    def _record(self, transitions: NDArray[np.void], samples: Samples, until_us: int) -> None:
        for number, planned in enumerate(self.book.rules):
            own = transitions[transitions["rule"] == number]
            was_open = self._open_us[number] != NEVER
            if not len(own) and not was_open:
                continue
            raised = own[own["is_active"]]
            begin_us, peak = raised["ts_us"], raised["signal"]
            if was_open:
                begin_us = np.append(self._open_us[number], begin_us)
                peak = np.append(self._open_peak[number], peak)
            end_us = own["ts_us"][~own["is_active"]]
            is_open = len(begin_us) > len(end_us)
            if has_size(planned):
                # What has been stored but not judged yet may lie beyond the end of the alarm.
                judged_us = min(until_us, int(self.standing["seen_us"][number]) + 1)
                until = np.append(end_us, judged_us) if is_open else end_us
                peak = find_peaks(planned, signal_of(planned, samples), begin_us, until, peak)
            else:
                peak = np.full(len(begin_us), np.nan)
            closed = np.zeros(len(end_us), SPANS)
            closed["begin_us"], closed["end_us"] = begin_us[: len(end_us)], end_us
            closed["peak"] = peak[: len(end_us)]
            self._closed[number].append(closed)
            self._open_us[number] = begin_us[-1] if is_open else NEVER
            self._open_peak[number] = peak[-1] if is_open else np.nan

    def _measure(self, news: Samples, until_us: int) -> None:
        """Add how long each point had a good value up to ``until_us``."""
        for at, (point_id, hold_us) in enumerate(self._holds()):
            start, end = np.searchsorted(news.point_id, [point_id, point_id + 1])
            ts_us = np.append(self._newest_us[at], news.ts_us[start:end])
            until = np.minimum(np.append(ts_us[1:], until_us), ts_us + hold_us)
            self.held_us[at] += np.clip(until - np.maximum(ts_us, self.until_us), 0, None).sum()
            self._newest_us[at] = ts_us[-1]

    def _holds(self) -> list[tuple[int, int]]:
        """Return (point, how long its value holds) in the book's order."""
        holds = {each.point_id: each.hold_us for rule in self.book.rules for each in rule.inputs.values()}
        return [(point_id, holds[point_id]) for point_id in self.book.point_ids.tolist()]

    def dump(self) -> dict[str, NDArray[np.generic]]:
        """Return all that is needed to walk on from here, as arrays; ``load`` takes it."""
        found: dict[str, NDArray[np.generic]] = {
            "until_us": np.array([self.until_us]), "standing": self.standing, "held_us": self.held_us,
            "newest_us": self._newest_us, "open_us": self._open_us, "open_peak": self._open_peak,
            "carried_point": self.carried.point_id, "carried_ts": self.carried.ts_us,
            "carried_value": self.carried.value,
        }  # fmt: skip
        for number, closed in enumerate(self._closed):
            found[f"closed_{number}"] = np.concatenate(closed) if closed else np.zeros(0, SPANS)
        return found

    def load(self, kept: dict[str, NDArray[np.generic]]) -> None:
        """Stand where ``dump`` was called; the rules must be the same."""
        self.until_us = int(kept["until_us"][0])
        self.standing[:] = kept["standing"]
        self.held_us[:], self._newest_us[:] = kept["held_us"], kept["newest_us"]
        self._open_us[:], self._open_peak[:] = kept["open_us"], kept["open_peak"]
        self.carried = Samples(kept["carried_point"], kept["carried_ts"], kept["carried_value"])  # type: ignore[arg-type]
        self._closed = [[kept[f"closed_{number}"]] for number in range(len(self.book))]  # type: ignore[list-item]


def join(one: Samples, other: Samples) -> Samples:
    """Return two sets of samples as one, by point and time; the same instant of a point once."""
    if not len(one.ts_us):
        return other
    point_id = np.concatenate([one.point_id, other.point_id])
    ts_us, value = np.concatenate([one.ts_us, other.ts_us]), np.concatenate([one.value, other.value])
    order = np.lexsort((ts_us, point_id))
    point_id, ts_us, value = point_id[order], ts_us[order], value[order]
    first = np.ones(len(ts_us), np.bool_)
    first[1:] = (point_id[1:] != point_id[:-1]) | (ts_us[1:] != ts_us[:-1])
    return Samples(point_id[first], ts_us[first], value[first])

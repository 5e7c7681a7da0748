"""Maintenance in figures: dues foretold, reliability, cost. Pure; times are microseconds, spans half-open [from, to).

Not here: where stops, running time and orders come from (queries).
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
FARTHEST_DAYS = 3650
"""Beyond ten years a foretold day says nothing."""

Spans = NDArray[np.int64]
"""**Shape** (n, 2): from and to of each span."""


def spans_of(pairs: Sequence[tuple[int, int]]) -> Spans:
    """Return spans as an array; empty ones are left out."""
    return np.array([pair for pair in pairs if pair[1] > pair[0]], np.int64).reshape(-1, 2)


def clip(spans: Spans, from_us: int, to_us: int) -> Spans:
    """Return the parts of spans that lie in ``[from, to)``."""
    cut = np.clip(spans, from_us, to_us)
    return cut[cut[:, 1] > cut[:, 0]]


def measure(spans: Spans) -> int:
    """Return how long the union of spans lasts: what two of them share counts once."""
    if not len(spans):
        return 0
    order = spans[np.argsort(spans[:, 0], kind="stable")]
    ends = np.maximum.accumulate(order[:, 1])
    begun = np.concatenate(([order[0, 0]], np.maximum(order[1:, 0], ends[:-1])))
    return int(np.clip(order[:, 1] - begun, 0, None).sum())


@dataclass(frozen=True, slots=True)
class Reliability:
    """What a machine's failures say over a span; None where there is nothing to say it of."""

    failures: int
    operating_h: float
    down_h: float
    mtbf_h: float | None
    mttr_h: float | None
    availability: float | None


def reckon_reliability(
    failures: Spans, stops: Spans, operating_us: int, from_us: int, to_us: int, *, now_us: int
) -> Reliability:
    """Return MTBF, MTTR and availability of ``[from, to)``.

    ``failures`` are the stops by failure, ``stops`` all that count as down (planned ones too where the caller wants
    them). A failure belongs to the span in which it began; one that is not restored by ``now_us`` counts as failure
    and as downtime so far, not as a repair.
    **Units** hours; availability 0 to 1.
    **Source** EN 15341:2007 T17 (operating time / failures), T21 (time to restoration / failures), T1 (operating time /
    (operating time + downtime for maintenance)); failure as in EN 13306:2017 5.1: the machine has lost the ability to
    do what is asked of it, so work beside a running machine is none.
    """
    begun = failures[(failures[:, 0] >= from_us) & (failures[:, 0] < to_us)]
    restored = begun[begun[:, 1] < now_us]
    down_us = measure(clip(stops, from_us, to_us))
    count = len(begun)
    total = operating_us + down_us
    return Reliability(
        failures=count,
        operating_h=operating_us / HOUR_US,
        down_h=down_us / HOUR_US,
        mtbf_h=operating_us / HOUR_US / count if count else None,
        mttr_h=float((restored[:, 1] - restored[:, 0]).mean()) / HOUR_US if len(restored) else None,
        availability=operating_us / total if total else None,
    )


def share(part: float, rest: float) -> float | None:
    """Return part / (part + rest), None where there is neither.

    **Source** EN 15341:2007 O18 (preventive / all maintenance hours) where hours are given.
    """
    return part / (part + rest) if part + rest > 0 else None


def next_due_on(first_on: date, every: int, unit: str, after: date) -> date:
    """Return the first due after a day, counted from ``first_on``: the 31st falls on the last day of a short month."""
    if after < first_on:
        return first_on
    if unit == "month":
        turns = ((after.year - first_on.year) * 12 + after.month - first_on.month) // every
        while (due := _add_months(first_on, turns * every)) <= after:
            turns += 1
        return due
    step = every * (7 if unit == "week" else 1)
    return first_on + timedelta(days=((after - first_on).days // step + 1) * step)


def _add_months(on: date, months: int) -> date:
    year, month = divmod(on.year * 12 + on.month - 1 + months, 12)
    return on.replace(year=year, month=month + 1, day=min(on.day, monthrange(year, month + 1)[1]))


def move_to_working_day(on: date, is_working: Callable[[date], bool]) -> date:
    """Return the day, or the next that the plant works; after two weeks without one the day itself."""
    for days in range(14):
        if is_working(on + timedelta(days=days)):
            return on + timedelta(days=days)
    return on


def foretell_due(remaining: float, rate_a_day: float | None, today: date) -> date | None:
    """Return the day on which what remains is used up at the recent rate; None where nothing moves.

    **Units** hours or counts, and the same a day.
    """
    if remaining <= 0:
        return today
    if rate_a_day is None or rate_a_day <= 0:
        return None
    days = remaining / rate_a_day
    return None if days > FARTHEST_DAYS else today + timedelta(days=int(np.ceil(days)))

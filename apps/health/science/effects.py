"""Did it help? Before and after, per machine and over the fleet, with intervals that admit how little is known. Pure.

Failures are counts over running hours: one rate by the exact Poisson interval (Garwood 1936), the ratio of two by the
exact conditional test (Przyborowski & Wilenski 1940, interval by Clopper & Pearson 1934). Downtime, hours and cost are
sums of skewed things: the difference of means a week by Welch (1947). Over a fleet the unit is the machine: each left
out in turn (jackknife, Tukey 1958) or its change (Student 1908). A before-and-after is no experiment; what else
changed is not seen.

Not by bootstrap: on made-up weeks of which most are zero, percentile and BCa intervals held the truth in 74 to 90 of
100 draws where they promise 95; these hold it in 93 to 99 (tests; with very heavy tails, in 81 to 92).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.health.science.evidence import NotEnough, Reason

Floats = NDArray[np.float64]
LEAST_WEEKS = 8
"""On either side; below, nothing is said."""
LEAST_MACHINES = 5
MOST_WEEKS_AHEAD = 260


@dataclass(frozen=True, slots=True)
class Rate:
    """Failures a running hour, with its exact interval."""

    per_h: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RateRatio:
    """Failures a running hour after, over before; below 1 is better."""

    ratio: float
    low: float
    high: float
    p_value: float
    before_per_h: float
    after_per_h: float


@dataclass(frozen=True, slots=True)
class MeanChange:
    """After minus before, a period; below 0 is less."""

    change: float
    low: float
    high: float
    before: float
    after: float


def read_rate(failures: int, hours: float, *, share: float = 0.95) -> Rate | NotEnough:
    """Return how often a machine failed. **Units** running hours. None seen has a rate of 0 and a high end."""
    if hours <= 0:
        return NotEnough(Reason.TOO_SHORT, {"span_s": 0.0, "needed_s": 1.0})
    tail = (1 - share) / 2
    low = float(_special().gammaincinv(failures, tail)) if failures else 0.0
    high = float(_special().gammaincinv(failures + 1, 1 - tail))
    return Rate(failures / hours, low / hours, high / hours)


def compare_failures(
    before: int, before_h: float, after: int, after_h: float, *, share: float = 0.95
) -> RateRatio | NotEnough:
    """Compare failures of one machine. **Units** running hours. ``high`` is infinite where none failed before."""
    if before_h <= 0 or after_h <= 0:
        return NotEnough(Reason.TOO_SHORT, {"span_s": min(before_h, after_h) * 3600, "needed_s": 1.0})
    if before + after == 0:
        return NotEnough(Reason.TOO_FEW_FAILURES, {"failures": 0.0, "needed": 1.0})
    chance = after_h / (before_h + after_h)
    low, high = _part_of(after, before, share)
    tails = (
        _special().bdtr(after, before + after, chance),
        _special().bdtrc(after - 1, before + after, chance),
    )
    return RateRatio(
        ratio=_ratio(after / (before + after), before_h, after_h),
        low=_ratio(low, before_h, after_h),
        high=_ratio(high, before_h, after_h),
        p_value=min(1.0, 2 * float(min(tails))),
        before_per_h=before / before_h,
        after_per_h=after / after_h,
    )


def foretell_weeks(
    before: int, before_h: float, after: int, after_h: float, weeks: int, *, share: float = 0.95
) -> int | None:
    """Return after how many weeks more the interval would leave 1 out, were both rates to stay as they are.

    ``weeks``: those that ``after_h`` are of. None: not within five years, or there is nothing to go on. A guide to
    patience and no promise: the rate that was seen is itself uncertain.
    """
    if weeks <= 0 or before_h <= 0 or after_h <= 0 or before + after == 0:
        return None
    ahead = np.arange(1, MOST_WEEKS_AHEAD + 1)
    hours = after_h / weeks * (weeks + ahead)
    seen = np.round(after / weeks * (weeks + ahead))
    low, high = _part_of(seen, before, share)
    chance = hours / (before_h + hours)
    told = np.flatnonzero((high < chance) | (low > chance))
    return int(ahead[told[0]]) if len(told) else None


def compare_fleet_failures(
    before: Floats, before_h: Floats, after: Floats, after_h: Floats, *, share: float = 0.95
) -> RateRatio | NotEnough:
    """Compare the failures of several machines, one entry each.

    Machines differ and fail in runs, so that the interval is of machines left out in turn, not of failures; it is
    never narrower than the exact one of the sums. The ratio weighs each machine by its hours after (indirect
    standardisation): a machine that ran more does not look worse for it.
    """
    count = len(before)
    if count < LEAST_MACHINES:
        return NotEnough(Reason.TOO_FEW_GROUPS, {"groups": float(count), "needed": float(LEAST_MACHINES)})
    if not ((before_h > 0) & (after_h > 0)).all():
        return NotEnough(Reason.TOO_SHORT, {"span_s": 0.0, "needed_s": 1.0})
    exact = compare_failures(
        int(before.sum()), float(before_h.sum()), int(after.sum()), float(after_h.sum()), share=share
    )
    if isinstance(exact, NotEnough):
        return exact
    expected = before / before_h * after_h
    told, due = float(after.sum()), float(expected.sum())
    if not told or not due:
        return exact
    # Half a failure stands for none, so that a machine that had all of them can be left out.
    without = np.log(np.maximum(told - after, 0.5) / np.maximum(due - expected, 0.5))
    error = float(np.sqrt((count - 1) / count * ((without - without.mean()) ** 2).sum()))
    reach = float(_special().stdtrit(count - 1, (1 + share) / 2)) * error
    ratio = told / due
    low, high = float(ratio * np.exp(-reach)), float(ratio * np.exp(reach))
    return RateRatio(
        ratio,
        min(low, exact.low),
        max(high, exact.high),
        exact.p_value,
        exact.before_per_h,
        exact.after_per_h,
    )


def compare_amounts(
    before: Floats, after: Floats, *, share: float = 0.95, least: int = LEAST_WEEKS
) -> MeanChange | NotEnough:
    """Compare amounts (downtime, hours, cost) of equal periods, as weeks: one entry a period, zeros included.

    **Gaps** NaN periods are left out. Fewer than ``least`` on either side say nothing.
    """
    old, new = before[np.isfinite(before)], after[np.isfinite(after)]
    fewest = min(len(old), len(new))
    if fewest < least:
        return NotEnough(Reason.TOO_FEW_SAMPLES, {"samples": float(fewest), "needed": float(least)})
    if np.ptp(old) == 0 and np.ptp(new) == 0:
        return NotEnough(Reason.NO_VARIATION)
    change = float(new.mean() - old.mean())
    parts = np.array([new.var(ddof=1) / len(new), old.var(ddof=1) / len(old)])
    freedom = parts.sum() ** 2 / (parts**2 / np.array([len(new) - 1, len(old) - 1])).sum()
    reach = float(_special().stdtrit(freedom, (1 + share) / 2) * np.sqrt(parts.sum()))
    return MeanChange(
        change=change,
        low=change - reach,
        high=change + reach,
        before=float(old.mean()),
        after=float(new.mean()),
    )


def compare_fleet_amounts(before: Floats, after: Floats, *, share: float = 0.95) -> MeanChange | NotEnough:
    """Compare amounts of several machines together. **Shape** the mean a week of each, one entry a machine.

    The answer is of all of them: their sums, and the interval of the change by how differently they changed.
    """
    count = len(before)
    if count < LEAST_MACHINES:
        return NotEnough(Reason.TOO_FEW_GROUPS, {"groups": float(count), "needed": float(LEAST_MACHINES)})
    changed = after - before
    if np.ptp(changed) == 0:
        return NotEnough(Reason.NO_VARIATION)
    change = float(changed.sum())
    reach = float(_special().stdtrit(count - 1, (1 + share) / 2) * changed.std(ddof=1) * np.sqrt(count))
    return MeanChange(
        change=change,
        low=change - reach,
        high=change + reach,
        before=float(before.sum()),
        after=float(after.sum()),
    )


def _part_of(after: Any, before: int, share: float) -> tuple[Any, Any]:
    """Return the ends of the after's part of all failures, by Clopper and Pearson."""
    tail = (1 - share) / 2
    low = np.where(after > 0, _special().betaincinv(np.maximum(after, 1), before + 1, tail), 0.0)
    high = np.where(before > 0, _special().betaincinv(after + 1, max(before, 1), 1 - tail), 1.0)
    return low, high


def _ratio(part: Any, before_h: float, after_h: float) -> float:
    """Turn the after's part of all failures into the ratio of rates."""
    return float(part / (1 - part) * before_h / after_h) if part < 1 else float("inf")


def _special() -> Any:
    """Return scipy.special, loaded when it is first asked for: a web server starts sooner and smaller without it."""
    from scipy import special

    return special

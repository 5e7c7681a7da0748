"""Did it help? Before and after, per machine and over the fleet, with intervals that admit how little is known. Pure.

Failures are counts over running hours: the ratio of two Poisson rates by the exact conditional test (Przyborowski &
Wilenski 1940, interval by Clopper & Pearson 1934). Downtime, hours and cost are sums of skewed things: the difference
of means a period by bootstrap (BCa, Efron 1987). A before-and-after is no experiment; what else changed is not seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from apps.health.science.evidence import NotEnough, Reason

Floats = NDArray[np.float64]


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


def compare_failures(
    before: int, before_h: float, after: int, after_h: float, *, share: float = 0.95
) -> RateRatio | NotEnough:
    """Compare failures of one machine. **Units** running hours. ``high`` is infinite where none failed before."""
    if before_h <= 0 or after_h <= 0:
        return NotEnough(Reason.TOO_SHORT, {"span_s": min(before_h, after_h) * 3600, "needed_s": 1.0})
    if before + after == 0:
        return NotEnough(Reason.TOO_FEW_FAILURES, {"failures": 0.0, "needed": 1.0})
    chance = after_h / (before_h + after_h)
    test = stats.binomtest(after, before + after, chance)
    ends = test.proportion_ci(share, method="exact")
    return RateRatio(
        ratio=_ratio(after / (before + after), before_h, after_h),
        low=_ratio(float(ends.low), before_h, after_h),
        high=_ratio(float(ends.high), before_h, after_h),
        p_value=float(test.pvalue),
        before_per_h=before / before_h,
        after_per_h=after / after_h,
    )


def compare_fleet_failures(
    before: Floats,
    before_h: Floats,
    after: Floats,
    after_h: Floats,
    *,
    seed: int,
    share: float = 0.95,
    draws: int = 4_000,
) -> RateRatio | NotEnough:
    """Compare the failures of several machines, one entry each.

    Machines differ and fail in runs, so that the interval is of machines drawn anew, not of failures; it is never
    narrower than the exact one of the sums. The ratio weighs each machine by its hours after (indirect
    standardisation): a machine that ran more does not look worse for it.
    """
    if len(before) < 5:
        return NotEnough(Reason.TOO_FEW_GROUPS, {"groups": float(len(before)), "needed": 5.0})
    exact = compare_failures(
        int(before.sum()), float(before_h.sum()), int(after.sum()), float(after_h.sum()), share=share
    )
    if isinstance(exact, NotEnough) or not (before_h > 0).all():
        return exact if isinstance(exact, NotEnough) else NotEnough(Reason.TOO_SHORT)
    expected = before / before_h * after_h
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(before), (draws, len(before)))
    numerator, denominator = after[drawn].sum(axis=1), expected[drawn].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(denominator > 0, numerator / denominator, np.inf)
    tail = (1 - share) / 2
    low, high = (float(part) for part in np.quantile(ratios, [tail, 1 - tail], method="nearest"))
    total = float(expected.sum())
    ratio = float(after.sum()) / total if total > 0 else float("inf")
    return RateRatio(
        ratio,
        min(low, exact.low),
        max(high, exact.high),
        exact.p_value,
        exact.before_per_h,
        exact.after_per_h,
    )


def compare_amounts(
    before: Floats, after: Floats, *, seed: int, share: float = 0.95, least: int = 8
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
    result = stats.bootstrap(
        (new, old),
        lambda x, y, axis: np.mean(x, axis=axis) - np.mean(y, axis=axis),
        n_resamples=4_000,
        confidence_level=share,
        method="BCa",
        rng=np.random.default_rng(seed),
        vectorized=True,
    ).confidence_interval
    return MeanChange(
        change=float(new.mean() - old.mean()),
        low=float(result.low),
        high=float(result.high),
        before=float(old.mean()),
        after=float(new.mean()),
    )


def _ratio(part: float, before_h: float, after_h: float) -> float:
    """Turn the after's part of all failures into the ratio of rates."""
    return part / (1 - part) * before_h / after_h if part < 1 else float("inf")

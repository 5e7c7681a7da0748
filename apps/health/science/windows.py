"""Features of one point in one window, time-weighted: change-driven samples stand for as long as they held. Pure.

A plain mean over samples that are sent on change is the mean of the changes, not of the value: a machine that idles
for 50 minutes (one sample) and runs for ten (600 samples) would look as if it had run all hour.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from apps.health.science.evidence import Gate, NotEnough, Reason


@dataclass(frozen=True, slots=True)
class Features:
    """One point, one window. **Units** the point's own; slopes and ramps per hour; shares 0 to 1."""

    level: float
    spread: float
    low: float
    high: float
    trend_per_h: float
    ramp_up_per_h: float
    ramp_down_per_h: float
    cycles: float
    duty: float
    coverage: float

    def as_array(self) -> NDArray[np.float64]:
        """Return the numbers in the order of ``FEATURES``."""
        return np.array([getattr(self, name) for name in FEATURES])


FEATURES = tuple(field.name for field in fields(Features))


def read_window(
    ts_s: NDArray[np.float64],
    values: NDArray[np.float64],
    from_s: float,
    to_s: float,
    *,
    hold_s: float,
    band: tuple[float, float] | None = None,
    gate: Gate | None = None,
) -> Features | NotEnough:
    """Return the features of ``[from_s, to_s)``.

    **Shape** samples by time; the last one before the window reaches into it. **Gaps** NaN is no value; a value
    holds until the next, at most ``hold_s``; what is not known weighs nothing and lowers ``coverage``.

    ``level`` and ``spread`` are the time-weighted mean and standard deviation, ``low`` and ``high`` the weighted
    5th and 95th percentile, ``trend_per_h`` the slope of the value (held as steps) on time by weighted least squares,
    ramps the integral of rises (falls) over known time, ``cycles`` the upward crossings of the band (hysteresis: below
    its low edge, then above its high; without one, the tertiles of low..high), ``duty`` the share of known time
    above the band's middle.
    """
    gate = gate or Gate(samples=2)
    if (np.diff(ts_s) < 0).any():
        return NotEnough(Reason.CLOCK_JUMPS, {"jumps": float((np.diff(ts_s) < 0).sum()), "allowed": 0.0})
    first = max(int(np.searchsorted(ts_s, from_s, side="right")) - 1, 0)
    last = int(np.searchsorted(ts_s, to_s, side="left"))
    stamps, value = ts_s[first:last], values[first:last]
    starts = np.maximum(stamps, from_s)
    ends = np.minimum(np.minimum(np.append(stamps[1:], to_s), stamps + hold_s), to_s)
    weight = np.where(np.isfinite(value), np.maximum(ends - starts, 0.0), 0.0)
    kept = weight > 0
    value, weight, starts = value[kept], weight[kept], starts[kept]
    known_s = float(weight.sum())
    coverage = known_s / (to_s - from_s)
    if len(value) < gate.samples:
        return NotEnough(
            Reason.TOO_FEW_SAMPLES, {"samples": float(len(value)), "needed": float(gate.samples)}
        )
    if coverage < gate.coverage:
        return NotEnough(Reason.TOO_MANY_GAPS, {"coverage": coverage, "needed": gate.coverage})
    share = weight / known_s
    level = float(share @ value)
    spread = float(np.sqrt(share @ (value - level) ** 2))
    low, high = _weighted_quantiles(value, share, (0.05, 0.95))
    middle_h = (starts + weight / 2 - from_s) / 3600
    off = middle_h - float(share @ middle_h)
    # Within its step a value is constant, so that time spreads inside the step too: w²/12 of a uniform stretch.
    moment = float(share @ (off**2 + (weight / 3600) ** 2 / 12))
    trend = float(share @ (off * (value - level))) / moment if moment > 0 else 0.0
    rises = np.diff(value)
    under, over = band or (low + (high - low) / 3, high - (high - low) / 3)
    return Features(
        level=level,
        spread=spread,
        low=low,
        high=high,
        trend_per_h=trend,
        ramp_up_per_h=float(rises[rises > 0].sum()) / known_s * 3600,
        ramp_down_per_h=float(-rises[rises < 0].sum()) / known_s * 3600,
        cycles=float(count_cycles(value, under, over)),
        duty=float(share[value > (under + over) / 2].sum()),
        coverage=coverage,
    )


def count_cycles(value: NDArray[np.float64], under: float, over: float) -> int:
    """Count the rises from below ``under`` to above ``over`` (a Schmitt trigger); a flat signal has none."""
    if not over > under:
        return 0
    side = np.where(value <= under, -1, np.where(value >= over, 1, 0))
    side = side[side != 0]
    return int(((side[1:] == 1) & (side[:-1] == -1)).sum())


def _weighted_quantiles(
    value: NDArray[np.float64], share: NDArray[np.float64], at: tuple[float, float]
) -> tuple[float, float]:
    order = np.argsort(value, kind="stable")
    reached = np.cumsum(share[order])
    index = np.minimum(np.searchsorted(reached, np.array(at) - 1e-12), len(value) - 1)
    low, high = value[order][index]
    return float(low), float(high)

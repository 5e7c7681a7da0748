"""How long until a wearing quantity meets its limit, for machines that have never failed: slope, crossing, interval.

Pure. Samples are gathered to equal bins of time (medians), a line is laid by Theil and Sen (median of all slopes, so
that a fifth of wild values moves nothing), and the interval comes from a moving-block bootstrap of what is left over
(Künsch 1989), because residuals of machines hang together. Where the slope may as well be zero there is no answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.health.science.evidence import Gate, NotEnough, Reason, weigh_evidence

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TrendSettings:
    """The same for every quantity."""

    bins: int = 60
    least_bins: int = 12
    draws: int = 400
    share: float = 0.9
    horizon: float = 3.0
    """A line may be drawn out this many times the observed span; beyond is fortune telling."""


@dataclass(frozen=True, slots=True)
class TimeToLimit:
    """**Units** seconds from the last sample; slope in the quantity's own unit per second."""

    expected_s: float
    low_s: float
    high_s: float
    slope_per_s: float
    slope_low_per_s: float
    slope_high_per_s: float
    level: float
    """Where the line stands at the last sample."""


def estimate_time_to_limit(
    ts_s: Floats,
    values: Floats,
    limit: float,
    *,
    rising: bool,
    hold_s: float,
    seed: int,
    settings: TrendSettings | None = None,
    gate: Gate | None = None,
) -> TimeToLimit | NotEnough:
    """Return when the line meets ``limit``, or why nobody can say.

    ``rising`` says on which side harm lies. A line that stands beyond the limit already: 0 seconds. The high end is
    infinite where slopes at the low end would not arrive within the horizon.
    """
    s = settings or TrendSettings()
    evidence = weigh_evidence(ts_s, values, hold_s, gate or Gate())
    if isinstance(evidence, NotEnough):
        return evidence
    known = np.isfinite(values)
    at, level = _bin_medians(ts_s[known], values[known], s.bins)
    if len(at) < s.least_bins:
        return NotEnough(Reason.TOO_SHORT, {"bins": float(len(at)), "needed": float(s.least_bins)})
    sign = 1.0 if rising else -1.0
    end, span = float(ts_s[known][-1]), evidence.span_s
    x, y, bound = (at - end) / span, sign * level, sign * limit
    slope, start = _theil_sen(x, y[None])
    rest = y - (start[0] + slope[0] * x)
    slopes, starts = _theil_sen(x, start[0] + slope[0] * x + _blocks(rest, s.draws, seed))
    tail = (1 - s.share) / 2
    slope_low, slope_high = (float(part) for part in np.quantile(slopes, [tail, 1 - tail]))
    if start[0] >= bound:
        crossing, low, high = 0.0, 0.0, 0.0
    elif slope_low <= 0 <= slope_high:
        return NotEnough(
            Reason.NO_TREND,
            {"slope_low_per_s": sign * slope_low / span, "slope_high_per_s": sign * slope_high / span},
        )
    elif slope[0] < 0:
        return NotEnough(Reason.TREND_AWAY, {"slope_per_s": sign * slope[0] / span})
    else:
        crossing = float((bound - start[0]) / slope[0])
        with np.errstate(divide="ignore"):
            ends = np.where(slopes > 0, np.maximum(bound - starts, 0) / np.maximum(slopes, 0), np.inf)
        low, high = (float(part) for part in np.quantile(ends, [tail, 1 - tail], method="nearest"))
        if crossing > s.horizon:
            return NotEnough(Reason.BEYOND_HORIZON, {"low_s": low * span, "horizon_s": s.horizon * span})
        high = high if high <= s.horizon else np.inf
    ends_of_slope = sorted((sign * slope_low / span, sign * slope_high / span))
    return TimeToLimit(
        expected_s=crossing * span,
        low_s=low * span,
        high_s=high * span,
        slope_per_s=float(sign * slope[0] / span),
        slope_low_per_s=ends_of_slope[0],
        slope_high_per_s=ends_of_slope[1],
        level=float(sign * start[0]),
    )


@dataclass(frozen=True, slots=True)
class LineScore:
    """How far a line laid through the earlier part lay off the later part, which it had not seen; in the unit."""

    error: float
    """Median of the absolute errors of the line."""
    still: float
    """The same of the simplest answer: that the quantity stays as it was at the border."""

    @property
    def is_better(self) -> bool:
        """Whether the line told more than standing still."""
        return self.error < self.still


def score_line(
    ts_s: Floats, values: Floats, *, holdout: float = 0.25, settings: TrendSettings | None = None
) -> LineScore | NotEnough:
    """Score the method on the last part of the time, by a line through the part before. **Gaps** NaN is left out.

    **Raises** nothing: fewer bins than a line needs on either side are a ``NotEnough``.
    """
    s = settings or TrendSettings()
    known = np.isfinite(values)
    at, level = _bin_medians(ts_s[known], values[known], s.bins) if known.sum() > 1 else (ts_s[:0], ts_s[:0])
    border = int(len(at) * (1 - holdout))
    fewest = min(border, 4 * (len(at) - border))
    if fewest < s.least_bins:
        return NotEnough(Reason.TOO_SHORT, {"bins": float(len(at)), "needed": 4 / 3 * s.least_bins})
    x = (at - at[border - 1]) / (at[-1] - at[0])
    slope, start = _theil_sen(x[:border], level[None, :border])
    still = float(np.median(level[max(0, border - 3) : border]))
    later = level[border:]
    return LineScore(
        error=float(np.median(np.abs(later - start[0] - slope[0] * x[border:]))),
        still=float(np.median(np.abs(later - still))),
    )


def _bin_medians(at: Floats, values: Floats, bins: int) -> tuple[Floats, Floats]:
    edges = np.linspace(at[0], at[-1], bins + 1)
    place = np.clip(np.searchsorted(edges, at, side="right") - 1, 0, bins - 1)
    filled = np.unique(place)
    return (
        np.array([at[place == number].mean() for number in filled]),
        np.array([np.median(values[place == number]) for number in filled]),
    )


def _theil_sen(x: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Return the median slope of all pairs and the median start at 0, for each row. **Source** Sen 1968."""
    first, second = np.triu_indices(len(x), 1)
    slopes = np.median((rows[:, second] - rows[:, first]) / (x[second] - x[first]), axis=1)
    return slopes, np.median(rows - slopes[:, None] * x, axis=1)


def _blocks(rest: Floats, draws: int, seed: int) -> Floats:
    """Return rows of residuals, drawn in blocks of as many as hang together."""
    size = len(rest)
    block = max(1, min(size // 4, _memory(rest)))
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, size - block + 1, (draws, -(-size // block)))
    return rest[(starts[:, :, None] + np.arange(block)).reshape(draws, -1)[:, :size]]


def _memory(rest: Floats) -> int:
    """Return a block as long as the autocorrelation asks, at least n^(1/3)."""
    centred = rest - rest.mean()
    power = float(centred @ centred)
    least = round(len(rest) ** (1 / 3))
    if power <= 0:
        return least
    lag_1 = float(np.clip(centred[1:] @ centred[:-1] / power, 0, 0.95))
    return max(least, round(2 * (1 + lag_1) / (1 - lag_1)))

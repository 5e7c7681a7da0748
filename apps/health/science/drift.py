"""Does what a model sees today still look like what it was trained on? Population stability and Kolmogorov–Smirnov.

Pure. A model far from its training is silent about it; this is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from apps.health.science.evidence import NotEnough, Reason

Floats = NDArray[np.float64]


class Drift(StrEnum):
    """The customary steps of the population stability index: 0.1 and 0.25 (Siddiqi 2006)."""

    STABLE = "stable"
    SHIFTING = "shifting"
    DRIFTED = "drifted"


@dataclass(frozen=True, slots=True)
class DriftReport:
    """One feature against its training span."""

    stability: float
    """Population stability index: Σ (q − p)·ln(q/p) over tenths of the training span."""
    distance: float
    """Kolmogorov–Smirnov: the largest gap between both distributions, 0 to 1."""
    p_value: float
    outside: float
    """Share of today's values beyond everything in training."""
    drift: Drift


def watch_drift(
    training: Floats, current: Floats, *, hang_together: int = 1, bins: int = 10, least: int = 100
) -> DriftReport | NotEnough:
    """Compare a feature's values. **Gaps** NaN is left out.

    ``hang_together`` is how many neighbouring rows tell the same (a minute's mean of a slow temperature: 60): counts
    are divided by it before anything is called significant.
    """
    old, new = training[np.isfinite(training)], current[np.isfinite(current)]
    fewest = min(len(old), len(new)) // max(hang_together, 1)
    if fewest < least:
        return NotEnough(Reason.TOO_FEW_SAMPLES, {"samples": float(fewest), "needed": float(least)})
    # Here: a web server, which only shows what was found, starts sooner and smaller without it.
    from scipy import stats

    edges = np.unique(np.quantile(old, np.linspace(0, 1, bins + 1)[1:-1]))
    p = _shares(old, edges)
    q = _shares(new, edges)
    stability = float(((q - p) * np.log(q / p)).sum())
    distance = float(stats.ks_2samp(old, new).statistic)
    size_old, size_new = len(old) / hang_together, len(new) / hang_together
    p_value = float(stats.kstwobign.sf(distance * np.sqrt(size_old * size_new / (size_old + size_new))))
    outside = float(((new < old.min()) | (new > old.max())).mean())
    certain = p_value < 0.01
    drift = Drift.STABLE
    if certain and stability >= 0.25:
        drift = Drift.DRIFTED
    elif certain and stability >= 0.1:
        drift = Drift.SHIFTING
    return DriftReport(stability, distance, p_value, outside, drift)


def _shares(values: Floats, edges: Floats) -> Floats:
    """Shares by bin, half a row added to each, so that an empty bin is not infinity."""
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1) + 0.5
    return counts / counts.sum()

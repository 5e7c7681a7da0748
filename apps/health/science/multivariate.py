"""Is a machine as it was when healthy? All its sensors together, in each of its operating regimes. Pure.

Per regime: principal components of the healthy span; Hotelling's T² (far along directions in which healthy data vary)
and Q (off the plane on which they lie; Jackson & Mudholkar 1979). Each is set against its largest value in the healthy
span, and the score is the mean of both (the combined index of Yue & Qin 2001). Sensors and score are smoothed by
means that look back only. Contributions of sensors add up to the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from apps.health.science.evidence import NotEnough, Reason

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

UNKNOWN = -1
"""The regime of a row that lies outside all regimes seen in healthy times."""


@dataclass(frozen=True, slots=True)
class PlaneSettings:
    """The same for every machine; how they were chosen is in README.md."""

    sensor_span: int = 15
    """Rows that the look-back mean of a sensor spans (as pandas' ``ewm(span)``)."""
    score_span: int = 30
    variance: float = 0.9
    limit: float = 2.0
    """Times the largest healthy T² and Q."""
    rows: int = 100
    """Fewer healthy rows in a regime are no model."""


@dataclass(frozen=True, slots=True, eq=False)
class Regimes:
    """Where a machine works: centres in its operating variables, standardised, and how far a row may lie off."""

    mean: Floats
    scale: Floats
    centres: Floats
    radius: Floats

    def assign(self, operating: Floats) -> Ints:
        """Return the regime of each row, ``UNKNOWN`` where none is near or a value is missing."""
        z = (operating - self.mean) / self.scale
        apart = np.sqrt(((z[:, None, :] - self.centres[None]) ** 2).sum(axis=2))
        apart = np.where(np.isfinite(apart), apart, np.inf)
        nearest = apart.argmin(axis=1).astype(np.int64)
        return np.where(apart[np.arange(len(z)), nearest] <= self.radius[nearest], nearest, UNKNOWN)


def find_regimes(operating: Floats, *, seed: int, most: int = 6, parted: float = 0.6) -> Regimes:
    """Return the regimes of healthy rows: as many clusters as part best by silhouette, one where none part well.

    **Shape** rows × operating variables (speed, load, product code …). **Source** k-means with the silhouette of
    Rousseeuw 1987; 2,000 rows at even steps stand for all.
    """
    # Here: a web server, which only shows what was found, starts sooner and smaller without them.
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    rows = operating[np.isfinite(operating).all(axis=1)]
    mean, scale = rows.mean(axis=0), _scale(rows)
    z = (rows - mean) / scale
    sample = z[:: max(1, len(z) // 2000)]
    best, labels, centres = parted, np.zeros(len(z), np.int64), z.mean(axis=0, keepdims=True)
    for count in range(2, min(most, len(np.unique(sample, axis=0)) - 1) + 1):
        model = KMeans(count, n_init=4, random_state=seed).fit(sample)
        score = float(silhouette_score(sample, model.labels_))
        if score > best:
            best, labels, centres = score, model.predict(z).astype(np.int64), model.cluster_centers_
    apart = np.sqrt(((z - centres[labels]) ** 2).sum(axis=1))
    radius = np.array([apart[labels == regime].max() for regime in range(len(centres))])
    return Regimes(mean, scale, centres, 1.5 * radius + 1e-6)


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """What healthy looks like in one regime."""

    mean: Floats
    scale: Floats
    centre: Floats
    spread: Floats
    axes: Floats
    variance: Floats
    largest_t2: float
    largest_q: float


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """**Shape** one entry a row; ``share`` rows × sensors, adding up to 1 where there is a score."""

    score: Floats
    """1 is the limit. NaN: no judgement (missing values, unknown regime, too little healthy data there)."""
    share: Floats
    regime: Ints

    @property
    def anomalous(self) -> NDArray[np.bool_]:
        """Return where the limit is passed."""
        return np.nan_to_num(self.score) > 1.0


def fit_plane(healthy: Floats, settings: PlaneSettings | None = None) -> Plane | NotEnough:
    """Return the model of one regime's healthy rows (time order), or why there is none.

    **Shape** rows × sensors. **Gaps** rows with NaN are left out.
    """
    s = settings or PlaneSettings()
    rows = healthy[np.isfinite(healthy).all(axis=1)]
    needed = max(s.rows, 3 * healthy.shape[1])
    if len(rows) < needed:
        return NotEnough(Reason.TOO_FEW_SAMPLES, {"samples": float(len(rows)), "needed": float(needed)})
    mean, scale = rows.mean(axis=0), _scale(rows)
    smooth = look_back_mean((rows - mean) / scale, s.sensor_span)
    centre, spread = smooth.mean(axis=0), _scale(smooth)
    z = (smooth - centre) / spread
    _, singular, axes = np.linalg.svd(z, full_matrices=False)
    variance = singular**2 / (len(z) - 1)
    if variance.sum() <= 0:
        return NotEnough(Reason.NO_VARIATION)
    kept = int(np.searchsorted(np.cumsum(variance) / variance.sum(), s.variance)) + 1
    kept = max(1, min(kept, len(axes) - 1))
    plane = Plane(mean, scale, centre, spread, axes[:kept], variance[:kept], 1.0, 1.0)
    t2, q = (part.sum(axis=1) for part in _statistics(plane, z))
    largest_t2, largest_q = float(t2.max()), float(q.max())
    if min(largest_t2, largest_q) <= 0:
        return NotEnough(Reason.NO_VARIATION)
    return replace(plane, largest_t2=largest_t2, largest_q=largest_q)


def judge_rows(
    planes: dict[int, Plane], values: Floats, regime: Ints, settings: PlaneSettings | None = None
) -> Judgement:
    """Score rows in time order. **Shape** rows × sensors, one regime a row.

    The means that look back start anew with each stretch of one regime: what a machine did in another says nothing.
    """
    s = settings or PlaneSettings()
    score = np.full(len(values), np.nan)
    share = np.full(values.shape, np.nan)
    usable = np.isfinite(values).all(axis=1)
    key = np.where(usable, regime, UNKNOWN)
    borders = np.flatnonzero(np.diff(key, prepend=key[:1] - 1, append=key[-1:] - 1))
    for start, end in pairwise(borders):
        plane = planes.get(int(key[start]))
        if plane is None or key[start] == UNKNOWN:
            continue
        stretch = values[start:end]
        z = look_back_mean((stretch - plane.mean) / plane.scale, s.sensor_span)
        by_t2, by_q = _statistics(plane, (z - plane.centre) / plane.spread)
        t2, q = by_t2.sum(axis=1), by_q.sum(axis=1)
        together = (t2 / plane.largest_t2 + q / plane.largest_q) / 2
        score[start:end] = look_back_mean(together[:, None], s.score_span)[:, 0] / s.limit
        share[start:end] = _shares(by_t2 / plane.largest_t2 + by_q / plane.largest_q)
    return Judgement(score, share, regime)


def look_back_mean(rows: Floats, span: int) -> Floats:
    """Exponential mean with weights that add up to 1 from the first row on (pandas' ``ewm(span, adjust=True)``)."""
    if span <= 1 or not len(rows):
        return rows
    keep = 1 - 2 / (span + 1)
    mean = np.empty_like(rows)
    total, weight = np.zeros(rows.shape[1]), 0.0
    for index, row in enumerate(rows):
        total = total * keep + row
        weight = weight * keep + 1
        mean[index] = total / weight
    return mean


def _statistics(plane: Plane, z: Floats) -> tuple[Floats, Floats]:
    """Return T² and Q by sensor (rows × sensors); a row's sum is the statistic."""
    along = z @ plane.axes.T
    by_t2 = z * ((along / plane.variance) @ plane.axes)
    return by_t2, (z - along @ plane.axes) ** 2


def _shares(parts: Floats) -> Floats:
    """Return each sensor's part of a row, none below 0, adding up to 1."""
    parts = np.maximum(parts, 0.0)
    total = parts.sum(axis=1, keepdims=True)
    return np.where(total > 0, parts / np.where(total > 0, total, 1), 1 / parts.shape[1])


def _scale(rows: Floats) -> Floats:
    scale = rows.std(axis=0)
    return np.where(scale > 0, scale, 1.0)

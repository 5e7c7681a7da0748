"""Remaining life out of run-to-failure histories, with an interval that is calibrated machine by machine. Pure.

Features look back only (levels, slopes and the drift since the machine was new). Five models are trained, each without
a fifth of the machines; each predicts those it has not seen, and the errors there, sorted by what was predicted,
give the interval (split conformal by prediction: Vovk et al. 2005, Boström et al. 2021). A new machine is told the
mean of the five. For machines without failures in their history see trend.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import GroupKFold

from apps.health.science.evidence import NotEnough, Reason

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LifeSettings:
    """How histories are read and models trained; chosen by cross-validation on training machines (README.md)."""

    cap: float = 125.0
    """Beyond this remaining life a healthy machine cannot be told from a new one; longer lives count as this."""
    windows: tuple[int, ...] = (5, 20, 50)
    new: int = 20
    """Rows at the start that stand for the new machine."""
    every: int = 2
    """Of a training machine's rows every second is used: neighbours tell nearly the same."""
    folds: int = 5
    failures: int = 10
    """Fewer run-to-failure histories train nothing."""
    share: float = 0.9
    """How often the interval is to hold the truth."""


@dataclass(frozen=True, slots=True, eq=False)
class LifeModel:
    """A trained model: pass it to ``predict_life``."""

    settings: LifeSettings
    sensors: Ints
    """Columns that vary; the others tell nothing."""
    mean: Floats
    scale: Floats
    models: tuple[HistGradientBoostingRegressor, ...]
    edges: Floats
    below: Floats
    above: Floats
    """By predicted life (``edges``): how far the truth may lie below and above."""
    cv_rmse: float
    cv_coverage: float


@dataclass(frozen=True, slots=True, eq=False)
class Life:
    """Remaining life in rows (cycles), one entry a machine."""

    expected: Floats
    low: Floats
    high: Floats


def trajectory_features(history: Floats, settings: LifeSettings) -> Floats:
    """Return the features at every row of one machine's standardised history. **Shape** rows × sensors in, wide out.

    At row *i* nothing after *i* is used: age, then for each window mean and slope, the drift of the last ``new``
    rows against the first ``new``, and a slow exponential mean.
    """
    rows, sensors = history.shape
    at = np.arange(1, rows + 1)
    zero = np.zeros((1, sensors))
    total = np.vstack([zero, np.cumsum(history, axis=0)])
    moment = np.vstack([zero, np.cumsum(history * np.arange(rows)[:, None], axis=0)])
    parts = [at[:, None].astype(np.float64)]
    for window in settings.windows:
        start = np.maximum(at - window, 0)
        size = (at - start)[:, None].astype(np.float64)
        mean = (total[at] - total[start]) / size
        middle = ((at - 1 + start) / 2)[:, None]
        slope = (moment[at] - moment[start] - middle * size * mean) / np.maximum((size**3 - size) / 12, 1)
        parts += [mean, np.where(size > 2, slope, 0.0)]
    start, young = np.maximum(at - settings.new, 0), np.minimum(at, settings.new)
    recent = (total[at] - total[start]) / (at - start)[:, None]
    parts.append(recent - total[young] / young[:, None])
    slow, weight, mean_so_far = np.zeros(sensors), 0.0, np.empty_like(history)
    for index, row in enumerate(history):
        slow, weight = slow * 0.9 + row, weight * 0.9 + 1
        mean_so_far[index] = slow / weight
    parts.append(mean_so_far)
    return np.hstack(parts)


def train_life(
    histories: list[Floats], *, seed: int, settings: LifeSettings | None = None
) -> LifeModel | NotEnough:
    """Train on machines that ran to failure: one array a machine, rows × sensors by time, the last row the failure."""
    s = settings or LifeSettings()
    if len(histories) < s.failures:
        return NotEnough(
            Reason.TOO_FEW_FAILURES, {"failures": float(len(histories)), "needed": float(s.failures)}
        )
    rows = np.vstack(histories)
    sensors = np.flatnonzero([len(np.unique(column)) > 2 for column in rows.T]).astype(np.int64)
    if not len(sensors):
        return NotEnough(Reason.NO_VARIATION)
    mean, scale = rows[:, sensors].mean(axis=0), rows[:, sensors].std(axis=0)
    features = np.vstack([trajectory_features((h[:, sensors] - mean) / scale, s) for h in histories])
    life = np.concatenate([np.minimum(np.arange(len(h) - 1, -1, -1), s.cap) for h in histories]).astype(float)
    machine = np.repeat(np.arange(len(histories)), [len(h) for h in histories])
    unseen = np.zeros(len(life))
    models = []
    for fold, (train, test) in enumerate(GroupKFold(s.folds).split(features, life, machine)):
        kept = train[:: s.every]
        fitted = _regressor(seed + fold).fit(features[kept], life[kept])
        models.append(fitted)
        unseen[test] = _predict(fitted, features[test], s.cap)
    edges, below, above = _calibrate(unseen, life, machine, s)
    inside = _interval(unseen, edges, below, above, s.cap)
    held = float(((life >= inside[0] - 1e-9) & (life <= inside[1] + 1e-9)).mean())
    rmse = float(np.sqrt(np.mean((unseen - life) ** 2)))
    return LifeModel(s, sensors, mean, scale, tuple(models), edges, below, above, rmse, held)


def predict_life(model: LifeModel, histories: list[Floats]) -> Life:
    """Return the remaining life at the last row of each history. **Shape** as in training, the same sensors."""
    s = model.settings
    last = np.vstack(
        [trajectory_features((h[:, model.sensors] - model.mean) / model.scale, s)[-1:] for h in histories]
    )
    expected = np.mean([_predict(fitted, last, s.cap) for fitted in model.models], axis=0)
    low, high = _interval(expected, model.edges, model.below, model.above, s.cap)
    return Life(expected, low, high)


def _regressor(seed: int) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        max_iter=150,
        learning_rate=0.06,
        max_leaf_nodes=15,
        min_samples_leaf=40,
        l2_regularization=1.0,
        random_state=seed,
    )


def _predict(model: HistGradientBoostingRegressor, features: Floats, cap: float) -> Floats:
    return np.clip(model.predict(features), 0.0, cap)


def _calibrate(
    predicted: Floats, life: Floats, machine: Ints, s: LifeSettings
) -> tuple[Floats, Floats, Floats]:
    """Return by bins of the prediction how far the truth lay below and above, at half the missing share each.

    Rows of one machine are near copies of each other, so that each machine counts once a bin: its rows share weight 1.
    """
    edges = np.linspace(0, s.cap, 9)[1:-1]
    edges = np.append(edges, s.cap * 0.97)
    bins = np.searchsorted(edges, predicted, side="right")
    below, above = np.zeros(len(edges) + 1), np.zeros(len(edges) + 1)
    for place in range(len(edges) + 1):
        chosen = bins == place
        if not chosen.any():
            chosen = np.ones(len(bins), bool)
        error = life[chosen] - predicted[chosen]
        _, inverse, count = np.unique(machine[chosen], return_inverse=True, return_counts=True)
        weight = 1 / count[inverse]
        below[place] = max(-_quantile(error, weight, (1 - s.share) / 2), 0.0)
        above[place] = max(_quantile(error, weight, (1 + s.share) / 2), 0.0)
    return edges, below, above


def _quantile(values: Floats, weight: Floats, at: float) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weight[order]) / weight.sum()
    return float(values[order][min(int(np.searchsorted(reached, at)), len(values) - 1)])


def _interval(
    predicted: Floats, edges: Floats, below: Floats, above: Floats, cap: float
) -> tuple[Floats, Floats]:
    bins = np.searchsorted(edges, predicted, side="right")
    return np.maximum(predicted - below[bins], 0.0), np.minimum(predicted + above[bins], cap)

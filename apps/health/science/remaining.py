"""Remaining life out of run-to-failure histories, with an interval that is calibrated machine by machine. Pure.

Features look back only (levels, slopes and the drift since the machine was new). Five models are trained, each without
a fifth of the machines; each predicts those it has not seen, and the errors there, sorted by what was predicted,
give the interval (split conformal by prediction: Vovk et al. 2005, Boström et al. 2021). A new machine is told the
mean of the five. For machines without failures in their history see trend.py.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from apps.health.science.evidence import NotEnough, Reason

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

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
class Forest:
    """Boosted trees as plain arrays: kept without pickles, they predict the same in every version of the library.

    **Shape** one entry a node, the trees behind each other; ``roots`` says where each begins. A leaf leads to itself.
    """

    base: float
    roots: Ints
    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    value: Floats
    depth: int

    @classmethod
    def of(cls, fitted: HistGradientBoostingRegressor) -> Forest:
        """Return the trees of a fitted regressor."""
        trees = [tree.nodes for (tree,) in fitted._predictors]
        nodes = np.concatenate(trees)
        roots = np.cumsum([0, *(len(tree) for tree in trees[:-1])]).astype(np.int64)
        offset = np.repeat(roots, [len(tree) for tree in trees])
        leaf, own = nodes["is_leaf"].astype(bool), np.arange(len(nodes))
        return cls(
            base=float(np.ravel(fitted._baseline_prediction)[0]),
            roots=roots,
            feature=np.where(leaf, 0, nodes["feature_idx"]).astype(np.int64),
            threshold=np.where(leaf, np.inf, nodes["num_threshold"]),
            left=np.where(leaf, own, nodes["left"] + offset).astype(np.int64),
            right=np.where(leaf, own, nodes["right"] + offset).astype(np.int64),
            value=np.where(leaf, nodes["value"], 0.0),
            depth=int(nodes["depth"].max()),
        )

    def predict(self, features: Floats) -> Floats:
        """Return what each row is told. **Shape** rows × features, without NaN."""
        rows = np.arange(len(features))[:, None]
        at = np.repeat(self.roots[None], len(features), axis=0)
        for _step in range(self.depth):
            below = features[rows, self.feature[at]] <= self.threshold[at]
            at = np.where(below, self.left[at], self.right[at])
        return np.asarray(self.base + self.value[at].sum(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class LifeModel:
    """A trained model: pass it to ``predict_life``."""

    settings: LifeSettings
    sensors: Ints
    """Columns that vary; the others tell nothing."""
    mean: Floats
    scale: Floats
    models: tuple[Forest, ...]
    edges: Floats
    below: Floats
    above: Floats
    """By predicted life (``edges``): how far the truth may lie below and above."""
    cv_rmse: float
    cv_coverage: float

    def as_arrays(self) -> dict[str, NDArray[Any]]:
        """Return every part by its name; numpy.savez takes them as they are."""
        own = ("sensors", "mean", "scale", "edges", "below", "above", "cv_rmse", "cv_coverage")
        arrays = {name: np.asarray(getattr(self, name)) for name in own}
        arrays |= {f"settings.{name}": np.asarray(value) for name, value in asdict(self.settings).items()}
        for place, forest in enumerate(self.models):
            arrays |= {f"model.{place}.{name}": np.asarray(value) for name, value in asdict(forest).items()}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> LifeModel:
        """Return the model that ``as_arrays`` gave. **Raises** KeyError where a part is missing."""
        parts: dict[str, dict[str, Any]] = {}
        for name, array in arrays.items():
            owner, _, part = name.rpartition(".")
            parts.setdefault(owner, {})[part] = array.item() if array.ndim == 0 else array
        settings = LifeSettings(
            **(parts["settings"] | {"windows": tuple(parts["settings"]["windows"].tolist())})
        )
        count = sum(owner.startswith("model.") for owner in parts)
        models = tuple(Forest(**parts[f"model.{place}"]) for place in range(count))
        return cls(settings=settings, models=models, **parts[""])


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
    # Here: a web server, which only shows what was found, starts sooner and smaller without it.
    from sklearn.model_selection import GroupKFold

    for fold, (train, test) in enumerate(GroupKFold(s.folds).split(features, life, machine)):
        kept = train[:: s.every]
        fitted = _regressor(seed + fold).fit(features[kept], life[kept])
        models.append(Forest.of(fitted))
        unseen[test] = _predict(fitted, features[test], s.cap)
    edges, below, above = _calibrate(unseen, life, machine, s)
    inside = _interval(unseen, edges, below, above, s.cap)
    held = float(((life >= inside[0] - 1e-9) & (life <= inside[1] + 1e-9)).mean())
    rmse = float(np.sqrt(np.mean((unseen - life) ** 2)))
    return LifeModel(s, sensors, mean, scale, tuple(models), edges, below, above, rmse, held)


def explain_life(model: LifeModel, history: Floats) -> Floats:
    """Return by how many rows each column shortens what is left at the last row, against its mean in training.

    **Shape** one entry a column of the history; 0 for those that the model does not use. Not additive: each column
    is put back by itself.
    """
    told = np.zeros(history.shape[1])
    as_it_is = predict_life(model, [history]).expected[0]
    for place, sensor in enumerate(model.sensors.tolist()):
        without = history.copy()
        without[:, sensor] = model.mean[place]
        told[sensor] = predict_life(model, [without]).expected[0] - as_it_is
    return told


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
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        max_iter=150,
        learning_rate=0.06,
        max_leaf_nodes=15,
        min_samples_leaf=40,
        l2_regularization=1.0,
        random_state=seed,
    )


def _predict(model: HistGradientBoostingRegressor | Forest, features: Floats, cap: float) -> Floats:
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

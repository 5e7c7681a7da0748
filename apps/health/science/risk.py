"""The risk of a labelled kind of failure, mode by mode, out of what a machine does and has done. Pure.

Physics first: power, heat and strain tell what a table of raw readings hides. One model a mode, so that a warning has
a name; the threshold of each mode comes from predictions on groups (tool lives, machines, experiments) that its model
has not seen, and so does the score. A split by row is refused: neighbouring rows of one tool life are copies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold

from apps.health.science.evidence import NotEnough, Reason

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RiskSettings:
    """The same for every mode."""

    failures: int = 20
    """Fewer labelled failures of a mode train nothing."""
    groups: int = 10
    folds: int = 5
    precision: float = 0.5
    """A mode whose warnings on unseen groups are wrong more often than right is not switched on."""


@dataclass(frozen=True, slots=True, eq=False)
class ModeModel:
    """One failure mode: its model, its threshold, and how both did on groups that were not seen."""

    mode: str
    model: HistGradientBoostingClassifier
    threshold: float
    unseen_f1: float
    unseen_precision: float

    def risk(self, features: Floats) -> Floats:
        """Return the probability of this mode, one entry a row."""
        return self.model.predict_proba(features)[:, 1]

    def warns(self, features: Floats) -> Flags:
        """Return where the risk reaches the threshold."""
        return self.risk(features) >= self.threshold


def machining_features(
    *, torque_nm: Floats, speed_rpm: Floats, wear_min: Floats, air_k: Floats, process_k: Floats, grade: Floats
) -> Floats:
    """Return what physics says of a cut. **Shape** rows × (readings, power W, ΔT K, strain Nm·min, strain by grade).

    Power is torque times angular speed; the difference of temperatures is what cooling has to work with; wear times
    torque is the strain on a worn edge, and a better grade (0, 1, 2) bears more of it.
    """
    power_w = torque_nm * speed_rpm * 2 * np.pi / 60
    strain = torque_nm * wear_min
    return np.column_stack(
        [torque_nm, speed_rpm, wear_min, air_k, process_k, grade, power_w, process_k - air_k, strain,
         strain - 1000 * grade]
    )  # fmt: skip


def lives(wear: Floats) -> Ints:
    """Return the tool life of each row: a new one begins where wear falls. The groups of a fair split."""
    return np.concatenate([[0], np.cumsum(np.diff(wear) < 0)]).astype(np.int64)


def train_modes(
    features: Floats,
    failed: Mapping[str, Flags],
    groups: Ints,
    *,
    seed: int,
    settings: RiskSettings | None = None,
) -> dict[str, ModeModel | NotEnough]:
    """Train each mode, or say why not. **Shape** ``failed`` one flag a row and mode; ``groups`` one id a row."""
    s = settings or RiskSettings()
    count = len(np.unique(groups))
    if count < s.groups:
        too_few = NotEnough(Reason.TOO_FEW_GROUPS, {"groups": float(count), "needed": float(s.groups)})
        return dict.fromkeys(failed, too_few)
    trained: dict[str, ModeModel | NotEnough] = {}
    for mode, flag in failed.items():
        if flag.sum() < s.failures:
            trained[mode] = NotEnough(
                Reason.TOO_FEW_FAILURES, {"failures": float(flag.sum()), "needed": float(s.failures)}
            )
            continue
        unseen = np.zeros(len(flag))
        for train, test in GroupKFold(s.folds, shuffle=True, random_state=seed).split(features, flag, groups):
            if flag[train].any():
                unseen[test] = (
                    _classifier(seed).fit(features[train], flag[train]).predict_proba(features[test])[:, 1]
                )
        threshold, f1 = best_threshold(unseen, flag)
        precision = float(flag[unseen >= threshold].mean())
        if precision < s.precision:
            trained[mode] = NotEnough(
                Reason.NOT_PREDICTABLE, {"precision": precision, "needed": s.precision, "f1": f1}
            )
            continue
        model = _classifier(seed).fit(features, flag)
        trained[mode] = ModeModel(mode, model, threshold, f1, precision)
    return trained


def best_threshold(risk: Floats, failed: Flags) -> tuple[float, float]:
    """Return the threshold with the best F1 and that F1; halfway to the next lower risk, so that a tie is no luck."""
    order = np.argsort(-risk, kind="stable")
    sorted_risk, hits = risk[order], np.cumsum(failed[order])
    f1 = 2 * hits / (np.arange(1, len(risk) + 1) + failed.sum())
    last_of_tie = np.append(np.diff(sorted_risk) < 0, True)
    best = int(np.where(last_of_tie, f1, -1.0).argmax())
    below = sorted_risk[best + 1] if best + 1 < len(risk) else 0.0
    return float((sorted_risk[best] + below) / 2), float(f1[best])


def warn_by_mode(models: Mapping[str, ModeModel | NotEnough], features: Floats) -> dict[str, Flags]:
    """Return the warnings of every mode that could be trained."""
    return {mode: m.warns(features) for mode, m in models.items() if isinstance(m, ModeModel)}


def _classifier(seed: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        max_iter=120,
        learning_rate=0.08,
        max_leaf_nodes=8,
        min_samples_leaf=5,
        l2_regularization=1.0,
        class_weight={0: 1.0, 1: 3.0},
        random_state=seed,
        early_stopping=False,
    )

"""A machine's health from 0 to 100 and what took how many points away. Pure.

Each part (an anomaly score, a remaining life, a rising trend …) comes as severity: 0 as healthy, 1 at its limit. With
weights ``w`` the index is 100 · Π(1 − w·severity): parts add up, and a single part of full weight at its limit takes
everything. Points lost are shared out in proportion to −log(1 − w·severity), so that they sum to 100 − index.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.health.science.evidence import NotEnough, Reason

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the index. ``weight`` 0 to 1: what is lost at the limit."""

    key: str
    weight: float


@dataclass(frozen=True, slots=True, eq=False)
class HealthIndex:
    """**Shape** ``index`` one entry a machine, NaN where too little is known; ``lost`` machines × parts."""

    index: Floats
    lost: Floats
    """Points that each part takes; NaN where it is not known. The known ones sum to 100 − index."""
    known: Floats
    """Share of the weights that is known."""


def compute_index(severity: Floats, parts: tuple[Part, ...], *, least_known: float = 0.5) -> HealthIndex:
    """Return the index of machines. **Shape** machines × parts. **Gaps** NaN: not known, which is not healthy:

    it is left out, lowers ``known``, and below ``least_known`` there is no index.
    """
    weights = np.array([part.weight for part in parts])
    if severity.shape[1] != len(parts) or not ((weights > 0) & (weights <= 1)).all():
        raise ValueError("severity needs a column for each part, and weights lie in (0, 1]")
    have = np.isfinite(severity)
    known = (have * weights).sum(axis=1) / weights.sum()
    taken = np.where(have, weights * np.clip(np.nan_to_num(severity), 0.0, 1.0), 0.0)
    # A loss of everything has no logarithm; a billionth is left for the shares.
    burden = -np.log(np.maximum(1 - taken, 1e-9))
    index = 100 * np.prod(1 - taken, axis=1)
    total = burden.sum(axis=1, keepdims=True)
    share = burden / np.where(total > 0, total, 1)
    enough = known >= least_known
    lost = np.where(have & enough[:, None], share * (100 - index[:, None]), np.nan)
    return HealthIndex(np.where(enough, index, np.nan), lost, known)


def explain_gap(known: float, least_known: float = 0.5) -> NotEnough:
    """Return the words for a machine without an index."""
    return NotEnough(Reason.TOO_MANY_GAPS, {"coverage": known, "needed": least_known})

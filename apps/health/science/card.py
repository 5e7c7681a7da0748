"""What a model is, on one card: its data, its span, its score on later or other data, its limits. Pure.

A model without a card is not switched on; the page shows the card as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from apps.health.science.evidence import NotEnough, Reason

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """**Time** ``*_us`` microseconds since the epoch, UTC, half-open."""

    method: str
    """Key of the method, as ``multivariate.t2q``; README.md explains it."""
    version: str
    features: tuple[str, ...]
    trained_from_us: int
    trained_to_us: int
    rows: int
    machines: int
    split: str
    """How score and training were kept apart: ``time``, ``machine``, ``experiment``; never ``row``."""
    scores: Mapping[str, float]
    trivial: Mapping[str, float]
    """What the simplest answer scores on the same data; a model that does not beat it is not used."""
    seed: int
    settings: Mapping[str, float] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    """Keys of what the model does not know: regimes never seen, fault modes without an example …"""

    def __post_init__(self) -> None:
        if self.split == "row":
            raise ValueError(
                "rows of one machine lie on both sides of a split by row: the score would be a leak"
            )
        if self.trained_to_us <= self.trained_from_us:
            raise ValueError("the training span is empty")


def split_by_time(
    ts_us: Ints, *, holdout: float = 0.25, gap_us: int = 0, least: int = 50
) -> tuple[Ints, Ints] | NotEnough:
    """Return the rows to train on and the later rows to score on, ``gap_us`` apart.

    The gap keeps windows that reach back from lying on both sides.
    """
    border = int(np.quantile(ts_us, 1 - holdout)) if len(ts_us) else 0
    earlier = np.flatnonzero(ts_us < border - gap_us)
    later = np.flatnonzero(ts_us >= border)
    fewest = min(len(earlier), len(later))
    if fewest < least:
        return NotEnough(Reason.TOO_FEW_SAMPLES, {"samples": float(fewest), "needed": float(least)})
    return earlier, later

"""Noise that is a function of its place alone: asked twice, it answers the same; nothing is stored. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from demoplant.loop import Instants, Values

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def uniform(seed: int, place: Instants) -> Values:
    """Return a number in [0, 1) for each place (SplitMix64: Steele, Lea, Flood, OOPSLA 2014)."""
    mixed: NDArray[np.uint64] = np.asarray(place).astype(np.int64).view(np.uint64)
    with np.errstate(over="ignore"):
        mixed = (mixed + np.uint64(seed + 1) * _GOLDEN) * _GOLDEN
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_1
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
        mixed = mixed ^ (mixed >> np.uint64(31))
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def bell(seed: int, place: Instants) -> Values:
    """Return noise of mean 0 and standard deviation 1, nearly normal (the sum of four uniform ones), within ±3.5."""
    total = sum(uniform(seed * 4 + k, place) for k in range(4))
    return np.asarray((total - 2.0) * np.sqrt(3.0), dtype=np.float64)

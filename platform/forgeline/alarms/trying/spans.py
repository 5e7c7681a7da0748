"""Stretches of time in which an alarm was active, as columns, and what is counted of them. Pure numpy.

Not here: where they come from (walk), sentences (telling).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SPANS = np.dtype([("begin_us", "i8"), ("end_us", "i8"), ("peak", "f8"), ("is_open", "?")])
"""Active from ``begin_us`` to ``end_us``, by time, disjoint. ``peak``: the signal furthest out, NaN for a condition
without one; ``is_open``: still active where the trial ends."""

FLOOD_WINDOW_US = 600_000_000
CHATTER_TIMES, CHATTER_WINDOW_US = 3, 60_000_000
"""**Source** ISA-18.2 §16.5 and EEMUA 191: an alarm that comes three times or more within a minute chatters."""

Pieces = NDArray[np.int64]
"""``(n, 2)``: from, to; by time, disjoint."""


def no_pieces() -> Pieces:
    """Return nothing."""
    return np.zeros((0, 2), np.int64)


def pieces_of(spans: NDArray[np.void]) -> Pieces:
    """Return spans as pieces."""
    return np.stack([spans["begin_us"], spans["end_us"]], axis=1)


def unite(pieces: Pieces) -> Pieces:
    """Return pieces that may overlap, or stand in any order, by time and disjoint."""
    pieces = pieces[pieces[:, 1] > pieces[:, 0]]
    if not len(pieces):
        return no_pieces()
    pieces = pieces[np.argsort(pieces[:, 0], kind="stable")]
    reach = np.maximum.accumulate(pieces[:, 1])
    begins = np.ones(len(pieces), np.bool_)
    begins[1:] = pieces[1:, 0] > reach[:-1]
    ends = np.append(np.flatnonzero(begins)[1:] - 1, len(pieces) - 1)
    return np.stack([pieces[begins, 0], reach[ends]], axis=1)


def subtract(pieces: Pieces, others: Pieces) -> Pieces:
    """Return what of ``pieces`` lies outside ``others``."""
    if not len(pieces) or not len(others):
        return pieces
    cuts = np.unique(np.concatenate([pieces.ravel(), others.ravel()]))
    low, high = cuts[:-1], cuts[1:]
    wanted = is_inside(pieces, low) & ~is_inside(others, low)
    return unite(np.stack([low[wanted], high[wanted]], axis=1))


def is_inside(pieces: Pieces, at_us: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say of each instant whether it lies in a piece."""
    if not len(pieces):
        return np.zeros(len(at_us), np.bool_)
    number = np.searchsorted(pieces[:, 0], at_us, side="right")
    return (number > 0) & (pieces[np.maximum(number - 1, 0), 1] > at_us)


def length_before_us(pieces: Pieces, at_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how much of the pieces lies before each instant."""
    if not len(pieces):
        return np.zeros(len(at_us), np.int64)
    total = np.concatenate([[0], np.cumsum(pieces[:, 1] - pieces[:, 0])])
    number = np.searchsorted(pieces[:, 0], at_us, side="right")
    beyond = np.clip(pieces[np.maximum(number - 1, 0), 1] - at_us, 0, None)
    return total[number] - np.where(number > 0, beyond, 0)


def length_within_us(spans: NDArray[np.void], pieces: Pieces) -> NDArray[np.int64]:
    """Return how much of each span lies in the pieces."""
    return length_before_us(pieces, spans["end_us"]) - length_before_us(pieces, spans["begin_us"])


def total_us(pieces: Pieces) -> int:
    """Return the length of all pieces together."""
    return int((pieces[:, 1] - pieces[:, 0]).sum())


def find_busiest(begins_us: NDArray[np.int64]) -> tuple[int, int]:
    """Return the most begins within ten minutes, and when those ten minutes begin; (0, 0) for none."""
    if not len(begins_us):
        return 0, 0
    count = np.searchsorted(begins_us, begins_us + FLOOD_WINDOW_US) - np.arange(len(begins_us))
    at = int(count.argmax())
    return int(count[at]), int(begins_us[at])


def share_of_chatter(begins_us: NDArray[np.int64]) -> float:
    """Return the share of begins that belong to three or more within a minute."""
    reach = CHATTER_TIMES - 1
    if len(begins_us) <= reach:
        return 0.0
    chatters = np.zeros(len(begins_us), np.bool_)
    first = np.flatnonzero(begins_us[reach:] - begins_us[:-reach] <= CHATTER_WINDOW_US)
    for ahead in range(CHATTER_TIMES):
        chatters[first + ahead] = True
    return float(chatters.mean())

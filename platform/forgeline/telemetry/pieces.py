"""Spans of time cut at the borders of buckets, and entries found by slot and bucket: parts of rollup. Pure."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

_SHIFT = np.int64(1) << 32
"""Bucket numbers (minutes since 1970: 3 x 10^7) and groups fit into one int64 side by side."""


class _Rhythm(Protocol):
    @property
    def width(self) -> NDArray[np.int64]: ...

    @property
    def offset(self) -> NDArray[np.int64]: ...


def cut(
    rows: NDArray[np.intp], start: NDArray[np.int64], end: NDArray[np.int64], rhythm: _Rhythm
) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]:
    """Cut the span ``[start, end)`` of each row at its buckets' borders.

    **Shape** ``start`` and ``end`` belong to ``rows``; returns (row, bucket, microseconds) of each piece.
    """
    width, offset = rhythm.width[rows], rhythm.offset[rows]
    low, high = (start + offset) // width, (end - 1 + offset) // width
    counts = high - low + 1
    which = np.repeat(np.arange(len(rows)), counts)
    bucket = low[which] + np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    begins = bucket * width[which] - offset[which]
    span = np.minimum(end[which], begins + width[which]) - np.maximum(start[which], begins)
    return rows[which], bucket, span


class EntryIndex:
    """Entries by (group, bucket). The first ones stand in order; later ones are opened at the end."""

    def __init__(self, group: NDArray[np.int64], bucket: NDArray[np.int64]) -> None:
        self._keys = group * _SHIFT + bucket
        self._opened: NDArray[np.int64] = np.zeros(0, np.int64)

    def find(
        self, group: NDArray[np.int64], bucket: NDArray[np.int64]
    ) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return the entry of each pair and a mask of those that have none (their entry is meaningless)."""
        keys = group * _SHIFT + bucket
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return at, self._keys[at] != keys

    def open(
        self, group: NDArray[np.int64], bucket: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
        """Return the (group, bucket) pairs that had to be opened, and the entry of each pair asked for."""
        keys = group * _SHIFT + bucket
        fresh = np.setdiff1d(keys, self._opened)
        base = len(self._keys)
        self._opened = np.append(self._opened, fresh)
        order = np.argsort(self._opened)
        number = order[np.searchsorted(self._opened, keys, sorter=order)] + base
        return np.stack([fresh // _SHIFT, fresh % _SHIFT], axis=1), number

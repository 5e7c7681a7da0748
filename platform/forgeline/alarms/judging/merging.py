"""Several points seen together: one table of their values over the instants at which any of them spoke. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Good samples of one point, by time; ``hold_us`` is how long a value stands without a newer one."""

    ts_us: NDArray[np.int64]
    value: NDArray[np.float64]
    hold_us: int


def merge(
    tracks: Sequence[Track], *, after_us: int, until_us: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return (instants, values): the instants in ``(after_us, until_us]`` at which a track has a sample.

    **Shape** values has a row a track. Tracks may begin before ``after_us``: that is where values come from.
    **Gaps** NaN where a track has no sample yet, or its last one holds no longer.
    """
    # A stable sort merges what is sorted already; np.unique would hash every instant first.
    every = np.sort(
        np.concatenate([np.zeros(0, np.int64), *(track.ts_us for track in tracks)]), kind="stable"
    )
    first = np.ones(len(every), np.bool_)
    first[1:] = every[1:] != every[:-1]
    instants = every[first & (every > after_us) & (every <= until_us)]
    values = np.full((len(tracks), len(instants)), np.nan)
    for row, track in enumerate(tracks):
        at = np.searchsorted(track.ts_us, instants, side="right") - 1
        stands = at >= 0
        stands[stands] = instants[stands] - track.ts_us[at[stands]] <= track.hold_us
        values[row, stands] = track.value[at[stands]]
    return instants, values


def known_until_us(tracks: Sequence[Track], *, now_us: int) -> int:
    """Return up to when all tracks are known: a point that comes late holds the rule up, for as long as it may.

    An input's last value stands for ``hold_us``; a point that is silent for longer says nothing, and what it
    will say when it is back (a spool, a history) is judged then, in its own time.
    """
    if not tracks or any(not len(track.ts_us) for track in tracks):
        return -(2**62)
    return min(now_us, *(int(track.ts_us[-1]) + track.hold_us for track in tracks))

"""How often an operator is told: ten-minute periods, peaks, floods. Pure numpy.

Not here: which alarms are a nuisance by themselves (nuisance), targets (kpis).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forgeline.alarms.trying.spans import FLOOD_WINDOW_US, Pieces, find_busiest, total_us, unite

FLOOD_BEGINS = 10
"""More calls than this within ten minutes are a flood."""
FLOOD_ENDS = 5
"""It is over once fewer than this came in the last ten minutes. **Source** ISA-18.2 §16.5, EEMUA 191."""
MOST_CONTRIBUTORS = 5


@dataclass(frozen=True, slots=True)
class Flood:
    """One operator's flood. ``end_us`` None: it goes on where the reading ends."""

    begin_us: int
    end_us: int | None
    count: int
    peak: int
    """The most calls within ten minutes."""
    first: int
    """The alarm that came first: often the cause of the others."""
    contributors: tuple[tuple[int, int], ...]
    """(alarm, calls), the most first."""


def find_floods(calls: NDArray[np.void], until_us: int) -> list[Flood]:
    """Return the floods of one operator by time; ``until_us`` is where the reading ends.

    **Time** from the first of more than ten calls within ten minutes, until fewer than five came within ten minutes.
    One operator is one plant: who divides a plant among several reads their floods as a bound from above.
    """
    calls = calls[np.lexsort((calls["alarm"], calls["at_us"]))]
    at_us = calls["at_us"]
    if len(at_us) <= FLOOD_BEGINS:
        return []
    begins = np.flatnonzero(at_us[FLOOD_BEGINS:] - at_us[:-FLOOD_BEGINS] < FLOOD_WINDOW_US)
    left = np.searchsorted(at_us, at_us + FLOOD_WINDOW_US, side="right") - np.arange(len(at_us)) - 1
    calm = np.flatnonzero(left < FLOOD_ENDS)  # the rate is low as soon as one of these is ten minutes old
    ends_us = at_us[calm[np.searchsorted(calm, begins)]] + FLOOD_WINDOW_US
    stretches = unite(np.stack([at_us[begins], ends_us], axis=1))
    return [_describe(calls, begin_us, end_us, until_us) for begin_us, end_us in stretches.tolist()]


def flood_us(floods: list[Flood], from_us: int, to_us: int) -> int:
    """Return how much of ``[from, to)`` was flood."""
    pieces = [(flood.begin_us, to_us if flood.end_us is None else flood.end_us) for flood in floods]
    return total_us(unite(np.clip(_pieces(pieces), from_us, to_us)))


def count_periods(calls: NDArray[np.void], from_us: int, to_us: int) -> NDArray[np.int64]:
    """Return the calls of each ten minutes from ``from_us`` on; the last period may be shorter."""
    periods = -(-(to_us - from_us) // FLOOD_WINDOW_US)
    number = (calls["at_us"] - from_us) // FLOOD_WINDOW_US
    return np.bincount(number, minlength=periods).astype(np.int64)


def rank(alarms: NDArray[np.int64], most: int | None = None) -> list[tuple[int, int]]:
    """Return (alarm, how often it is named), the most first; equals by their number."""
    names, counts = np.unique(alarms, return_counts=True)
    order = np.lexsort((names, -counts))[:most]
    return list(zip(names[order].tolist(), counts[order].tolist(), strict=True))


def _describe(calls: NDArray[np.void], begin_us: int, end_us: int, until_us: int) -> Flood:
    low, high = np.searchsorted(calls["at_us"], [begin_us, end_us]).tolist()
    own = calls[low:high]
    return Flood(
        begin_us=begin_us,
        end_us=end_us if end_us <= until_us else None,
        count=len(own),
        peak=find_busiest(own["at_us"])[0],
        first=int(own["alarm"][0]),
        contributors=tuple(rank(own["alarm"], MOST_CONTRIBUTORS)),
    )


def _pieces(pairs: list[tuple[int, int]]) -> Pieces:
    return np.array(pairs, np.int64).reshape(-1, 2)

"""Which alarms make the most of an operator's load, and how they behave. Pure numpy.

Not here: what would calm them (remedies), who they are (journal).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forgeline.alarms.analysis.calls import find_answers, standing_us
from forgeline.alarms.analysis.nuisance import mark_chatter, mark_fleeting
from forgeline.alarms.analysis.rates import rank

MOST_ACTORS = 10
"""**Source** ISA-18.2 §16.5: the ten most frequent alarms are looked at each week."""


@dataclass(frozen=True, slots=True)
class Actor:
    """One alarm's part of the load within a span. Medians are None where nothing ended, or nobody answered."""

    alarm: int
    count: int
    share: float
    minutes: float
    """How long it stood before the operator, within the span."""
    chattering_share: float
    fleeting_share: float
    median_duration_s: float | None
    median_acknowledge_s: float | None


def find_actors(calls: NDArray[np.void], from_us: int, to_us: int, most: int = MOST_ACTORS) -> list[Actor]:
    """Return the alarms with the most calls (all calls within ``[from, to)``, by alarm and time)."""
    return [
        _describe(alarm, count, count / len(calls), calls, from_us, to_us)
        for alarm, count in rank(calls["alarm"], most)
    ]


def calls_of(calls: NDArray[np.void], alarm: int) -> NDArray[np.void]:
    """Return one alarm's calls; ``calls`` are by alarm and time."""
    low, high = np.searchsorted(calls["alarm"], [alarm, alarm + 1]).tolist()
    own: NDArray[np.void] = calls[low:high]
    return own


def _describe(
    alarm: int, count: int, share: float, calls: NDArray[np.void], from_us: int, to_us: int
) -> Actor:
    own = calls_of(calls, alarm)
    ended = own[own["is_cleared"]]
    answers = find_answers(own)
    return Actor(
        alarm=alarm,
        count=count,
        share=round(share, 4),
        minutes=round(float(standing_us(own, from_us, to_us).sum()) / 6e7, 2),
        chattering_share=round(float(mark_chatter(own).mean()), 4),
        fleeting_share=round(float(mark_fleeting(own).mean()), 4),
        median_duration_s=_median_s(ended["end_us"] - ended["at_us"]),
        median_acknowledge_s=_median_s(answers["at_us"] - answers["since_us"]),
    )


def _median_s(lengths_us: NDArray[np.int64]) -> float | None:
    return round(float(np.median(lengths_us)) / 1e6, 1) if len(lengths_us) else None

"""Alarms that are a nuisance by themselves: chattering, fleeting, stale. Pure numpy.

Not here: floods, which many alarms make together (rates), what would calm them (remedies).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forgeline.alarms.trying.spans import CHATTER_TIMES, CHATTER_WINDOW_US

FLEETING_US = 10_000_000
"""Gone before anybody could have acted. ISA-18.2 gives no number; it is below the smallest of its on-delays, 15 s."""
FLEETING_TIMES, FLEETING_SHARE = 3, 0.5
"""An alarm is fleeting when at least so many of its calls, and such a share, were."""
STALE_US = 24 * 3_600_000_000
"""**Source** ISA-18.2 §16.5: an alarm that stands for more than 24 hours is stale."""


@dataclass(frozen=True, slots=True)
class Chatterer:
    """An alarm that came three times or more within a minute."""

    alarm: int
    calls: int
    chattering: int
    """Calls that belong to three or more within a minute."""
    episodes: int
    most_a_minute: int
    index: float
    """Mean of 1 / seconds from one call to the next; 0.05 and more is chattering.
    **Source** Kondaveeti et al., Quantification of alarm chatter based on run length distributions, Chemical
    Engineering Research and Design 91 (2013)."""


@dataclass(frozen=True, slots=True)
class Fleeting:
    """An alarm most of whose calls were over before anybody could act."""

    alarm: int
    calls: int
    fleeting: int


def mark_chatter(calls: NDArray[np.void]) -> NDArray[np.bool_]:
    """Say of each call (by alarm and time) whether it is one of three or more of its alarm within a minute."""
    marks = np.zeros(len(calls), np.bool_)
    reach = CHATTER_TIMES - 1
    if len(calls) <= reach:
        return marks
    alarm, at_us = calls["alarm"], calls["at_us"]
    first = np.flatnonzero(
        (alarm[reach:] == alarm[:-reach]) & (at_us[reach:] - at_us[:-reach] <= CHATTER_WINDOW_US)
    )
    for ahead in range(CHATTER_TIMES):
        marks[first + ahead] = True
    return marks


def find_chattering(calls: NDArray[np.void]) -> list[Chatterer]:
    """Return the alarms that chatter, the most calls first."""
    marks = mark_chatter(calls)
    found = []
    for alarm in np.unique(calls["alarm"][marks]).tolist():
        own = slice(*np.searchsorted(calls["alarm"], [alarm, alarm + 1]).tolist())
        at_us, chatters = calls["at_us"][own], marks[own]
        chattering_us = at_us[chatters]
        reach = np.searchsorted(at_us, at_us + CHATTER_WINDOW_US, side="right") - np.arange(len(at_us))
        run_s = np.maximum(np.diff(at_us) / 1e6, 1.0)
        found.append(
            Chatterer(
                alarm=alarm,
                calls=len(at_us),
                chattering=len(chattering_us),
                episodes=int((np.diff(chattering_us) > CHATTER_WINDOW_US).sum()) + 1,
                most_a_minute=int(reach.max()),
                index=round(float((1 / run_s).mean()), 4),
            )
        )
    return sorted(found, key=lambda each: (-each.chattering, each.alarm))


def mark_fleeting(calls: NDArray[np.void]) -> NDArray[np.bool_]:
    """Say of each call whether it cleared by itself before anybody could have acted."""
    marks: NDArray[np.bool_] = calls["is_cleared"] & (calls["end_us"] - calls["at_us"] < FLEETING_US)
    return marks


def find_fleeting(calls: NDArray[np.void]) -> list[Fleeting]:
    """Return the alarms that are fleeting, the most calls first."""
    names, place = np.unique(calls["alarm"], return_inverse=True)
    every = np.bincount(place, minlength=len(names))
    short = np.bincount(place, weights=mark_fleeting(calls), minlength=len(names)).astype(np.int64)
    is_fleeting = (short >= FLEETING_TIMES) & (short >= FLEETING_SHARE * every)
    rows = zip(
        names[is_fleeting].tolist(), every[is_fleeting].tolist(), short[is_fleeting].tolist(), strict=True
    )
    return sorted((Fleeting(*row) for row in rows), key=lambda each: (-each.fleeting, each.alarm))


def find_stale(calls: NDArray[np.void], from_us: int, to_us: int) -> NDArray[np.void]:
    """Return the calls that were stale at some time of ``[from, to)``: standing for more than 24 hours."""
    stale_us = calls["at_us"] + STALE_US
    found: NDArray[np.void] = calls[(stale_us < to_us) & (calls["end_us"] > np.maximum(stale_us, from_us))]
    return found


def count_stale(calls: NDArray[np.void], borders_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many alarms were stale on each day; ``borders_us`` are the days' begins and the last one's end."""
    begin_us, end_us = calls["at_us"] + STALE_US, calls["end_us"]
    begin_us, end_us = begin_us[end_us > begin_us], end_us[end_us > begin_us]
    begun = np.searchsorted(np.sort(begin_us), borders_us[1:], side="left")
    over = np.searchsorted(np.sort(end_us), borders_us[:-1], side="right")
    return (begun - over).astype(np.int64)

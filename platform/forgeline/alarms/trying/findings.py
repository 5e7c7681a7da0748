"""What a trial found on one machine: counts, minutes, days, what would come and what would go. Pure.

Not here: the sentences made of it (wording).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forgeline.alarms.trying.spans import (
    Pieces,
    find_busiest,
    length_before_us,
    length_within_us,
    pieces_of,
    share_of_chatter,
    subtract,
    total_us,
)
from forgeline.assets.calendar import PlantCalendar
from forgeline.base.clock import from_us

MONTH_DAYS = 30.0
DAY_US = 86_400_000_000
MOST_A_MONTH = 1_000
MOST_IN_TEN_MINUTES = 10
"""**Source** ISA-18.2 §16.5.2 and EEMUA 191: more than ten alarms in ten minutes are a flood, whatever brings them."""
STANDING_SHARE = 0.95
MOST_LISTED = 500


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The spans of one rule on one machine, and when nobody would have been told."""

    spans: NDArray[np.void]
    mask: Pieces

    @property
    def is_suppressed(self) -> NDArray[np.bool_]:
        """Which spans lie wholly within the mask: of those nobody would have heard."""
        return length_within_us(self.spans, self.mask) >= self.spans["end_us"] - self.spans["begin_us"]

    @property
    def told(self) -> NDArray[np.void]:
        return self.spans[~self.is_suppressed]

    @property
    def heard(self) -> Pieces:
        """The stretches in which the alarm was active and not suppressed."""
        return subtract(pieces_of(self.spans), self.mask)


def is_noisy(found: Found, days: float) -> bool:
    """Say whether a rule fires too often, or stands too long, to be of use to anybody."""
    begins_us = found.told["begin_us"]
    rate = len(begins_us) * MONTH_DAYS / max(days, 1.0)
    is_often = rate > MOST_A_MONTH or find_busiest(begins_us)[0] > MOST_IN_TEN_MINUTES
    return is_often or stands_always(_minutes(total_us(found.heard)), days)


def stands_always(minutes: float, days: float) -> bool:
    """Say whether an alarm would have stood nearly all of the time: it tells nobody anything."""
    return days >= 1.0 and minutes * 60e6 >= STANDING_SHARE * days * DAY_US


def tally(found: Found, calendar: PlantCalendar, from_us_: int, to_us_: int) -> dict[str, Any]:
    """Return the counts of a rule as JSON-like data; days are the plant's production days."""
    told, heard = found.told, found.heard
    begins_us = told["begin_us"]
    lengths_us = told["end_us"] - begins_us
    busiest, busiest_us = find_busiest(begins_us)
    longest = int(lengths_us.argmax()) if len(told) else -1
    return {
        "alarms": len(told),
        "minutes": _minutes(total_us(heard)),
        "suppressed": int(found.is_suppressed.sum()),
        "longest_minutes": _minutes(int(lengths_us[longest])) if len(told) else 0.0,
        "longest_at": _iso(int(begins_us[longest])) if len(told) else None,
        "busiest_10_minutes": busiest,
        "busiest_at": _iso(busiest_us) if busiest else None,
        "chattering_share": round(share_of_chatter(begins_us), 4),
        "days": _days(begins_us, heard, calendar, from_us_, to_us_),
    }


def compare(new: Found, current: Found) -> dict[str, Any]:
    """Return what would come and go; alarms of the two are the same alarm where they overlap in time."""
    heard_new, heard_current = new.heard, current.heard
    return {
        "added": int(is_alone(new, current).sum()),
        "removed": int(is_alone(current, new).sum()),
        "minutes_added": _minutes(total_us(subtract(heard_new, heard_current))),
        "minutes_removed": _minutes(total_us(subtract(heard_current, heard_new))),
    }


def is_alone(one: Found, other: Found) -> NDArray[np.bool_]:
    """Say of each alarm that is told by ``one`` whether ``other`` tells none that overlaps it."""
    return length_within_us(one.told, pieces_of(other.told)) == 0


def list_spans(
    spans: NDArray[np.void], marks: NDArray[np.bool_], name: str, from_us_: int, *, most: int = MOST_LISTED
) -> list[dict[str, Any]]:
    """Return the first spans as JSON-like data, each with its mark under ``name``."""
    return [
        {
            "begin": _iso(begin_us),
            "end": None if is_open else _iso(end_us),
            "minutes": _minutes(end_us - begin_us),
            "peak": peak if math.isfinite(peak) else None,
            "stood_before": begin_us <= from_us_,
            name: mark,
        }
        for (begin_us, end_us, peak, is_open), mark in zip(
            spans[:most].tolist(), marks[:most].tolist(), strict=True
        )
    ]


def sum_up(machines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the sums over the machines that were tried."""
    tried = [machine for machine in machines if machine["new"] is not None]
    currents = [machine["current"] for machine in tried if machine["current"] is not None]
    changes = [machine["change"] for machine in tried]
    return {
        "machines": len(tried),
        "noisy_machines": sum(machine["is_noisy"] for machine in tried),
        "new": {
            **_sums([machine["new"] for machine in tried], ("alarms", "minutes", "suppressed")),
            "days": sum_days(tried),
        },
        "current": _sums(currents, ("alarms", "minutes", "suppressed")) if currents else None,
        "change": _sums(changes, ("added", "removed", "minutes_added", "minutes_removed")),
    }


def sum_days(machines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the days of all machines together, each by its own plant's production days."""
    found: dict[str, dict[str, Any]] = {}
    for machine in machines:
        for day in machine["new"]["days"] if machine["new"] is not None else []:
            row = found.setdefault(day["on"], {"on": day["on"], "alarms": 0, "minutes": 0.0})
            row["alarms"] += day["alarms"]
            row["minutes"] = round(row["minutes"] + day["minutes"], 2)
    return [found[on] for on in sorted(found)]


def _sums(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    return {name: round(sum(row[name] for row in rows), 2) for name in names}


def _days(
    begins_us: NDArray[np.int64], heard: Pieces, calendar: PlantCalendar, from_us_: int, to_us_: int
) -> list[dict[str, Any]]:
    first = calendar.production_days(np.array([from_us_, to_us_ - 1], np.int64))
    days = np.arange(first[0], first[1] + 1)
    borders = np.array([calendar.production_day_span(on)[0] for on in days.tolist()] + [to_us_], np.int64)
    counts = np.diff(np.searchsorted(begins_us, borders))
    lengths = np.diff(length_before_us(heard, borders))
    return [
        {"on": on.isoformat(), "alarms": count, "minutes": _minutes(length)}
        for on, count, length in zip(days.tolist(), counts.tolist(), lengths.tolist(), strict=True)
    ]


def _minutes(us: int) -> float:
    return round(us / 6e7, 2)


def _iso(us: int) -> str:
    return from_us(us).isoformat().replace("+00:00", "Z")

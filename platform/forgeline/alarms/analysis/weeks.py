"""A plant's production weeks: Monday to Sunday by its own days and clock. Pure.

Not here: production days and shifts themselves (assets.calendar).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from forgeline.assets.calendar import PlantCalendar

FIRST_YEAR, LAST_YEAR = 2000, 2199
_WORD = re.compile(r"([0-9]{4})-W([0-9]{2})")


@dataclass(frozen=True, slots=True)
class Week:
    """``[from_us, to_us)`` of seven production days; 167 or 169 hours where the clock changes."""

    on: date
    """Its Monday."""
    from_us: int
    to_us: int

    @property
    def word(self) -> str:
        """As ISO 8601 writes it: ``2026-W47``."""
        return word_of(self.on)


def word_of(on: date) -> str:
    """Return the week of a day as ISO 8601 writes it."""
    year, number, _day = on.isocalendar()
    return f"{year}-W{number:02d}"


def parse_word(word: str) -> date:
    """Return the Monday of ``2026-W47``. **Raises** ValueError."""
    found = _WORD.fullmatch(word)
    if found is None or not FIRST_YEAR <= int(found[1]) <= LAST_YEAR:
        raise ValueError(word)
    return date.fromisocalendar(int(found[1]), int(found[2]), 1)


def week_from(calendar: PlantCalendar, monday: date) -> Week:
    """Return the plant's week that begins with a Monday."""
    begin_us, _ = calendar.production_day_span(monday)
    end_us, _ = calendar.production_day_span(monday + timedelta(days=7))
    return Week(monday, begin_us, end_us)


def week_of(calendar: PlantCalendar, at_us: int) -> Week:
    """Return the plant's week of an instant."""
    on = calendar.production_day_of(at_us)
    return week_from(calendar, on - timedelta(days=on.weekday()))


def week_before(calendar: PlantCalendar, week: Week) -> Week:
    """Return the week before."""
    return week_from(calendar, week.on - timedelta(days=7))


def day_borders(calendar: PlantCalendar, from_us: int, to_us: int) -> tuple[list[date], NDArray[np.int64]]:
    """Return the production days that ``[from, to)`` meets, and their begins with the last one's end."""
    first, last = calendar.production_days(np.array([from_us, to_us - 1], np.int64)).tolist()
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    spans = [calendar.production_day_span(on) for on in days]
    return days, np.array([begin for begin, _ in spans] + [spans[-1][1]], np.int64)

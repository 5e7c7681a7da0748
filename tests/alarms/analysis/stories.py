"""Journals made by hand: who raised, cleared and answered what and when, in seconds."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from forgeline.alarms.analysis.calls import Kind, find_calls, new_entries
from forgeline.alarms.analysis.kpis import Position
from forgeline.alarms.analysis.rates import find_floods
from forgeline.assets.calendar import PlantCalendar
from forgeline.base.clock import to_us

S = 1_000_000
MINUTE, HOUR, DAY = 60 * S, 3600 * S, 86_400 * S
BERLIN = PlantCalendar("Europe/Berlin", time(6))
MONDAY = to_us(datetime(2026, 3, 2, 6, tzinfo=ZoneInfo("Europe/Berlin")))
"""A Monday's production day begins."""

Line = tuple[int, float, Kind] | tuple[int, float, Kind, bool]


def utc(*parts: int) -> int:
    """Return an instant of UTC."""
    return to_us(datetime(*parts, tzinfo=UTC))  # type: ignore[arg-type,misc]


def journal(*lines: Line, zero_us: int = MONDAY) -> NDArray[np.void]:
    """Return entries: (alarm, seconds after zero, kind[, quiet])."""
    rows = sorted(((line[0], zero_us + round(line[1] * S), line[2], len(line) > 3 and line[3]) for line in lines),
                  key=lambda row: row[1])  # fmt: skip
    alarm, at_us, kind, is_quiet = zip(*rows, strict=True) if rows else ((), (), (), ())
    return new_entries(
        np.array(alarm, np.int64), np.array(at_us, np.int64), np.array(kind, np.int8),
        np.array(is_quiet, np.bool_),
    )  # fmt: skip


def blip(alarm: int, at_s: float, for_s: float = 1.0) -> list[Line]:
    """Return an alarm that comes and goes."""
    return [(alarm, at_s, Kind.RAISED), (alarm, at_s + for_s, Kind.CLEARED)]


def position(
    entries: NDArray[np.void], until_us: int, *, calendar: PlantCalendar = BERLIN, **priorities: str
) -> Position:
    """Return what is known of a plant; ``a3="high"`` gives alarm 3 a priority, others are low."""
    names = {int(alarm): "low" for alarm in np.unique(entries["alarm"])}
    names |= {int(name[1:]): priority for name, priority in priorities.items()}
    calls = find_calls(entries, until_us)
    return Position(entries, calls, find_floods(calls, until_us), names, calendar)

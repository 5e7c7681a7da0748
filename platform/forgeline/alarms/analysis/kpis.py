"""The numbers by which an alarm system is judged, with the targets of ISA-18.2 and EEMUA 191 beside them. Pure.

A number is None, with a code that says why, where too little is known for it. Not here: the words for keys and codes
(wording), where calls come from (journal).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forgeline.alarms.analysis.calls import NEVER, Kind, count_entries, find_answers, standing_us, within
from forgeline.alarms.analysis.nuisance import count_stale, find_chattering, find_fleeting
from forgeline.alarms.analysis.rates import FLOOD_BEGINS, Flood, count_periods, flood_us, rank
from forgeline.alarms.analysis.weeks import day_borders
from forgeline.alarms.definitions import Priority
from forgeline.alarms.trying.spans import find_busiest
from forgeline.assets.calendar import PlantCalendar

HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000
LEAST_ALARMS = 20
"""Below so many calls a share of them says nothing: 5 % would be less than one."""
TOP = 10


@dataclass(frozen=True, slots=True)
class Target:
    """``most`` or ``least`` is what the standards ask for; up to ``manageable`` an operator can bear it."""

    most: float | None = None
    least: float | None = None
    manageable: float | None = None
    is_strict: bool = False
    """Below ``most``, not equal to it."""

    def is_met(self, value: float) -> bool:
        if self.most is not None:
            return value < self.most if self.is_strict else value <= self.most
        return self.least is None or value >= self.least


TARGETS = {
    "per_hour": Target(most=6, manageable=12),
    "per_10_minutes": Target(most=1, manageable=2),
    "per_day": Target(most=150, manageable=300),
    "peak_10_minutes": Target(most=10),
    "busy_share": Target(most=0.01),
    "flood_share": Target(most=0.01),
    "top_10_share": Target(most=0.05),
    "chattering": Target(most=0),
    "fleeting": Target(most=0),
    "stale": Target(most=5, is_strict=True),
    "critical_share": Target(most=0.01),
    "high_share": Target(most=0.05),
    "medium_share": Target(most=0.15),
    "low_share": Target(least=0.80),
}
"""For one operator's position. **Source** ISA-18.2 §16.5 and EEMUA 191."""

TOO_SHORT, TOO_FEW, FEW_RULES = "too_short", "too_few", "few_rules"
NOTHING_YET, NOBODY = "nothing_yet", "nobody_answered"


@dataclass(frozen=True, slots=True, eq=False)
class Position:
    """What is known of one operator's position, a plant: entries, all calls that were read, and their alarms."""

    entries: NDArray[np.void]
    calls: NDArray[np.void]
    floods: list[Flood]
    priorities: dict[int, str]
    """Alarm → priority, of every alarm of the plant that has ever come."""
    calendar: PlantCalendar
    since_us: int = 0
    """When people were first told of an alarm: the time before tells nothing of their load."""

    def known_us(self, from_us: int) -> int:
        """Return from when on the load of a span from ``from_us`` on is known."""
        return max(from_us, int(self.calls["at_us"].min(initial=self.since_us)))


def compute(position: Position, from_us: int, to_us: int) -> dict[str, Any]:
    """Return every number of ``[from, to)`` as JSON-like data: ``value``, ``target``, ``is_met``, ``why``.

    **Time** rates by the hours that really passed; days are the plant's production days, one of 23 or 25 hours counts
    as one. **Gaps** what lies before a plant's first call is not judged, and one that never had an alarm not at all.
    """
    known_us = position.known_us(from_us)
    if not position.priorities or known_us >= to_us:
        return {key: _row(key, None, NOTHING_YET) for key in (*TARGETS, *_WITHOUT_TARGET)}
    calls = within(position.calls, from_us, to_us)
    found = {
        **_loads(calls, position, known_us, to_us),
        **_shares(calls, position),
        "chattering": _row("chattering", len(find_chattering(calls))),
        "fleeting": _row("fleeting", len(find_fleeting(calls))),
        "stale": _row("stale", _most_stale(position, from_us, to_us)),
        **_answers(calls),
        **_counts(position, calls, from_us, to_us),
    }
    return {key: found[key] for key in (*TARGETS, *_WITHOUT_TARGET)}


_WITHOUT_TARGET = (
    "alarms", "quiet", "standing_minutes", "acknowledged_share", "acknowledge_median_s", "acknowledge_p90_s",
    "suppressed", "shelved", "out_of_service",
)  # fmt: skip
KEYS = (*TARGETS, *_WITHOUT_TARGET)


def list_days(position: Position, from_us: int, to_us: int) -> list[dict[str, Any]]:
    """Return the calls of each production day that ``[from, to)`` meets, by priority, as JSON-like data."""
    days, borders = day_borders(position.calendar, from_us, to_us)
    calls = within(position.calls, from_us, to_us)
    number = np.searchsorted(borders, calls["at_us"], side="right") - 1
    columns = {
        priority.value: np.bincount(
            number[_has_priority(calls, position, priority)], minlength=len(days)
        ).tolist()
        for priority in Priority
    }
    stale = count_stale(position.calls, np.clip(borders, from_us, to_us)).tolist()
    return [
        {
            "on": on.isoformat(),
            "alarms": sum(column[at] for column in columns.values()),
            **{name: column[at] for name, column in columns.items()},
            "stale": stale[at],
        }
        for at, on in enumerate(days)
    ]


def _loads(
    calls: NDArray[np.void], position: Position, from_us: int, to_us: int
) -> dict[str, dict[str, Any]]:
    length_us = to_us - from_us
    hours = length_us / HOUR_US
    periods = count_periods(calls, from_us, to_us)
    days = _count_days(position.calendar, from_us, to_us)
    is_hour, is_day = length_us >= HOUR_US, days >= 1 - 1e-9
    return {
        "per_hour": _row("per_hour", len(calls) / hours if is_hour else None, TOO_SHORT),
        "per_10_minutes": _row("per_10_minutes", len(calls) / hours / 6 if is_hour else None, TOO_SHORT),
        "per_day": _row("per_day", len(calls) / days if is_day else None, TOO_SHORT),
        "peak_10_minutes": _row("peak_10_minutes", find_busiest(np.sort(calls["at_us"]))[0]),
        "busy_share": _row(
            "busy_share", (periods > FLOOD_BEGINS).sum() / len(periods) if is_hour else None, TOO_SHORT
        ),
        "flood_share": _row(
            "flood_share",
            flood_us(position.floods, from_us, to_us) / length_us if is_hour else None,
            TOO_SHORT,
        ),
    }


def _shares(calls: NDArray[np.void], position: Position) -> dict[str, dict[str, Any]]:
    """Shares of the calls: of the ten most frequent alarms, and of each priority."""
    is_enough = len(calls) >= LEAST_ALARMS
    found = {}
    ranked = rank(calls["alarm"])
    top = sum(count for _alarm, count in ranked[:TOP])
    found["top_10_share"] = _row("top_10_share", top / len(calls) if is_enough else None, TOO_FEW)
    if is_enough and len(ranked) <= TOP:
        # All of them come from ten alarms: true, and no reproach.
        found["top_10_share"] |= {"is_met": None, "why": FEW_RULES}
    for priority in Priority:
        key = f"{priority.value}_share"
        share = _has_priority(calls, position, priority).mean() if is_enough else None
        found[key] = _row(key, share, TOO_FEW)
    return found


def _answers(calls: NDArray[np.void]) -> dict[str, dict[str, Any]]:
    asked = calls[~calls["is_taken_off"]]
    answers = find_answers(calls)
    waited_s = (answers["at_us"] - answers["since_us"]) / 1e6
    acknowledged = int((asked["answered_us"] != NEVER).sum())
    median, p90 = np.percentile(waited_s, [50, 90]).tolist() if len(waited_s) else (None, None)
    return {
        "acknowledged_share": _row(
            "acknowledged_share", acknowledged / len(asked) if len(asked) else None, TOO_FEW
        ),
        "acknowledge_median_s": _row("acknowledge_median_s", median, NOBODY),
        "acknowledge_p90_s": _row("acknowledge_p90_s", p90, NOBODY),
    }


def _counts(
    position: Position, calls: NDArray[np.void], from_us: int, to_us: int
) -> dict[str, dict[str, Any]]:
    entries = position.entries
    quiet = entries[entries["is_quiet"]]
    numbers = {
        "alarms": len(calls),
        "quiet": count_entries(quiet, Kind.RAISED, from_us, to_us),
        "standing_minutes": float(standing_us(position.calls, from_us, to_us).sum()) / 6e7,
        "suppressed": count_entries(entries, Kind.SUPPRESSED, from_us, to_us),
        "shelved": count_entries(entries, Kind.SHELVED, from_us, to_us),
        "out_of_service": count_entries(entries, Kind.OUT_OF_SERVICE, from_us, to_us),
    }
    return {key: _row(key, number) for key, number in numbers.items()}


def _most_stale(position: Position, from_us: int, to_us: int) -> int:
    """The most stale alarms on any one day."""
    _days, borders = day_borders(position.calendar, from_us, to_us)
    return int(count_stale(position.calls, np.clip(borders, from_us, to_us)).max())


def _count_days(calendar: PlantCalendar, from_us: int, to_us: int) -> float:
    _days, borders = day_borders(calendar, from_us, to_us)
    inside = np.diff(np.clip(borders, from_us, to_us))
    return float((inside / np.diff(borders)).sum())


def _has_priority(calls: NDArray[np.void], position: Position, priority: Priority) -> NDArray[np.bool_]:
    alarms = [alarm for alarm, own in position.priorities.items() if own == priority.value]
    return np.isin(calls["alarm"], alarms)


def _row(key: str, value: float | np.floating[Any] | None, why: str | None = None) -> dict[str, Any]:
    target = TARGETS.get(key)
    number = None if value is None else round(float(value), 4)
    return {
        "value": int(number) if number is not None and number.is_integer() else number,
        "target": None if target is None else (target.most if target.most is not None else target.least),
        "relation": None if target is None else _relation(target),
        "manageable": None if target is None else target.manageable,
        "is_met": None if target is None or value is None else target.is_met(float(value)),
        "why": None if number is not None else why,
    }


def _relation(target: Target) -> str:
    if target.least is not None:
        return "at_least"
    return "below" if target.is_strict else "at_most"

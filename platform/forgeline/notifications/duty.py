"""Who is on duty at an instant: pure functions on a roster's plan. No table, no clock.

Not here: where plans are kept (models), the plant's shifts (asked for by queries, given here as a word).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Duty:
    """A weekly time of a person, by the roster's wall clock; one that ends at or before its start runs into the next
    day.
    """

    user_id: int
    starts_at: time
    ends_at: time
    weekdays: frozenset[int]
    """ISO numbers, 1 = Monday; of the day on which it starts."""
    shift: str = ""
    """Only while this shift of the plant runs; '' = always."""
    on_holidays: bool | None = None
    """True = on holidays only, False = not on holidays, None = on all days."""


@dataclass(frozen=True, slots=True)
class Turns:
    """People who take turns of some days; the first turn begins on ``begins_on`` at ``at`` by the wall clock."""

    user_ids: Sequence[int]
    days: int
    begins_on: date
    at: time


@dataclass(frozen=True, slots=True)
class Absence:
    """A stand-in takes the whole duty in ``[starts_at, ends_at)``."""

    user_id: int
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """A roster as this file needs it."""

    zone: str
    duties: Sequence[Duty] = ()
    turns: Turns | None = None
    stand_ins: Sequence[Absence] = ()


def who_is_on_duty(plan: Plan, at: datetime, *, shift: str | None, is_holiday: bool) -> list[int]:
    """Return the users on duty at an instant, each once, in the plan's order; [] when there is nobody.

    **Time** weekdays and times by the wall clock of the plan's zone: an hour that summer time skips is nobody's, an
    hour that comes twice is the same person's twice. A stand-in takes the place of whoever the plan names.
    """
    standing_in = [each.user_id for each in plan.stand_ins if each.starts_at <= at < each.ends_at]
    if standing_in:
        return list(dict.fromkeys(standing_in))
    local = at.astimezone(ZoneInfo(plan.zone))
    found = [] if plan.turns is None else _turn_at(plan.turns, local)
    for duty in plan.duties:
        if _covers(duty, local) and _fits(duty, shift, is_holiday):
            found.append(duty.user_id)
    return list(dict.fromkeys(found))


def next_change(plan: Plan, after: datetime, *, within_days: int = 35) -> datetime | None:
    """Return the next instant at which a turn, a time or a stand-in begins or ends, None where nothing changes."""
    zone = ZoneInfo(plan.zone)
    today = after.astimezone(zone).date()
    walls: set[tuple[date, time]] = set()
    for number in range(-1, within_days + 1):
        on = today + timedelta(days=number)
        for duty in plan.duties:
            if on.isoweekday() in duty.weekdays:
                ends_on = on + timedelta(days=1) if duty.ends_at <= duty.starts_at else on
                walls |= {(on, duty.starts_at), (ends_on, duty.ends_at)}
        if (
            plan.turns
            and on >= plan.turns.begins_on
            and not (on - plan.turns.begins_on).days % plan.turns.days
        ):
            walls.add((on, plan.turns.at))
    instants = {datetime.combine(on, at, tzinfo=zone).astimezone(UTC) for on, at in walls}
    instants |= {edge for each in plan.stand_ins for edge in (each.starts_at, each.ends_at)}
    return min((instant for instant in instants if instant > after), default=None)


def _turn_at(turns: Turns, local: datetime) -> list[int]:
    if not turns.user_ids:
        return []
    on = local.date() if local.time() >= turns.at else local.date() - timedelta(days=1)
    days = (on - turns.begins_on).days
    if days < 0:
        return []
    return [turns.user_ids[days // turns.days % len(turns.user_ids)]]


def _covers(duty: Duty, local: datetime) -> bool:
    wall = local.time().replace(tzinfo=None)
    today, yesterday = local.isoweekday(), (local.date() - timedelta(days=1)).isoweekday()
    if duty.ends_at > duty.starts_at:
        return today in duty.weekdays and duty.starts_at <= wall < duty.ends_at
    began_today = today in duty.weekdays and wall >= duty.starts_at
    return began_today or (yesterday in duty.weekdays and wall < duty.ends_at)


def _fits(duty: Duty, shift: str | None, is_holiday: bool) -> bool:
    if duty.shift and duty.shift != shift:
        return False
    return duty.on_holidays is None or duty.on_holidays == is_holiday

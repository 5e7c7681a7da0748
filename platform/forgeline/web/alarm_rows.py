"""Alarms as pages show them: a sentence each, in the reader's language, with names and times of the plant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import get_language

from forgeline.alarms import queries
from forgeline.alarms.definitions import Definition, Limit, Priority, parse
from forgeline.alarms.models import Alarm
from forgeline.alarms.plan import read_plan
from forgeline.alarms.wording import read_names, say_cause
from forgeline.base import clock
from forgeline.base.clock import to_us

MOST_ON_MACHINE = 20


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """One alarm with what a page says of it. ``life``: one word for where it stands in its life cycle."""

    alarm: Alarm
    definition: Definition
    name: str
    cause: str
    priority: str
    life: str
    raised: str
    raised_ms: int
    cleared_ms: int
    times: int
    """How often it came within a day."""
    shelved_until: str = ""


def life_of(alarm: Alarm) -> str:
    """Return the word for where an alarm stands. **Source** ISA-18.2 §8, figure 3."""
    if alarm.out_of_service_at is not None:
        return "out_of_service"
    if alarm.shelved_until is not None:
        return "shelved"
    if alarm.is_suppressed and alarm.is_active:
        return "suppressed"
    if alarm.is_active:
        return "acknowledged" if alarm.is_acknowledged else "unacknowledged"
    if alarm.is_acknowledged:
        return "normal"
    return "latched" if alarm.is_latched else "returned"


def local(at: datetime | None, zone: str, form: str = "%m-%d %H:%M:%S") -> str:
    """Return an instant as the plant's clock shows it; '' for none."""
    return "" if at is None else at.astimezone(ZoneInfo(zone)).strftime(form)


def make_rows(alarms: Sequence[Alarm]) -> list[AlarmRow]:
    """Return the rows of alarms: three queries at most, however many there are."""
    language = get_language() or "en"
    definitions = {alarm.pk: parse(alarm.definition) for alarm in alarms}
    names = read_names((alarm.asset_id, definitions[alarm.pk]) for alarm in alarms)
    times = queries.count_raised([alarm.pk for alarm in alarms], clock.now() - timedelta(days=1))
    return [
        AlarmRow(
            alarm=alarm,
            definition=(definition := definitions[alarm.pk]),
            name=definition.name_in(language),
            cause=say_cause(definition, alarm.value, names.of(alarm.asset_id)),
            priority=definition.priority.value,
            life=life_of(alarm),
            raised=local(alarm.raised_at, alarm.asset.site.zone),
            raised_ms=to_us(alarm.raised_at) // 1000 if alarm.raised_at else 0,
            cleared_ms=to_us(alarm.cleared_at) // 1000 if alarm.cleared_at and not alarm.is_active else 0,
            times=times.get(alarm.pk, 0),
            shelved_until=local(alarm.shelved_until, alarm.asset.site.zone, "%m-%d %H:%M"),
        )
        for alarm in alarms
    ]


def list_open(asset_id: int) -> list[AlarmRow]:
    """Return the open alarms of a machine."""
    return make_rows(list(queries.list_alarms("open", asset_id=asset_id)[:MOST_ON_MACHINE]))


def count_by_machine(asset_ids: Sequence[int]) -> dict[int, tuple[int, str]]:
    """Return machine → (open alarms, the highest priority among them): one query."""
    order = [priority.value for priority in Priority]
    found: dict[int, tuple[int, str]] = {}
    rows = queries.list_alarms("open").filter(asset_id__in=list(asset_ids)).order_by()
    for asset_id, priority in rows.values_list("asset_id", "definition__priority"):
        count, worst = found.get(asset_id, (0, order[-1]))
        found[asset_id] = (count + 1, min(worst, priority or Priority.MEDIUM.value, key=order.index))
    return found


def list_limits(asset_id: int) -> list[dict[str, Any]]:
    """Return the limits in force on a machine, as chart.js draws them."""
    found = []
    for rule in read_plan(asset_ids=[asset_id]):
        condition = rule.definition.condition
        if isinstance(condition, Limit) and rule.is_judged:
            point_id = next(iter(rule.inputs.values())).point_id
            found.append({"point": point_id, "value": condition.limit, "name": condition.level.value})
    return found

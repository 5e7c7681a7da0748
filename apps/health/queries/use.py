"""How much a machine ran or counted, and whether a condition holds, from the kernel's states, roll-ups and alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from apps.health import calc
from apps.health.models import MaintenancePlan
from apps.health.models.plans import Trigger
from forgeline.alarms.queries import list_alarms
from forgeline.base.clock import to_us
from forgeline.telemetry import queries as telemetry, states
from forgeline.telemetry.queries import Resolution
from forgeline.telemetry.state_rules import MachineState

LATELY = timedelta(days=28)
"""By what is used lately the day is foretold: four weeks hold every shift pattern of a month."""
_HOURLY = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Use:
    """What a turn has used, how fast lately, and what the counter says now."""

    used: float
    rate: float | None
    reading: float | None
    has_data: bool


def read_use(plan: MaintenancePlan, now: datetime) -> Use:
    """Return the use of a plan's turn: of its counter, or of the machine's running time.

    **Units** hours for running time, else the counter's own; ``rate`` a day. **Gaps** what is not known adds nothing.
    """
    if plan.point_id is None:
        return _running(plan, now)
    used, _days = _increase(plan.point_id, plan.since, now)
    lately, days = _increase(plan.point_id, now - LATELY, now)
    latest = telemetry.read_latest([plan.point_id]).get(plan.point_id)
    reading = None if latest is None or not isinstance(latest.value, float | int) else float(latest.value)
    return Use(used, lately / days if days else None, reading, has_data=latest is not None)


def _increase(point_id: int, since: datetime, until: datetime) -> tuple[float, float]:
    """Return by how much a counter rose, its resets left out, and over how many days it is known."""
    from_us, to_us_ = to_us(since), to_us(until)
    resolution = Resolution.HOUR if until - since <= _HOURLY else Resolution.DAY
    if to_us_ <= from_us:
        return 0.0, 0.0
    found = telemetry.read_series([point_id], from_us, to_us_, resolution=resolution)
    if not found:
        return 0.0, 0.0
    increase, at = found[0].columns["increase"], found[0].columns["ts_us"]
    known = ~np.isnan(increase)
    if not known.any():
        return 0.0, 0.0
    span_us = max(to_us_ - int(at[known][0]), calc.DAY_US)
    return float(increase[known].sum()), span_us / calc.DAY_US


def _running(plan: MaintenancePlan, now: datetime) -> Use:
    lately_from = now - LATELY
    spans, first = read_running(plan.asset_id, to_us(min(plan.since, lately_from)), to_us(now))
    used = calc.measure(calc.clip(spans, to_us(plan.since), to_us(now))) / calc.HOUR_US
    lately = calc.measure(calc.clip(spans, to_us(lately_from), to_us(now))) / calc.HOUR_US
    if first is None:
        return Use(used, None, None, has_data=False)
    days = max(1.0, (to_us(now) - max(first, to_us(lately_from))) / calc.DAY_US)
    return Use(used, lately / days, None, has_data=True)


def read_running(asset_id: int, from_us: int, to_us_: int) -> tuple[calc.Spans, int | None]:
    """Return when a machine ran, and from when on its state is known at all (None: never)."""
    spans, known = read_running_of([asset_id], from_us, to_us_)
    return spans.get(asset_id, calc.spans_of([])), known.get(asset_id)


def read_running_of(
    asset_ids: Sequence[int], from_us: int, to_us_: int
) -> tuple[dict[int, calc.Spans], dict[int, int]]:
    """Return when each machine ran, and from when on its state is known; one query for all."""
    pairs: dict[int, list[tuple[int, int]]] = {}
    known: dict[int, int] = {}
    for interval in states.list_intervals(asset_ids, from_us, to_us_):
        begin = max(to_us(interval.started_at), from_us)
        end = to_us_ if interval.ended_at is None else min(to_us(interval.ended_at), to_us_)
        if interval.state != MachineState.NO_DATA:
            known.setdefault(interval.asset_id, begin)
        if interval.state == MachineState.RUNNING:
            pairs.setdefault(interval.asset_id, []).append((begin, end))
    return {asset_id: calc.spans_of(found) for asset_id, found in pairs.items()}, known


def is_condition_met(plan: MaintenancePlan) -> bool:
    """Say whether the alarm came, or the value lies beyond its limit, in the present turn."""
    assert plan.trigger == Trigger.CONDITION
    if plan.alarm_key:
        for alarm in list_alarms("all", asset_id=plan.asset_id):
            if alarm.key == plan.alarm_key and alarm.raised_at is not None:
                return bool(alarm.raised_at > plan.since or (alarm.is_active and not plan.turn))
        return False
    latest = telemetry.read_latest([plan.point_id or 0]).get(plan.point_id or 0)
    if latest is None or not isinstance(latest.value, float | int) or latest.quality == 2:
        return False
    if plan.turn and latest.ts_us <= to_us(plan.since):
        return False
    return (plan.above is not None and latest.value > plan.above) or (
        plan.below is not None and latest.value < plan.below
    )

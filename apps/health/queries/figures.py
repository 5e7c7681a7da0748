"""The figures of maintenance over a span, machine by machine: what calc needs, in a fixed number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q

from apps.health import calc
from apps.health.models import WorkOrder
from apps.health.queries.use import read_running_of
from apps.health.rules import CORRECTIVE, FINISHED, PLANNED_KINDS
from forgeline.assets.models import Asset
from forgeline.assets.queries import read_calendar
from forgeline.base import clock
from forgeline.base.clock import to_us


@dataclass(slots=True)
class Figures:
    """What a machine's (or all machines') maintenance came to in a span."""

    asset: Asset | None
    reliability: calc.Reliability
    is_by_state: bool
    """True: operating time is what its state told; False: for want of it, the plant's shifts without the stops too."""
    orders: int = 0
    planned: int = 0
    planned_share: float | None = None
    planned_hours_share: float | None = None
    cost: float = 0.0


@dataclass(slots=True)
class Overview:
    """The figures of a span, and what their plots show."""

    machines: list[Figures]
    total: Figures
    reasons: list[tuple[str, float]] = field(default_factory=list)
    """Reason → hours of standing, the longest first."""
    months: list[dict[str, Any]] = field(default_factory=list)
    """``month`` (2026-11), ``cost``, ``planned``, ``unplanned`` (orders done)."""


def read_figures(assets: Sequence[Asset], from_at: datetime, to_at: datetime) -> Overview:
    """Return the figures of machines over ``[from, to)``, the costliest first."""
    now_us = clock.now_us()
    to_at = min(to_at, clock.from_us(now_us))
    from_us, to_us_ = to_us(from_at), to_us(to_at)
    ids = [asset.pk for asset in assets]
    is_stop = Q(down_from__isnull=False, down_from__lt=to_at) & (Q(down_to=None) | Q(down_to__gt=from_at))
    is_done = Q(state__in=FINISHED, done_at__gte=from_at, done_at__lt=to_at)
    rows = list(
        WorkOrder.objects.filter(is_stop | is_done, asset_id__in=ids).exclude(
            state__in=("rejected", "cancelled")
        ).select_related("downtime_reason")
    )  # fmt: skip
    running, known = read_running_of(ids, from_us, to_us_)
    of_asset: dict[int, list[WorkOrder]] = defaultdict(list)
    for row in rows:
        of_asset[row.asset_id].append(row)
    calendars: dict[int, Any] = {}
    figures = []
    for asset in assets:
        own = of_asset[asset.pk]
        stops = stops_of(own, now_us)
        # Before the state is known, the plant's shifts without the stops stand for it.
        known_us = known.get(asset.pk, to_us_)
        operating = calc.measure(running.get(asset.pk, calc.spans_of([])))
        if known_us > from_us:
            calendar = calendars.get(asset.site_id)
            if calendar is None:
                calendar = calendars[asset.site_id] = read_calendar(asset.site)
            planned = calendar.planned_us(from_us, known_us) if calendar.shifts else known_us - from_us
            operating += max(0, planned - calc.measure(calc.clip(stops, from_us, known_us)))
        figures.append(
            _figures(
                asset,
                own,
                stops,
                operating,
                from_us,
                to_us_,
                now_us,
                is_by_state=known_us - from_us <= calc.DAY_US,
            )
        )
    figures.sort(
        key=lambda each: (-each.cost, -each.reliability.down_h, each.asset.title if each.asset else "")
    )
    zone = ZoneInfo(assets[0].site.zone) if assets else ZoneInfo("UTC")
    return Overview(
        figures, _sum(figures, rows, from_at, to_at), _reasons(rows, from_us, to_us_, now_us),
        _months(rows, from_at, to_at, zone),
    )  # fmt: skip


def stops_of(rows: Sequence[WorkOrder], now_us: int) -> calc.Spans:
    """Return when machines stood for orders; a stop that is not over lasts until now."""
    return calc.spans_of(
        [(to_us(r.down_from), now_us if r.down_to is None else to_us(r.down_to)) for r in rows if r.down_from]
    )


def _figures(
    asset: Asset,
    rows: Sequence[WorkOrder],
    stops: calc.Spans,
    operating_us: int,
    from_us: int,
    to_us_: int,
    now_us: int,
    *,
    is_by_state: bool,
) -> Figures:
    failures = stops_of([row for row in rows if is_failure(row)], now_us)
    reliability = calc.reckon_reliability(failures, stops, operating_us, from_us, to_us_, now_us=now_us)
    out = Figures(asset, reliability, is_by_state)
    _count(out, [row for row in rows if _is_done_in(row, from_us, to_us_)])
    return out


def is_failure(row: WorkOrder) -> bool:
    """Say whether an order tells of a failure: corrective, and the machine stood for no reason that was planned."""
    is_planned = row.downtime_reason is not None and row.downtime_reason.is_planned
    return row.kind == CORRECTIVE and row.down_from is not None and not is_planned


def _is_done_in(row: WorkOrder, from_us: int, to_us_: int) -> bool:
    return row.state in FINISHED and row.done_at is not None and from_us <= to_us(row.done_at) < to_us_


def _count(out: Figures, done: Sequence[WorkOrder]) -> None:
    planned = [row for row in done if row.kind in PLANNED_KINDS]
    minutes = sum(row.labour_minutes for row in done)
    planned_minutes = sum(row.labour_minutes for row in planned)
    out.orders, out.planned = len(done), len(planned)
    out.planned_share = calc.share(len(planned), len(done) - len(planned))
    out.planned_hours_share = calc.share(planned_minutes, minutes - planned_minutes)
    out.cost = float(sum(cost_of(row) for row in done))


def cost_of(row: WorkOrder) -> Any:
    """Return what an order cost: labour, parts and what others charged."""
    return row.labour_cost + row.parts_cost + row.external_cost


def _sum(
    figures: Sequence[Figures], rows: Sequence[WorkOrder], from_at: datetime, to_at: datetime
) -> Figures:
    """All machines together: hours and failures add up, so each machine weighs by the time that it ran."""
    failures = sum(each.reliability.failures for each in figures)
    operating = sum(each.reliability.operating_h for each in figures)
    down = sum(each.reliability.down_h for each in figures)
    repairs = [
        (each.reliability.mttr_h, each.reliability.failures)
        for each in figures
        if each.reliability.mttr_h is not None
    ]
    weight = sum(count for _mttr, count in repairs)
    total = calc.Reliability(
        failures, operating, down,
        operating / failures if failures else None,
        sum(mttr * count for mttr, count in repairs) / weight if weight else None,
        operating / (operating + down) if operating + down > 0 else None,
    )  # fmt: skip
    out = Figures(None, total, is_by_state=all(each.is_by_state for each in figures))
    _count(out, [row for row in rows if _is_done_in(row, to_us(from_at), to_us(to_at))])
    return out


def _reasons(rows: Sequence[WorkOrder], from_us: int, to_us_: int, now_us: int) -> list[tuple[str, float]]:
    hours: dict[str, float] = defaultdict(float)
    for row in rows:
        reason = "" if row.downtime_reason is None else row.downtime_reason.title
        hours[reason] += calc.measure(calc.clip(stops_of([row], now_us), from_us, to_us_)) / calc.HOUR_US
    return sorted(((reason, h) for reason, h in hours.items() if h > 0), key=lambda each: -each[1])


def _months(
    rows: Sequence[WorkOrder], from_at: datetime, to_at: datetime, zone: ZoneInfo
) -> list[dict[str, Any]]:
    first, last = from_at.astimezone(zone), to_at.astimezone(zone)
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    found: dict[str, dict[str, Any]] = {}
    for n in range(count):
        year, month = divmod(first.year * 12 + first.month - 1 + n, 12)
        key = f"{year}-{month + 1:02}"
        found[key] = {"month": key, "cost": 0.0, "planned": 0, "unplanned": 0}
    for row in rows:
        if _is_done_in(row, to_us(from_at), to_us(to_at)) and row.done_at is not None:
            each = found.get(f"{row.done_at.astimezone(zone):%Y-%m}")
            if each is not None:
                each["cost"] += float(cost_of(row))
                each["planned" if row.kind in PLANNED_KINDS else "unplanned"] += 1
    return list(found.values())

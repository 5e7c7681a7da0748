"""What failures, downtime, hours and cost were before monitoring of each machine began, and since.

Not here: the mathematics (science/effects), words (effect_words), the plot (effect_plot).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from django.db.models import Min, Q
from django.db.models.functions import Coalesce, Least
from numpy.typing import NDArray

from apps.health import calc
from apps.health.models import Watch, WorkOrder
from apps.health.queries.figures import cost_of, is_failure, stops_of
from apps.health.rules import FINISHED
from apps.health.science.effects import (
    LEAST_MACHINES,
    LEAST_WEEKS,
    MeanChange,
    Rate,
    RateRatio,
    compare_amounts,
    compare_failures,
    compare_fleet_amounts,
    compare_fleet_failures,
    foretell_weeks,
    read_rate,
)
from apps.health.science.evidence import NotEnough, Reason
from forgeline.assets.models import Asset
from forgeline.assets.queries import read_calendar
from forgeline.base import clock
from forgeline.base.clock import to_us
from forgeline.telemetry import states

Measure = Literal["failures", "downtime", "hours", "cost"]
MEASURES: tuple[Measure, ...] = ("failures", "downtime", "hours", "cost")
SPANS = (26, 52, 104)
"""Weeks on either side, at most."""
USUAL_SPAN = 52
WEEK = timedelta(days=7)
WEEK_US = 7 * calc.DAY_US
PER_H = 1_000.0
"""Failures are told in so many running hours."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Side:
    """Whole weeks before or since. **Shape** one entry a week. **Units** hours; the company's currency."""

    from_at: datetime
    to_at: datetime
    failures: int
    operating_h: float
    amounts: Mapping[Measure, Floats]
    """downtime, hours, cost."""

    @property
    def weeks(self) -> int:
        return len(self.amounts["downtime"])


@dataclass(frozen=True, slots=True)
class Result:
    """One measure. **Units** failures in PER_H running hours, their change as a share (−0.4: 40 % less);
    else hours or money a week and their difference. None: unknown, or without an end.
    """

    before: float | None = None
    after: float | None = None
    before_range: tuple[float, float] | None = None
    after_range: tuple[float, float] | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""
    """Why there is no answer."""
    data: Mapping[str, float] = field(default_factory=dict)
    weeks_more: int | None = None
    """Until enough is there, or until what is seen could be told from chance."""

    @property
    def verdict(self) -> str:
        """``less`` or ``more`` where the interval leaves out no change; ``open``; '' without an answer."""
        if self.reason:
            return ""
        if self.high is not None and self.high < 0:
            return "less"
        return "more" if self.low is not None and self.low > 0 else "open"


@dataclass(frozen=True, slots=True)
class MachineEffect:
    """One machine. ``began_at``: none while it is not monitored; what was so far is before, then."""

    asset: Asset
    began_at: datetime | None
    is_by_state: bool
    """Running hours by its state on both sides; else shifts without stops on both, so that like is held to like."""
    before: Side
    after: Side
    results: Mapping[Measure, Result]


@dataclass(frozen=True, slots=True)
class Effect:
    """Machines by place, and those of them together that have enough on both sides."""

    weeks: int
    machines: list[MachineEffect]
    counted: int
    """Machines that are in the totals."""
    totals: Mapping[Measure, Result]

    @property
    def has_begun(self) -> bool:
        return any(each.began_at is not None for each in self.machines)

    @property
    def has_past(self) -> bool:
        return any(each.before.weeks for each in self.machines)


def read_effect(assets: Sequence[Asset], *, weeks: int = USUAL_SPAN, now: datetime | None = None) -> Effect:
    """Hold at most ``weeks`` whole weeks before each machine's monitoring against as many since.

    Before begins with the first work order of the machine's plant that is known, which is not counted itself: books
    that begin with an event would find one too many. A fixed number of queries, and some for each plant's calendar.
    """
    at = clock.now() if now is None else now
    begun = dict(
        Watch.objects.filter(asset__in=assets, began_at__isnull=False).values_list("asset_id", "began_at")
    )
    books = _read_books(assets)
    spans = {asset.pk: _span_of(begun.get(asset.pk), books.get(asset.site_id), weeks, at) for asset in assets}
    orders = _read_orders(assets, spans, books)
    hours = _read_hours(assets, spans, orders, at)
    machines = []
    for asset in assets:
        middle, before, after = spans[asset.pk]
        (before_h, after_h), is_by_state = hours[asset.pk]
        sides = (
            _side(orders[asset.pk], middle - before * WEEK, before, before_h, at),
            _side(orders[asset.pk], middle, after, after_h, at),
        )
        began_at = begun.get(asset.pk)
        results = {measure: _compare(measure, *sides, began_at, weeks) for measure in MEASURES}
        machines.append(MachineEffect(asset, began_at, is_by_state, *sides, results))
    counted = [
        each
        for each in machines
        if each.began_at is not None and min(each.before.weeks, each.after.weeks) >= LEAST_WEEKS
    ]
    totals = {measure: _compare_all(measure, counted, machines) for measure in MEASURES}
    return Effect(weeks, machines, len(counted), totals)


# --- what happened -------------------------------------------------------------------------------------------------

Span = tuple[datetime, int, int]
"""When monitoring began (or now), whole weeks before, whole weeks since."""


def _read_books(assets: Sequence[Asset]) -> dict[int, datetime]:
    """Return from when on work orders are known, by plant."""
    first = Least("created_at", Coalesce("down_from", "created_at"), Coalesce("done_at", "created_at"))
    rows = _orders(assets).values_list("asset__site_id").annotate(first=Min(first))
    return dict(rows)


def _orders(assets: Sequence[Asset]) -> Any:
    return WorkOrder.objects.filter(asset__in=assets).exclude(state__in=("rejected", "cancelled")).order_by()


def _span_of(began_at: datetime | None, books: datetime | None, most: int, now: datetime) -> Span:
    # By whole hours, so that machines which began together share their weeks.
    middle = (now if began_at is None else began_at).replace(minute=0, second=0, microsecond=0)
    before = 0 if books is None else max(0, (middle - books) // WEEK)
    return middle, min(before, most), 0 if began_at is None else min((now - middle) // WEEK, most)


def _read_orders(
    assets: Sequence[Asset], spans: Mapping[int, Span], books: Mapping[int, datetime]
) -> dict[int, list[WorkOrder]]:
    found: dict[int, list[WorkOrder]] = defaultdict(list)
    if not spans:
        return found
    first = min(middle - before * WEEK for middle, before, _after in spans.values())
    meets = Q(down_from__isnull=False) & (Q(down_to=None) | Q(down_to__gt=first))
    rows = _orders(assets).filter(meets | Q(state__in=FINISHED, done_at__gte=first))
    sites = {asset.pk: asset.site_id for asset in assets}
    for row in rows.select_related("downtime_reason"):
        begun = min(at for at in (row.created_at, row.down_from, row.done_at) if at is not None)
        if begun > books[sites[row.asset_id]]:
            found[row.asset_id].append(row)
    return found


def _read_hours(
    assets: Sequence[Asset], spans: Mapping[int, Span], orders: Mapping[int, list[WorkOrder]], now: datetime
) -> dict[int, tuple[tuple[float, float], bool]]:
    """Return the running hours of both sides of each machine, and whether its state told them."""
    known = states.read_known_since(list(spans))
    windows, by_state = [], set()
    for asset_id, (middle, before, after) in spans.items():
        begin = to_us(middle - before * WEEK)
        if before and known.get(asset_id, begin + WEEK_US) - begin <= calc.DAY_US:
            by_state.add(asset_id)
            windows += [
                (asset_id, begin, to_us(middle)),
                (asset_id, to_us(middle), to_us(middle + after * WEEK)),
            ]
    told = iter(states.sum_running_us(windows))
    planned = _planned(assets)
    found = {}
    for asset in assets:
        if asset.pk in by_state:
            pair = next(told) / calc.HOUR_US, next(told) / calc.HOUR_US
        else:
            middle, before, after = spans[asset.pk]
            edges = [to_us(middle - before * WEEK), to_us(middle), to_us(middle + after * WEEK)]
            stops = stops_of(orders[asset.pk], to_us(now))
            old_h, new_h = (
                max(0, planned(asset, begin, end) - calc.measure(calc.clip(stops, begin, end))) / calc.HOUR_US
                for begin, end in pairwise(edges)
            )
            pair = old_h, new_h
        found[asset.pk] = (pair, asset.pk in by_state)
    return found


def _planned(assets: Sequence[Asset]) -> Callable[[Asset, int, int], int]:
    """Return a function that says how long a machine should have run, by its plant's shifts; without any, always."""
    calendars = {asset.site_id: asset.site for asset in assets}
    read = {site_id: read_calendar(site) for site_id, site in calendars.items()}
    told: dict[tuple[int, int, int], int] = {}

    def planned(asset: Asset, begin: int, end: int) -> int:
        key = asset.site_id, begin, end
        if key not in told:
            calendar = read[asset.site_id]
            told[key] = calendar.planned_us(begin, end) if calendar.shifts else end - begin
        return told[key]

    return planned


def _side(
    rows: Sequence[WorkOrder], from_at: datetime, weeks: int, operating_h: float, now: datetime
) -> Side:
    begin, end = to_us(from_at), to_us(from_at + weeks * WEEK)
    stops = stops_of(rows, to_us(now))
    edges = [begin + n * WEEK_US for n in range(weeks + 1)]
    down = [calc.measure(calc.clip(stops, a, b)) / calc.HOUR_US for a, b in pairwise(edges)]
    labour, cost = np.zeros(weeks), np.zeros(weeks)
    for row in rows:
        if row.state in FINISHED and row.done_at is not None and begin <= to_us(row.done_at) < end:
            week = (to_us(row.done_at) - begin) // WEEK_US
            labour[week] += row.labour_minutes / 60
            cost[week] += float(cost_of(row))
    failures = sum(
        is_failure(row) and begin <= to_us(row.down_from) < end for row in rows if row.down_from is not None
    )
    amounts: dict[Measure, Floats] = {"downtime": np.array(down, float), "hours": labour, "cost": cost}
    return Side(from_at, from_at + weeks * WEEK, failures, operating_h, amounts)


# --- what it says ----------------------------------------------------------------------------------------------------


def _compare(measure: Measure, before: Side, after: Side, began_at: datetime | None, most: int) -> Result:
    shown = _shown(measure, before, after)
    if began_at is None:
        return Result(**shown, reason="not_begun")
    if before.weeks < LEAST_WEEKS:
        data = {"weeks": before.weeks, "needed": LEAST_WEEKS}
        return Result(**shown, reason="short_before", data=data)
    if after.weeks < LEAST_WEEKS:
        data = {"weeks": after.weeks, "needed": LEAST_WEEKS}
        return Result(**shown, reason="short_after", data=data, weeks_more=LEAST_WEEKS - after.weeks)
    if measure != "failures":
        return _of_amounts(shown, compare_amounts(before.amounts[measure], after.amounts[measure]))
    told = compare_failures(before.failures, before.operating_h, after.failures, after.operating_h)
    more = None
    if isinstance(told, RateRatio) and told.low <= 1 <= told.high and after.weeks < most:
        more = foretell_weeks(
            before.failures, before.operating_h, after.failures, after.operating_h, after.weeks
        )  # fmt: skip
    return _of_failures(shown, told, more)


def _compare_all(
    measure: Measure, counted: Sequence[MachineEffect], machines: Sequence[MachineEffect]
) -> Result:
    if len(counted) < LEAST_MACHINES:
        soon = sorted(
            LEAST_WEEKS - each.after.weeks
            for each in machines
            if each.began_at is not None and each.before.weeks >= LEAST_WEEKS
        )
        # The machine that makes them enough is waited for.
        more = max(0, soon[LEAST_MACHINES - 1]) if len(soon) >= LEAST_MACHINES else None
        data = {"machines": len(counted), "needed": LEAST_MACHINES}
        return Result(reason="few_machines", data=data, weeks_more=more)
    old = [each.before for each in counted]
    new = [each.after for each in counted]
    if measure != "failures":
        means = [np.array([side.amounts[measure].mean() for side in sides]) for sides in (old, new)]
        told = compare_fleet_amounts(*means)
        return _of_amounts({"before": float(means[0].sum()), "after": float(means[1].sum())}, told)
    sums = [np.array([(side.failures, side.operating_h) for side in sides], float) for sides in (old, new)]
    ratio = compare_fleet_failures(sums[0][:, 0], sums[0][:, 1], sums[1][:, 0], sums[1][:, 1])
    rates = [
        float(side[:, 0].sum() / side[:, 1].sum()) * PER_H if side[:, 1].sum() else None for side in sums
    ]
    return _of_failures({"before": rates[0], "after": rates[1]}, ratio, None)


def _shown(measure: Measure, before: Side, after: Side) -> dict[str, Any]:
    """What is known of each side by itself."""
    if measure == "failures":
        return _pair(*(_rate(side.failures, side.operating_h) for side in (before, after)))
    means = [
        float(side.amounts[measure].mean()) if side.weeks >= LEAST_WEEKS else None for side in (before, after)
    ]
    return {"before": means[0], "after": means[1]}


def _rate(failures: int, hours: float) -> Rate | None:
    told = read_rate(failures, hours)
    return None if isinstance(told, NotEnough) else told


def _pair(before: Rate | None, after: Rate | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, rate in (("before", before), ("after", after)):
        if rate is not None:
            found |= {name: rate.per_h * PER_H, f"{name}_range": (rate.low * PER_H, rate.high * PER_H)}
    return found


def _of_failures(shown: dict[str, Any], told: RateRatio | NotEnough, more: int | None) -> Result:
    if isinstance(told, NotEnough):
        return Result(**shown, reason="no_failures" if told.reason is Reason.TOO_FEW_FAILURES else "no_hours")
    return Result(
        **shown, change=_end(told.ratio - 1), low=_end(told.low - 1), high=_end(told.high - 1), weeks_more=more
    )  # fmt: skip


def _of_amounts(shown: dict[str, Any], told: MeanChange | NotEnough) -> Result:
    if isinstance(told, NotEnough):
        return Result(**shown, reason="no_change")
    return Result(**shown, change=told.change, low=_end(told.low), high=_end(told.high))


def _end(value: float) -> float | None:
    return value if np.isfinite(value) else None

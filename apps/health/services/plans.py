"""Maintenance plans: made, changed, looked at; each due makes one order. Not here: what was used (queries/use)."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from apps.health import calc
from apps.health.models import MaintenancePlan, WorkOrder
from apps.health.models.orders import OrderKind, State
from apps.health.models.plans import Every, Trigger
from apps.health.queries.use import Use, is_condition_met, read_use
from apps.health.rules import OPEN, PLAN, read_lines
from apps.health.services.orders import make_order
from apps.health.services.saving import company_language, invalid, machine, save
from apps.health.wording import line_fault
from forgeline.assets.models import Asset, Point
from forgeline.assets.models.point import Kind
from forgeline.assets.queries import read_calendar
from forgeline.assets.services.saving import change, get, get_for_change
from forgeline.base import clock
from forgeline.base.errors import ForgelineError
from forgeline.identity.policy import Actor, require_permission

_FIELDS = frozenset(
    {
        "name",
        "names",
        "text",
        "trigger",
        "every",
        "every_unit",
        "first_on",
        "point_id",
        "alarm_key",
        "above",
        "below",
        "lead_days",
        "priority",
        "checklist",
        "is_enabled",
    }
)
_RHYTHM = frozenset({"trigger", "every", "every_unit", "first_on", "point_id", "alarm_key", "above", "below"})
MOST_EVERY = 1e9
REST = timedelta(minutes=15)

log = structlog.get_logger(__name__)


def create_plan(*, asset_id: int, name: str, trigger: str, actor: Actor, **facts: Any) -> MaintenancePlan:
    """Make a plan for a machine and look at once when it falls due. **Raises** InvalidInputError by field."""
    require_permission(actor, PLAN)
    asset = machine(asset_id)
    row = MaintenancePlan(asset=asset, name=name.strip(), trigger=trigger, since=clock.now())
    change(row, facts, _FIELDS)
    with transaction.atomic():
        _check(row)
        save(row, taken=_("This machine has a plan with this name."))
        look_at(row)
    return row


def update_plan(plan_id: int, *, actor: Actor, **changes: Any) -> MaintenancePlan:
    """Change a plan; another rhythm counts from now on."""
    require_permission(actor, PLAN)
    with transaction.atomic():
        row = get_for_change(MaintenancePlan, plan_id)
        changed = {name for name in _RHYTHM if name in changes and getattr(row, name) != changes[name]}
        change(row, changes, _FIELDS)
        _check(row)
        if changed:
            _begin(row, clock.now())
        save(row, taken=_("This machine has a plan with this name."))
        look_at(row)
    return row


def delete_plan(plan_id: int, *, actor: Actor) -> None:
    """Take a plan away; its orders stay."""
    require_permission(actor, PLAN)
    get_for_change(MaintenancePlan, plan_id).delete()


def confirm_remark(plan_id: int, *, actor: Actor) -> MaintenancePlan:
    """Say that what the plan remarked on is known and right."""
    require_permission(actor, PLAN)
    row = get_for_change(MaintenancePlan, plan_id)
    row.remark, row.remark_data = "", {}
    row.save(update_fields=["remark", "remark_data"])
    return row


def begin_turn(order: WorkOrder, now: datetime) -> None:
    """Begin the next turn of the plan that an order came from: the order is done, or nobody will do it."""
    if order.plan_id is None:
        return
    row = MaintenancePlan.objects.select_for_update(of=("self",)).filter(pk=order.plan_id).first()
    if row is not None:
        # Done ahead of its day, it must not fall due on that day again.
        _begin(row, max(now, order.due_at or now) if row.trigger == Trigger.CALENDAR else now)
        row.save()
        look_at(row)


def make_due_orders(*, rest: timedelta = REST) -> int:
    """Look at every plan in use of the company in force; return how many orders were made.

    Plans by use are looked at anew after ``rest``: they read weeks of states or roll-ups. A plan that fails is told in
    the log and keeps none of the others.
    """
    made = 0
    by_use = Q(trigger__in=(Trigger.HOURS, Trigger.COUNT), looked_at__gt=clock.now() - rest)
    rows = MaintenancePlan.objects.filter(is_enabled=True, asset__retired_at=None).exclude(by_use)
    ids = rows.values_list("pk", flat=True)
    with company_language():
        for plan_id in ids.order_by("pk"):
            try:
                with transaction.atomic():
                    free = MaintenancePlan.objects.select_for_update(of=("self",), skip_locked=True)
                    row = free.filter(pk=plan_id, is_enabled=True).first()
                    made += row is not None and look_at(row) is not None
            except ForgelineError as error:
                log.warning("a maintenance plan made no order", plan=plan_id, key=error.key, fault=str(error))
    return made


def look_at(row: MaintenancePlan) -> WorkOrder | None:
    """Work out when a plan falls due and, where that is near, make its order, once; the row is locked by the caller."""
    now = clock.now()
    asset = Asset.objects.select_related("site").get(pk=row.asset_id)
    row.asset = asset
    today = now.astimezone(ZoneInfo(asset.site.zone)).date()
    row.looked_at = now
    if row.trigger == Trigger.CONDITION:
        row.due_on = today if is_condition_met(row) else None
    elif row.trigger == Trigger.CALENDAR:
        row.due_on = _calendar_due(row, asset)
    else:
        use = read_use(row, now)
        _take_use(row, use)
        row.due_on = calc.foretell_due((row.every or 0) - (row.used or 0), row.rate, today)
    order = None
    is_near = row.due_on is not None and row.due_on <= today + timedelta(days=row.lead_days)
    if row.is_enabled and is_near and not _has_open_order(row):
        order = _make(row, asset)
    row.save()
    return order


def _make(row: MaintenancePlan, asset: Asset) -> WorkOrder:
    assert row.due_on is not None
    row.turn += 1
    last_minute = datetime.combine(row.due_on, time(23, 59), tzinfo=ZoneInfo(asset.site.zone))
    lines, _faults = read_lines(row.checklist)
    kind = OrderKind.CONDITION if row.trigger == Trigger.CONDITION else OrderKind.PREVENTIVE
    return make_order(
        asset_id=row.asset_id, title=row.title, titles=row.names, text=row.text, priority=row.priority,
        kind=kind, by="Forgeline", state=State.APPROVED, requested_by=_("Maintenance plan"),
        due_at=last_minute.astimezone(UTC), plan_id=row.pk, plan_turn=row.turn, lines=lines,
    )  # fmt: skip


def _has_open_order(row: MaintenancePlan) -> bool:
    return WorkOrder.objects.filter(plan_id=row.pk, state__in=OPEN).exists()


def _calendar_due(row: MaintenancePlan, asset: Asset) -> Any:
    assert row.first_on is not None
    assert row.every is not None
    since = row.since.astimezone(ZoneInfo(asset.site.zone)).date()
    # A plan that begins today falls due today; one that was just done does not.
    after = since if row.turn else since - timedelta(days=1)
    due = calc.next_due_on(row.first_on, int(row.every), row.every_unit, after)
    calendar = read_calendar(asset.site)
    return calc.move_to_working_day(due, calendar.is_working_day) if calendar.shifts else due


def _take_use(row: MaintenancePlan, use: Use) -> None:
    row.used, row.rate = use.used, use.rate
    if use.reading is not None:
        if row.last_reading is not None and use.reading < row.last_reading:
            row.remark = "counter_reset"
            row.remark_data = {"before": row.last_reading, "after": use.reading}
        row.last_reading = use.reading
    if row.remark != "counter_reset":
        row.remark, row.remark_data = ("" if use.has_data else "no_data"), {}


def _begin(row: MaintenancePlan, since: datetime) -> None:
    row.since, row.used, row.due_on, row.last_reading = since, None, None, None
    row.remark, row.remark_data = "", {}


def _check(row: MaintenancePlan) -> None:
    if not row.name.strip():
        raise invalid(name=_("Give it a name of at most 120 characters."))
    _lines, faults = read_lines(row.checklist)
    if faults:
        raise invalid(checklist=" ".join(line_fault(*fault) for fault in faults[:5]))
    if row.trigger not in Trigger.values:
        raise invalid(trigger=_("Choose calendar, hours, count or condition."))
    if row.lead_days > 365:
        raise invalid(lead_days=_("An order is made at most a year ahead."))
    if row.every is not None and not 0 < row.every <= MOST_EVERY:
        raise invalid(every=_("Say after how much it falls due, more than none."))
    {
        Trigger.CALENDAR: _check_calendar, Trigger.HOURS: _check_use, Trigger.COUNT: _check_use,
        Trigger.CONDITION: _check_condition,
    }[Trigger(row.trigger)](row)  # fmt: skip


def _check_calendar(row: MaintenancePlan) -> None:
    if row.every is None or row.every != int(row.every) or row.every > 1000:
        raise invalid(every=_("Say every how many days, weeks or months: a whole number up to 1000."))
    if row.every_unit not in Every.values:
        raise invalid(every_unit=_("Choose days, weeks or months."))
    if row.first_on is None or not 1990 <= row.first_on.year < 3000:
        raise invalid(first_on=_("Say on which day it falls due first."))
    row.point_id, row.alarm_key, row.above, row.below = None, "", None, None


def _check_use(row: MaintenancePlan) -> None:
    if row.every is None:
        raise invalid(every=_("Say after how much it falls due, more than none."))
    if row.point_id is not None:
        if get(Point, row.point_id).kind != Kind.COUNTER:
            raise invalid(point=_("Choose a counter; a measurement does not add up."))
    elif row.trigger == Trigger.COUNT:
        raise invalid(point=_("Choose the counter that it goes by."))
    row.every_unit, row.first_on, row.alarm_key, row.above, row.below = "", None, "", None, None


def _check_condition(row: MaintenancePlan) -> None:
    has_limit = row.point_id is not None and (row.above is None) != (row.below is None)
    if row.point_id is not None:
        get(Point, row.point_id)
    if bool(row.alarm_key) == has_limit:
        raise invalid(
            alarm_key=_(
                "Name either an alarm of the machine, or a point and the limit above or below which it is due."
            )
        )
    row.every, row.every_unit, row.first_on = None, "", None

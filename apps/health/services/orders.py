"""Work orders: made and changed. Not here: steps (steps), what is booked (booking), checklists (checks)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from apps.health.models import CheckItem, DowntimeReason, OrderEntry, WorkOrder
from apps.health.models.orders import OrderKind, OrderPriority, State
from apps.health.rules import OPEN, PLAN, REQUEST, WORK, Line
from apps.health.services.saving import by_of, check_person, invalid, machine, save
from forgeline.assets.services.saving import change, get, get_for_change
from forgeline.base import clock
from forgeline.base.errors import ConflictError
from forgeline.identity.policy import Actor, require_permission
from forgeline.tenancy.context import require_tenant_id
from forgeline.tenancy.scoping import tenant_scope

_LOCK_SPACE = 0x464C574F
"""First key of the advisory lock under which an order gets its number ("FLWO")."""
MOST_COST = Decimal("99999999999")
LONGEST_STANDSTILL = timedelta(days=366)
_PLANNING = frozenset(
    {"kind", "priority", "assignee_id", "due_at", "planned_at", "external_cost", "title", "titles"}
)
_WORKING = frozenset({"text", "remedy", "downtime_reason_id", "down_from", "down_to"})


def request_work(
    *,
    asset_id: int,
    title: str,
    titles: Mapping[str, str] | None = None,
    text: str = "",
    priority: str = OrderPriority.MEDIUM,
    kind: str = OrderKind.CORRECTIVE,
    down_from: datetime | None = None,
    actor: Actor,
) -> WorkOrder:
    """Ask for work on a machine; somebody who plans approves or rejects it."""
    require_permission(actor, REQUEST)
    return make_order(
        asset_id=asset_id, title=title, titles=titles, text=text, priority=priority, kind=kind, down_from=down_from,
        requested_by=by_of(actor), by=by_of(actor),
    )  # fmt: skip


def make_order(
    *,
    asset_id: int,
    title: str,
    by: str,
    titles: Mapping[str, str] | None = None,
    text: str = "",
    priority: str = OrderPriority.MEDIUM,
    kind: str = OrderKind.CORRECTIVE,
    state: str = State.REQUESTED,
    requested_by: str = "",
    due_at: datetime | None = None,
    down_from: datetime | None = None,
    down_to: datetime | None = None,
    plan_id: int | None = None,
    plan_turn: int | None = None,
    follows_id: int | None = None,
    lines: Sequence[Line] = (),
) -> WorkOrder:
    """Write an order with its checklist and the first line of its journal, whoever asks: people, plans, inspections.

    **Raises** InvalidInputError by field, ConflictError where the plan's due has its order already.
    """
    asset = machine(asset_id)
    now = clock.now()
    with transaction.atomic():
        row = WorkOrder(
            number=_take_number(), asset=asset, kind=kind, state=state, priority=priority, title=title.strip(),
            titles=dict(titles or {}), text=text.strip(), requested_by=requested_by[:160], due_at=due_at,
            down_from=down_from, down_to=down_to, created_at=now, plan_id=plan_id, plan_turn=plan_turn,
            follows_id=follows_id,
        )  # fmt: skip
        if not row.title:
            raise invalid(title=_("Say what is to be done."))
        _check_standstill(row, {"down_from", "down_to"}, now)
        save(row, taken=_("This due has its work order already."))
        add_lines(row, lines)
        write_entry(row, "", by, "", now)
    return row


def add_lines(row: WorkOrder, lines: Sequence[Line]) -> None:
    """Put lines at the end of an order's checklist."""
    first = row.items.count()
    CheckItem.objects.bulk_create(
        CheckItem(
            work_order=row, position=first + n, text=line.text.strip(), kind=line.kind, unit=line.unit, low=line.low,
            high=line.high, opens_follow_up=line.opens_follow_up,
        )
        for n, line in enumerate(lines)
    )  # fmt: skip


def update_order(work_order_id: int, *, actor: Actor, **changes: Any) -> WorkOrder:
    """Change what is planned (who plans) or what was found (who works); a closed order stays as it is."""
    row = get_for_change(WorkOrder, work_order_id)
    wanted = PLAN if _PLANNING & changes.keys() else WORK
    require_permission(actor, wanted)
    if row.state not in OPEN and row.state != State.DONE:
        raise closed(row)
    if "assignee_id" in changes:
        check_person(changes["assignee_id"])
    if changes.get("downtime_reason_id") is not None:
        get(DowntimeReason, changes["downtime_reason_id"])
    if "title" in changes and not str(changes["title"]).strip():
        raise invalid(title=_("Say what is to be done."))
    if changes.get("title", row.title) != row.title:
        changes = {"titles": {}, **changes}
    change(row, changes, _PLANNING | _WORKING)
    _check_standstill(row, changes.keys(), clock.now())
    if not 0 <= row.external_cost <= MOST_COST:
        raise invalid(external_cost=_("Costs are not negative."))
    return save(row)


def _check_standstill(row: WorkOrder, given: Collection[str], now: datetime) -> None:
    """**Raises** InvalidInputError for a standstill that cannot be: one slip of the year spoils every figure."""
    if row.down_to is not None and (row.down_from is None or row.down_to < row.down_from):
        raise invalid(down_to=_("The machine cannot run again before it stood still."))
    for name in ("down_from", "down_to"):
        at = getattr(row, name)
        if name in given and at is not None and at > now:
            raise invalid(**{name: _("This lies in the future.")})
    if (
        "down_from" in given
        and row.down_from is not None
        and (row.down_to or now) - row.down_from > LONGEST_STANDSTILL
    ):
        raise invalid(
            down_from=_(
                "A machine that stands for longer than %(days)s days is out of use; look at the year."
            )
            % {"days": LONGEST_STANDSTILL.days}
        )


def closed(row: WorkOrder) -> ConflictError:
    """Return the error of whoever changes an order that is over."""
    return ConflictError(
        _("Work order #%(number)s is %(state)s and is not changed any more.")
        % {"number": row.number, "state": State(row.state).label},
        key="health.order_closed",
        data={"state": row.state},
    )


def lock_for_work(work_order_id: int, actor: Actor) -> WorkOrder:
    """Return an order that may be worked on, locked. **Raises** ConflictError for one that is over."""
    require_permission(actor, WORK)
    row = get_for_change(WorkOrder, work_order_id)
    if row.state not in OPEN:
        raise closed(row)
    return row


def write_entry(row: WorkOrder, former: str, by: str, text: str, at: datetime) -> None:
    OrderEntry.objects.create(
        work_order=row, from_state=former, to_state=row.state, text=text, by=by[:160], at=at
    )


def _take_number() -> int:
    """The next number of the company, however little of it the caller may see; two at once wait for each other."""
    tenant_id = require_tenant_id()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_SPACE, tenant_id])
    with tenant_scope(tenant_id, branches=()):
        return int(WorkOrder.objects.aggregate(last=Max("number"))["last"] or 0) + 1

"""Reads of work orders: lists, the board, the calendar, counts."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Case, Count, F, IntegerField, Prefetch, Q, QuerySet, Value, When
from django.utils.translation import gettext as _

from apps.health.models import CheckItem, OrderEntry, PartUse, WorkOrder
from apps.health.models.orders import OrderPriority, State
from apps.health.rules import OPEN
from forgeline.base.errors import NotFoundError

MOST_A_COLUMN = 60
BOARD = (State.REQUESTED, State.APPROVED, State.PLANNED, State.IN_PROGRESS, State.DONE)
"""Columns of the board; what is verified, rejected or cancelled is in the list."""


def list_orders() -> QuerySet[WorkOrder]:
    """Return every order with its machine and who does it, the newest first."""
    return WorkOrder.objects.select_related("asset", "asset__site", "assignee", "downtime_reason").order_by(
        "-number"
    )


def list_detailed() -> QuerySet[WorkOrder]:
    """Return orders with all that is booked and answered on them, in a fixed number of queries."""
    return list_orders().prefetch_related(
        Prefetch("items", CheckItem.objects.order_by("position")),
        "labour",
        Prefetch("parts", PartUse.objects.select_related("part").order_by("id")),
        Prefetch("entries", OrderEntry.objects.order_by("id")),
        "files",
    )


def get_order(work_order_id: int) -> WorkOrder:
    """Return an order. **Raises** NotFoundError."""
    found = list_orders().filter(pk=work_order_id).first()
    if found is None:
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": work_order_id})
    return found


def by_urgency(rows: QuerySet[WorkOrder]) -> QuerySet[WorkOrder]:
    """Order by priority, then by due day, those without one last."""
    rank = Case(
        *(When(priority=priority, then=Value(n)) for n, priority in enumerate(OrderPriority.values)),
        output_field=IntegerField(),
    )
    return rows.annotate(rank=rank).order_by("rank", F("due_at").asc(nulls_last=True), "number")


def read_board(
    *, site_id: int | None = None, asset_id: int | None = None, assignee_id: int | None = None
) -> dict[str, list[WorkOrder]]:
    """Return the columns of the board, each the most urgent first and bounded; two queries a column at most."""
    rows = list_orders()
    if site_id is not None:
        rows = rows.filter(asset__site_id=site_id)
    if asset_id is not None:
        rows = rows.filter(asset_id=asset_id)
    if assignee_id is not None:
        rows = rows.filter(assignee_id=assignee_id)
    return {state: list(by_urgency(rows.filter(state=state))[:MOST_A_COLUMN]) for state in BOARD}


def count_open(now: datetime, until: datetime, *, asset_id: int | None = None) -> dict[str, int]:
    """Return how many open orders are overdue, due until then, requested, and how many there are; one query."""
    rows = WorkOrder.objects.filter(state__in=OPEN)
    if asset_id is not None:
        rows = rows.filter(asset_id=asset_id)
    return dict(
        rows.aggregate(
            overdue=Count("pk", filter=Q(due_at__lt=now)),
            due=Count("pk", filter=Q(due_at__gte=now, due_at__lt=until)),
            requested=Count("pk", filter=Q(state=State.REQUESTED)),
            all=Count("pk"),
        )
    )


def list_between(from_at: datetime, to_at: datetime) -> QuerySet[WorkOrder]:
    """Return the open orders that are planned or due in ``[from, to)``, for the calendar."""
    is_planned = Q(planned_at__gte=from_at, planned_at__lt=to_at)
    is_due = Q(planned_at=None, due_at__gte=from_at, due_at__lt=to_at)
    return (
        list_orders().filter(is_planned | is_due, state__in=OPEN).order_by("planned_at", "due_at", "number")
    )

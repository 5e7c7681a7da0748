"""The board of work orders by state, and the calendar of what is planned, due and foretold."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from apps.health.models.orders import State
from apps.health.pages.frame import machine_choices, may, page, whole
from apps.health.queries.orders import BOARD, list_between, read_board
from apps.health.queries.store import list_plans
from apps.health.rules import REQUEST, STEPS, VIEW
from forgeline.base import clock

_FIRST = {
    "requested": "approved",
    "approved": "in_progress",
    "planned": "in_progress",
    "in_progress": "done",
    "done": "verified",
}
"""The step that a card offers first, by button and by key."""


@page(VIEW)
def board(request: HttpRequest) -> HttpResponse:
    """The board; the address holds what it is narrowed to."""
    asset_id = whole(request.GET.get("asset"))
    actor = request.actor  # type: ignore[attr-defined]
    is_mine = request.GET.get("mine") == "1"
    columns = read_board(asset_id=asset_id, assignee_id=actor.user_id if is_mine else None)
    steps = {
        state: [to for to, permission in STEPS[state].items() if may(request, permission)] for state in BOARD
    }
    shown = [
        {
            "state": state, "title": State(state).label, "orders": columns[state], "steps": steps[state],
            "first": _FIRST[state] if _FIRST[state] in steps[state] else "",
        }
        for state in BOARD
    ]  # fmt: skip
    context = {
        "tab": "board", "columns": shown, "machines": machine_choices(), "asset_id": asset_id, "is_mine": is_mine,
        "now": clock.now(), "may_request": may(request, REQUEST), "is_empty": not any(columns.values()),
    }  # fmt: skip
    return render(request, "health/board.html", context)


@page(VIEW)
def calendar(request: HttpRequest) -> HttpResponse:
    """Six weeks: orders on the day for which they are planned or due, plans on the day foretold."""
    today = timezone.localdate()
    offset = whole(request.GET.get("month", "").lstrip("-"))
    months = 0 if offset is None else min(offset, 24) * (-1 if request.GET["month"].startswith("-") else 1)
    year, month = divmod(today.year * 12 + today.month - 1 + months, 12)
    first = today.replace(year=year, month=month + 1, day=1)
    start = first - timedelta(days=first.weekday())
    days = [start + timedelta(days=n) for n in range(42)]
    zone = timezone.get_current_timezone()
    from_at, to_at = (
        datetime.combine(on, time(), tzinfo=zone) for on in (days[0], days[-1] + timedelta(days=1))
    )
    cells: dict[Any, dict[str, Any]] = {
        on: {
            "on": on,
            "is_other": on.month != first.month,
            "is_today": on == today,
            "orders": [],
            "plans": [],
        }
        for on in days
    }
    for order in list_between(from_at, to_at):
        at = (order.planned_at or order.due_at).astimezone(zone).date()  # type: ignore[union-attr]  # one of them
        cells[at]["orders"].append(order)
    open_plans = {order.plan_id for cell in cells.values() for order in cell["orders"]}
    for plan in list_plans().filter(is_enabled=True, due_on__gte=days[0], due_on__lte=days[-1]):
        # A due that has its order already stands there by the order.
        if plan.pk not in open_plans:
            cells[plan.due_on]["plans"].append(plan)
    rows = list(cells.values())
    context = {
        "tab": "calendar", "weeks": [rows[n : n + 7] for n in range(0, 42, 7)], "first": first, "before": months - 1,
        "after": months + 1, "now": clock.now(), "weekdays": days[:7],
    }  # fmt: skip
    return render(request, "health/calendar.html", context)

"""Work orders: the list, a new one, one with all that is done on it."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_POST

from apps.health.models import WorkOrder
from apps.health.models.orders import OrderKind, OrderPriority, State
from apps.health.pages.frame import (
    MOST_ROWS,
    Choice,
    Moment,
    attempt,
    machine_choices,
    may,
    page,
    person_choices,
    whole,
    zone_of,
)
from apps.health.queries.orders import by_urgency, get_order, list_orders
from apps.health.queries.register import find_terms, list_reasons
from apps.health.queries.store import list_parts
from apps.health.rules import OPEN, PLAN, REQUEST, STEPS, VIEW, WORK
from apps.health.services import booking, checks, orders as services, register, steps
from apps.health.storing import MOST_BYTES
from forgeline.base import clock


def _reason_choices() -> list[tuple[Any, Any]]:
    return [("", "–"), *((row.pk, row.title) for row in list_reasons())]


class NewOrderForm(forms.Form):
    asset_id = Choice(machine_choices, label=gettext_lazy("Machine"))
    title = forms.CharField(label=gettext_lazy("What is to be done"), max_length=160)
    text = forms.CharField(
        label=gettext_lazy("Details"),
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=OrderKind.choices)
    priority = forms.ChoiceField(
        label=gettext_lazy("Priority"), choices=OrderPriority.choices, initial="medium"
    )
    down_from = Moment(
        label=gettext_lazy("Machine stands since"), help_text=gettext_lazy("Empty while it runs.")
    )


class PlanningForm(forms.Form):
    priority = forms.ChoiceField(label=gettext_lazy("Priority"), choices=OrderPriority.choices)
    assignee_id = Choice(person_choices, required=False, label=gettext_lazy("Done by"))
    planned_at = Moment(label=gettext_lazy("Planned for"))
    due_at = Moment(label=gettext_lazy("Due"))
    external_cost = forms.DecimalField(
        label=gettext_lazy("External cost"), min_value=Decimal(0), max_digits=13, decimal_places=2
    )


class FoundForm(forms.Form):
    remedy = forms.CharField(
        label=gettext_lazy("What was found and done"), max_length=4000, required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )  # fmt: skip
    down_from = Moment(label=gettext_lazy("Machine stood from"))
    down_to = Moment(label=gettext_lazy("until"))
    downtime_reason_id = Choice(_reason_choices, required=False, label=gettext_lazy("Why it stood"))


@page(VIEW)
def orders(request: HttpRequest) -> HttpResponse:
    """The list, the most urgent of the open ones first; the address holds what it is narrowed to."""
    given = {name: request.GET.get(name, "")[:80].replace("\x00", "") for name in ("state", "q", "asset")}
    rows = list_orders()
    if given["state"] in State.values:
        rows = rows.filter(state=given["state"])
    elif given["state"] != "all":
        rows = rows.filter(state__in=OPEN)
    if given["q"]:
        rows = rows.filter(Q(title__icontains=given["q"]) | Q(titles__icontains=given["q"]))
    asset_id = whole(given["asset"])
    if asset_id is not None:
        rows = rows.filter(asset_id=asset_id)
    shown = rows if given["state"] == "all" else by_urgency(rows)
    context = {
        "tab": "orders",
        "orders": shown[:MOST_ROWS],
        "given": given,
        "asset_id": asset_id,
        "machines": machine_choices(),
        "states": State.choices,
        "now": clock.now(),
        "may_request": may(request, REQUEST),
    }
    return render(request, "health/orders.html", context)


@page(REQUEST)
def new_order(request: HttpRequest) -> HttpResponse:
    """Ask for work."""
    form = NewOrderForm(request.POST or None, initial={"asset_id": whole(request.GET.get("asset"))})
    made: list[WorkOrder] = []
    if request.method == "POST" and form.is_valid():
        actor = request.actor  # type: ignore[attr-defined]

        def deed() -> None:
            made.append(services.request_work(actor=actor, **form.cleaned_data))

        if attempt(request, deed, form=form, done=_("The request is on the board.")):
            return redirect("health:order", work_order_id=made[0].pk)
    context = {"form": form, "title": _("New work order"), "tab": "orders", "back": "health:board"}
    return render(request, "health/form.html", context, status=422 if form.errors else 200)


@page(VIEW)
def order(request: HttpRequest, work_order_id: int) -> HttpResponse:
    """One order; buttons and forms post here, each by its name."""
    row = get_order(work_order_id)
    with timezone.override(zone_of(row.asset.site)):
        form = None
        if request.method == "POST":
            form = _keep_found(request, row)
            if form is None:
                form = _form_of(request, row)
                if form is None or form.is_valid():
                    deed, done = _deed_of(request, row, form)
                    if attempt(request, deed, form=form, done=done) or form is None:
                        return redirect("health:order", work_order_id=row.pk)
        return _show(request, row, form)


def _show(request: HttpRequest, row: WorkOrder, form: forms.Form | None) -> HttpResponse:
    return render(request, "health/order.html", _context(request, row, form), status=422 if form else 200)


def _keep_found(request: HttpRequest, row: WorkOrder) -> FoundForm | None:
    """Save what was written of the finding when another button was pressed (health.js sends it along); the form comes
    back where it is refused, and the button's deed is not done.
    """
    if "found-remedy" not in request.POST:
        return None
    form = FoundForm({name: request.POST.get(f"found-{name}", "") for name in FoundForm.base_fields})
    actor = request.actor  # type: ignore[attr-defined]
    if form.is_valid() and attempt(
        request, lambda: services.update_order(row.pk, actor=actor, **form.cleaned_data), form=form
    ):
        return None
    return form


@require_POST
@page(VIEW)
def move(request: HttpRequest, work_order_id: int) -> HttpResponse:
    """Take an order a step further, from the board or its page."""
    actor, to = request.actor, request.POST.get("to", "")[:12]  # type: ignore[attr-defined]
    text = request.POST.get("text", "")[:1000].replace("\x00", "")
    if "found-remedy" in request.POST:
        row = get_order(work_order_id)
        with timezone.override(zone_of(row.asset.site)):
            if (form := _keep_found(request, row)) is not None:
                return _show(request, row, form)
    attempt(request, lambda: steps.move_order(work_order_id, to, text=text, actor=actor))
    back = request.POST.get("back", "")
    if back and url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        return redirect(back)
    return redirect("health:order", work_order_id=work_order_id)


def _form_of(request: HttpRequest, row: WorkOrder) -> forms.Form | None:
    if "plan" in request.POST:
        return PlanningForm(request.POST)
    if "found" in request.POST:
        return FoundForm(request.POST)
    return None


def _deed_of(request: HttpRequest, row: WorkOrder, form: forms.Form | None) -> tuple[Any, str]:
    """Return what a button asks for, and what is said when it is done."""
    actor, post = request.actor, request.POST  # type: ignore[attr-defined]
    note = post.get("note", "")[:300].replace("\x00", "")
    if form is not None:
        return lambda: services.update_order(row.pk, actor=actor, **form.cleaned_data), _("Saved.")
    if item := whole(post.get("item")):
        value = _number(post.get("value"))
        result = post.get("result", "")[:6]
        return lambda: checks.answer_line(
            row.pk, item_id=item, result=result, value=value, note=note, actor=actor
        ), ""
    if "labour" in post:
        minutes, person = whole(post.get("minutes")) or 0, post.get("person", "")[:160].replace("\x00", "")
        return lambda: booking.book_labour(row.pk, minutes=minutes, person=person, actor=actor), ""
    if use := whole(post.get("put_back")):
        return lambda: booking.put_part_back(row.pk, use_id=use, actor=actor), ""
    if "photo" in post:
        file = request.FILES.get("file")
        content = b"" if file is None else file.read(MOST_BYTES + 1)
        name = "" if file is None else str(file.name)
        return lambda: register.store_file(
            asset_id=row.asset_id, name=name, content=content, work_order_id=row.pk, actor=actor
        ), ""  # fmt: skip
    quantity = _number(post.get("quantity")) or 0
    # What is too much by far is refused as that, not as none.
    taken = Decimal(str(max(-1e12, min(quantity, 1e12)))) if math.isfinite(quantity) else Decimal(0)
    part = whole(post.get("part")) or 0
    return lambda: booking.take_part(row.pk, part_id=part, quantity=round(taken, 3), actor=actor), ""


def _number(word: str | None) -> float | None:
    try:
        return float((word or "").strip().replace(",", "."))
    except ValueError:
        return None


def _context(request: HttpRequest, row: WorkOrder, form: forms.Form | None) -> dict[str, Any]:
    is_open = row.state in OPEN
    planning = form if isinstance(form, PlanningForm) else PlanningForm(initial=_initial(row, PlanningForm))
    found = form if isinstance(form, FoundForm) else FoundForm(initial=_initial(row, FoundForm))
    may_work = is_open and may(request, WORK)
    return {
        "tab": "orders", "row": row, "now": clock.now(), "currency": find_terms().currency,
        "advisory": getattr(row, "advisory", None),
        "steps": [to for to, permission in STEPS[row.state].items() if may(request, permission)],
        "items": list(row.items.select_related("follow_up")), "labour": list(row.labour.all()),
        "parts": list(row.parts.select_related("part")), "entries": list(row.entries.all()),
        "files": list(row.files.order_by("pk")), "follow_ups": list(row.follow_ups.all()),
        "cost": row.labour_cost + row.parts_cost + row.external_cost,
        "planning": planning if (is_open or row.state == State.DONE) and may(request, PLAN) else None,
        "found": found if (is_open or row.state == State.DONE) and may(request, WORK) else None, "may_work": may_work,
        "choices": list(list_parts().filter(site_id=row.asset.site_id, stock__gt=0)) if may_work else [],
    }  # fmt: skip


def _initial(row: WorkOrder, form: type[forms.Form]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in form.base_fields}

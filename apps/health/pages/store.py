"""Spare parts: the store, a new part, one part with its movements."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy, pgettext_lazy

from apps.health.models import SparePart
from apps.health.models.stock import MoveKind
from apps.health.pages.frame import MOST_ROWS, Choice, attempt, may, page, plant_choices
from apps.health.queries.register import find_terms
from apps.health.queries.store import list_moves, list_parts
from apps.health.rules import PLAN, VIEW
from apps.health.services import stock
from forgeline.assets.services.saving import get

_STOCK: dict[str, Any] = {"max_digits": 11, "decimal_places": 3, "min_value": Decimal(0)}


class PartForm(forms.Form):
    site_id = Choice(plant_choices, label=gettext_lazy("Plant"))
    number = forms.CharField(label=gettext_lazy("Part number"), max_length=60)
    name = forms.CharField(label=gettext_lazy("Name"), max_length=160)
    unit = forms.CharField(label=gettext_lazy("Unit"), max_length=20, required=False)
    stock = forms.DecimalField(label=gettext_lazy("In stock"), initial=0, **_STOCK)
    minimum = forms.DecimalField(
        label=gettext_lazy("Minimum"),
        initial=0,
        help_text=gettext_lazy("At or below it the part is to be ordered."),
        **_STOCK,
    )
    unit_cost = forms.DecimalField(
        label=gettext_lazy("Cost of one"), max_digits=11, decimal_places=2, min_value=Decimal(0), initial=0
    )
    place = forms.CharField(label=gettext_lazy("Place in the store"), max_length=80, required=False)
    supplier = forms.CharField(label=gettext_lazy("Supplier"), max_length=160, required=False)


class BookForm(forms.Form):
    kind = forms.ChoiceField(
        label=pgettext_lazy("stock", "What happened"),
        choices=[
            (MoveKind.RECEIPT, pgettext_lazy("stock", "Received")), (MoveKind.ISSUE, gettext_lazy("Taken")),
            (MoveKind.COUNT, gettext_lazy("Counted: so many lie there")),
        ],
    )  # fmt: skip
    quantity = forms.DecimalField(label=gettext_lazy("How many"), **_STOCK)
    note = forms.CharField(label=gettext_lazy("Note"), max_length=200, required=False)


@page(VIEW)
def parts(request: HttpRequest) -> HttpResponse:
    """The store; what is at its minimum stands out."""
    is_low = request.GET.get("low") == "1"
    search = request.GET.get("q", "")[:80].replace("\x00", "")
    rows = list_parts(only_low=is_low)
    if search:
        rows = rows.filter(name__icontains=search) | rows.filter(number__icontains=search)
    context = {
        "tab": "parts", "parts": rows[:MOST_ROWS], "is_low": is_low, "q": search, "may_plan": may(request, PLAN),
        "low_count": list_parts(only_low=True).count(), "currency": find_terms().currency,
    }  # fmt: skip
    return render(request, "health/parts.html", context)


@page(PLAN)
def new_part(request: HttpRequest) -> HttpResponse:
    """Add a part."""
    form = PartForm(request.POST or None)
    actor = request.actor  # type: ignore[attr-defined]
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        if attempt(request, lambda: stock.create_part(actor=actor, **given), form=form, done=_("Saved.")):
            return redirect("health:parts")
    context = {"form": form, "title": _("New spare part"), "tab": "parts", "back": "health:parts"}
    return render(request, "health/form.html", context, status=422 if form.errors else 200)


@page(PLAN)
def part(request: HttpRequest, part_id: int) -> HttpResponse:
    """One part: changed, its stock booked, kept no more."""
    row = get(SparePart, part_id)
    actor = request.actor  # type: ignore[attr-defined]
    initial = {name: getattr(row, name) for name in PartForm.base_fields}
    form = PartForm(request.POST if "save" in request.POST else None, initial=initial)
    for name in ("site_id", "stock"):
        del form.fields[name]
    booking = BookForm(request.POST if "book" in request.POST else None)
    if request.method == "POST":
        done = False
        if "retire" in request.POST:
            if attempt(request, lambda: stock.retire_part(row.pk, actor=actor)):
                return redirect("health:parts")
        elif "book" in request.POST:
            done = booking.is_valid() and attempt(
                request, lambda: stock.book_stock(row.pk, actor=actor, **booking.cleaned_data), form=booking
            )
        else:
            done = form.is_valid() and attempt(
                request,
                lambda: stock.update_part(row.pk, actor=actor, **form.cleaned_data),
                form=form,
                done=_("Saved."),
            )
        if done:
            return redirect("health:part", part_id=row.pk)
        row.refresh_from_db()
    context = {
        "tab": "parts", "part": row, "form": form, "booking": booking, "moves": list_moves().filter(part=row)[:100],
    }  # fmt: skip
    return render(request, "health/part.html", context, status=422 if form.errors or booking.errors else 200)

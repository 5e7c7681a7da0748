"""What each company used, was invoiced and cost in a month; what units cost, as the operator says."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from forgeline.base import clock
from forgeline.base.errors import ForgelineError
from forgeline.billing import console
from forgeline.billing.models import Currency, UnitCosts
from forgeline.billing.money import words
from forgeline.identity.policy import Actor
from forgeline.identity.roles import OPERATE
from forgeline.transfer.company.records import list_erasures
from forgeline.web.access import needs, put_faults


class CostsForm(forms.ModelForm):
    """What units cost in the currency that the form carries: chosen by a link, which loads its own numbers."""

    class Meta:
        model = UnitCosts
        fields = ["currency", *console.RATES]
        widgets: ClassVar[dict[str, Any]] = {"currency": forms.HiddenInput}


@never_cache
@needs(OPERATE)
def costs(request: HttpRequest) -> HttpResponse:
    """Show a month's table, and take unit costs; the address holds the month."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    known = console.list_unit_costs(actor=actor)
    wanted = request.POST.get("currency", "") or request.GET.get("currency", "")
    if wanted not in Currency:
        wanted = next(iter(known), Currency.CNY.value)
    initial = {"currency": wanted, **_rates(known.get(wanted))}
    form = CostsForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        try:
            console.set_unit_costs(given.pop("currency"), given, actor=actor)
        except ForgelineError as error:
            put_faults(form, error)
        else:
            messages.success(request, _("Saved."))
            return redirect(f"{reverse('web:operator_costs')}?{urlencode({'currency': wanted})}")
    first = _month(request.GET.get("month", ""))
    gone = {each.tenant_id: each.name for each in list_erasures(actor=actor)}
    rows = [_row(each, gone) for each in console.read_month(first, actor=actor)]
    context = {
        "form": form,
        "rows": rows,
        "sums": _sums(rows),
        "known": list(known),
        "currency": wanted,
        "currencies": [(each, each in known) for each in Currency.values],
        "month": first,
        "before": (first - timedelta(days=1)).replace(day=1),
        "after": _after(first),
    }
    return render(request, "web/operator/costs.html", context, status=422 if form.errors else 200)


def _rates(row: UnitCosts | None) -> dict[str, Any]:
    return {name: 0 if row is None else getattr(row, name).normalize() for name in console.RATES}


def _row(each: console.Margin, gone: dict[int, str]) -> dict[str, Any]:
    is_gone = each.tenant.kind == console.GONE
    return {
        "margin": each,
        "gone": gone.get(each.tenant.tenant_id, "–") if is_gone else "",
        "invoiced": words(each.invoiced, each.currency),
        "cost": "" if each.cost is None else words(each.cost, each.currency),
        "rest": "" if each.margin is None else words(each.margin, each.currency),
        "is_loss": each.margin is not None and each.margin < 0,
        "gb_days": f"{each.used.gb_days:,.2f}",
        "cpu_s": f"{each.used.cpu_s:,.0f}",
    }


def _sums(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return one line for each currency."""
    found: dict[str, list[console.Margin]] = {}
    for row in rows:
        if row["margin"].invoiced or row["margin"].cost:
            found.setdefault(row["margin"].currency, []).append(row["margin"])
    return [
        {
            "invoiced": words(sum(each.invoiced for each in margins), currency),
            "cost": words(sum(each.cost or 0 for each in margins), currency),
            "rest": words(sum(each.margin or 0 for each in margins), currency),
        }
        for currency, margins in sorted(found.items())
    ]


def _month(word: str) -> date:
    """Return the first day of ``2026-11``; this month for anything else, and for one that lies ahead."""
    this = clock.now().date().replace(day=1)
    year, _dash, month = word.partition("-")
    if not (len(year) == 4 and year.isascii() and year.isdecimal() and month.isascii() and month.isdecimal()):
        return this
    if not (1 <= int(month) <= 12 and int(year) >= 2000):
        return this
    return min(date(int(year), int(month), 1), this)


def _after(first: date) -> date | None:
    following = (first + timedelta(days=31)).replace(day=1)
    return following if following <= clock.now().date() else None

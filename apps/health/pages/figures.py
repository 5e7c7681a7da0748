"""Maintenance in figures with their plots; the company's terms; files as CSV."""

from __future__ import annotations

from datetime import timedelta

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy

from apps.health.models import DowntimeReason
from apps.health.pages.frame import attempt, may, page, whole
from apps.health.queries.figures import read_figures
from apps.health.queries.register import find_terms, list_machines, list_reasons
from apps.health.rules import MANAGE, PLAN, VIEW
from apps.health.services import exchange, register as services
from forgeline.assets.services.saving import get
from forgeline.base import clock

SPANS = (30, 90, 365)
MOST_BYTES = 4_000_000


class TermsForm(forms.Form):
    labour_rate = forms.DecimalField(
        label=gettext_lazy("An hour of work costs"), min_value=0, max_digits=9, decimal_places=2
    )
    currency = forms.CharField(label=gettext_lazy("Currency"), min_length=3, max_length=3)
    cost_acting = forms.DecimalField(
        label=gettext_lazy("Acting on an advisory costs"),
        min_value=0,
        max_digits=13,
        decimal_places=2,
        required=False,
    )
    cost_failure = forms.DecimalField(
        label=gettext_lazy("A failure costs"), min_value=0, max_digits=13, decimal_places=2, required=False
    )
    horizon_days = forms.IntegerField(
        label=gettext_lazy("Tell of a limit so many days ahead"), min_value=1, max_value=365,
        help_text=gettext_lazy("Counted to the near end of the interval."),
    )  # fmt: skip
    orders_by_rule = forms.BooleanField(
        label=gettext_lazy("Each new advisory asks for a work order by itself"), required=False
    )


class ReasonForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Reason"), max_length=120)
    is_planned = forms.BooleanField(label=gettext_lazy("Planned: no failure"), required=False)


class ImportForm(forms.Form):
    what = forms.ChoiceField(
        label=gettext_lazy("Kind of file"),
        choices=[
            ("parts", gettext_lazy("Spare parts")), ("plans", gettext_lazy("Maintenance plans")),
            ("work-orders", gettext_lazy("Work orders")),
        ],
    )  # fmt: skip
    file = forms.FileField(label=gettext_lazy("CSV file"))


@page(VIEW)
def figures(request: HttpRequest) -> HttpResponse:
    """MTBF, MTTR, availability, planned share and cost over 30, 90 or 365 days."""
    days = whole(request.GET.get("days"))
    days = days if days in SPANS else 90
    now = clock.now()
    found = read_figures(list(list_machines()), now - timedelta(days=days), now)
    most = max((month["cost"] for month in found.months), default=0) or 1
    longest = max((h for _reason, h in found.reasons), default=0) or 1
    context = {
        "tab": "figures", "days": days, "spans": SPANS, "total": found.total, "machines": found.machines,
        "currency": find_terms().currency,
        "months": [{**month, "share": month["cost"] / most * 100} for month in found.months],
        "reasons": [{"reason": reason, "hours": h, "share": h / longest * 100} for reason, h in found.reasons],
        "may_manage": may(request, MANAGE),
    }  # fmt: skip
    return render(request, "health/figures.html", context)


@page(PLAN)
def terms(request: HttpRequest) -> HttpResponse:
    """Labour rate, reasons of downtime, files in and out."""
    row, post = find_terms(), request.POST
    initial = {name: getattr(row, name) for name in TermsForm.base_fields}
    rate = TermsForm(post if "terms" in post else None, initial=initial)
    reason = ReasonForm(post if "reason" in post else None)
    taken = ImportForm(post if "import" in post else None, request.FILES if "import" in post else None)
    if request.method == "POST" and _do(request, rate, reason, taken):
        return redirect("health:terms")
    has_faults = bool(rate.errors or reason.errors or taken.errors)
    context = {
        "tab": "terms",
        "rate": rate,
        "reason": reason,
        "taken": taken,
        "reasons": list_reasons(),
        "may_manage": may(request, MANAGE),
        "currency": row.currency,
        "kinds": list(ImportForm.base_fields["what"].choices),  # type: ignore[attr-defined]
    }
    return render(request, "health/terms.html", context, status=422 if has_faults else 200)


def _do(request: HttpRequest, rate: TermsForm, reason: ReasonForm, taken: ImportForm) -> bool:
    actor, post = request.actor, request.POST  # type: ignore[attr-defined]
    if "terms" in post:
        return rate.is_valid() and attempt(
            request, lambda: services.set_terms(actor=actor, **rate.cleaned_data), form=rate, done=_("Saved.")
        )
    if "reason" in post:
        return reason.is_valid() and attempt(
            request, lambda: services.create_reason(actor=actor, **reason.cleaned_data), form=reason
        )
    if pk := whole(post.get("retire")):
        return (
            attempt(request, lambda: services.retire_reason(get(DowntimeReason, pk).pk, actor=actor)) or True
        )
    return taken.is_valid() and _take(request, taken)


def _take(request: HttpRequest, form: ImportForm) -> bool:
    content = form.cleaned_data["file"].read(MOST_BYTES + 1)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            # What Excel writes on a Chinese Windows.
            text = content.decode("gb18030")
        except UnicodeDecodeError:
            form.add_error("file", _("The file is no text in UTF-8 or GB18030."))
            return False
    if len(content) > MOST_BYTES or "\x00" in text:
        form.add_error("file", _("The file is too large, or no CSV."))
        return False
    counts: dict[str, int] = {}
    actor, what = request.actor, form.cleaned_data["what"]  # type: ignore[attr-defined]
    if not attempt(request, lambda: counts.update(exchange.read_csv(what, text, actor=actor)), form=form):
        return False
    said = _("Taken in: %(made)d made, %(changed)d changed, %(unchanged)d as they were.") % counts
    return attempt(request, lambda: None, done=said)


@page(VIEW)
def export(request: HttpRequest) -> HttpResponse:
    """A file of parts, plans or work orders."""
    what = request.GET.get("what", "")
    what = what if what in exchange.COLUMNS else "work-orders"
    text = exchange.write_csv(what, actor=request.actor)  # type: ignore[attr-defined]
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{what}.csv"'
    return response

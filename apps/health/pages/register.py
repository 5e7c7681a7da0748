"""Machines as maintenance sees them: nameplate, criticality, documents, labels, history."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_POST

from apps.health import labels as paper, rules
from apps.health.pages.frame import attempt, may, page, whole, zone_of
from apps.health.queries.figures import read_figures
from apps.health.queries.orders import list_orders
from apps.health.queries.register import (
    find_terms,
    get_file,
    get_record,
    list_files,
    list_machines,
    list_records,
)
from apps.health.queries.store import list_plans
from apps.health.rules import PLAN, REQUEST, VIEW, WORK
from apps.health.services import defaults, register as services
from apps.health.serving import file_answer
from apps.health.storing import MOST_BYTES
from forgeline.base import clock
from forgeline.base.errors import UnavailableError
from forgeline.base.hosts import is_only_here
from forgeline.notifications.links import base_for
from forgeline.web.access import fault

_SCORE: dict[str, Any] = {"required": False, "min_value": 1, "max_value": 10}


class RecordForm(forms.Form):
    manufacturer = forms.CharField(label=gettext_lazy("Manufacturer"), max_length=120, required=False)
    type_name = forms.CharField(label=gettext_lazy("Type"), max_length=120, required=False)
    serial_number = forms.CharField(label=gettext_lazy("Serial number"), max_length=120, required=False)
    built_in = forms.IntegerField(
        label=gettext_lazy("Built in"), required=False, min_value=1850, max_value=2200
    )
    severity = forms.IntegerField(
        label=gettext_lazy("Severity of a failure"),
        help_text=gettext_lazy("1 none … 10 people in danger"),
        **_SCORE,
    )
    occurrence = forms.IntegerField(
        label=gettext_lazy("How often it fails"),
        help_text=gettext_lazy("1 hardly ever … 10 every week"),
        **_SCORE,
    )
    detection = forms.IntegerField(
        label=gettext_lazy("How well it is seen coming"),
        help_text=gettext_lazy("1 always … 10 never"),
        **_SCORE,
    )
    note = forms.CharField(
        label=gettext_lazy("Note"), max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )


@page(VIEW)
def machines(request: HttpRequest) -> HttpResponse:
    """Every machine, the most critical first."""
    records = {row.asset_id: row for row in list_records()}
    rows = []
    for asset in list_machines():
        record = records.get(asset.pk)
        number = (
            None
            if record is None
            else rules.risk_number(record.severity, record.occurrence, record.detection)
        )
        rows.append({"asset": asset, "record": record, "number": number, "grade": rules.grade(number)})
    rows.sort(key=lambda row: -(row["number"] or 0))  # type: ignore[operator]
    context = {"tab": "machines", "rows": rows, "may_plan": may(request, PLAN)}
    context["is_only_here"] = _leads_only_here(base_for(request))
    return render(request, "health/machines.html", context)


def _leads_only_here(base: str) -> bool:
    return is_only_here(urlsplit(base).hostname or "")


@require_POST
@page(PLAN)
def labels(request: HttpRequest) -> HttpResponse:
    """Print the labels of the machines that were ticked; those without one get it."""
    known = {asset.pk for asset in list_machines()}
    wanted = [pk for word in request.POST.getlist("asset")[: paper.MOST] if (pk := whole(word)) in known]
    if not wanted:
        return fault(request, 422, _("No machine is ticked"), _("Tick the machines whose labels you need."))
    actor = request.actor  # type: ignore[attr-defined]
    records = [services.make_label(pk, actor=actor) for pk in wanted if pk is not None]
    try:
        sheet = paper.print_labels(records, base_for(request))
    except UnavailableError as error:
        return fault(request, 503, _("Labels cannot be printed"), str(error))
    response = HttpResponse(sheet, content_type="application/pdf")
    response["Content-Disposition"] = 'inline; filename="labels.pdf"'
    return response


@page(VIEW)
def machine(request: HttpRequest, asset_id: int) -> HttpResponse:
    """One machine: what is kept of it; buttons post here, each by its name."""
    record = get_record(asset_id)
    asset = record.asset
    actor, post = request.actor, request.POST  # type: ignore[attr-defined]
    initial = {name: getattr(record, name) for name in RecordForm.base_fields}
    form = RecordForm(post if "save" in post else None, initial=initial)
    if request.method == "POST":
        if "save" in post:
            if form.is_valid() and attempt(
                request, lambda: services.save_record(asset_id, actor=actor, **form.cleaned_data), form=form,
                done=_("Saved."),
            ):  # fmt: skip
                return redirect("health:machine", asset_id=asset_id)
        else:
            _do(request, asset_id)
            return redirect("health:machine", asset_id=asset_id)
    with timezone.override(zone_of(asset.site)):
        return render(
            request,
            "health/machine.html",
            _context(request, record, form),
            status=422 if form.errors else 200,
        )


def _do(request: HttpRequest, asset_id: int) -> None:
    actor, post = request.actor, request.POST  # type: ignore[attr-defined]
    if "label" in post:
        is_new = post["label"] == "new"
        attempt(
            request,
            lambda: services.make_label(asset_id, is_new=is_new, actor=actor),
            done=_("The label is made."),
        )
    elif "adopt" in post:
        attempt(
            request,
            lambda: defaults.adopt_profile_plans(asset_id, actor=actor),
            done=_("The plans are made."),
        )
    elif file_id := whole(post.get("delete")):
        attempt(request, lambda: services.delete_file(file_id, actor=actor))
    else:
        file = request.FILES.get("file")
        content, name = (b"", "") if file is None else (file.read(MOST_BYTES + 1), str(file.name))
        attempt(
            request, lambda: services.store_file(asset_id=asset_id, name=name, content=content, actor=actor),
            done=_("The file is kept."),
        )  # fmt: skip


def _context(request: HttpRequest, record: Any, form: RecordForm) -> dict[str, Any]:
    asset = record.asset
    now = clock.now()
    number = rules.risk_number(record.severity, record.occurrence, record.detection)
    found = read_figures([asset], now - timedelta(days=365), now)
    plans = list(list_plans().filter(asset_id=asset.pk))
    base = base_for(request)
    return {
        "tab": "machines", "asset": asset, "record": record, "form": form if may(request, PLAN) else None,
        "number": number, "grade": rules.grade(number), "figures": found.total, "currency": find_terms().currency,
        "orders": list_orders().filter(asset_id=asset.pk)[:20], "plans": plans, "now": now,
        "files": list_files().filter(asset_id=asset.pk)[:100], "may_plan": may(request, PLAN),
        "may_work": may(request, WORK), "may_request": may(request, REQUEST),
        "proposals": [] if plans else defaults.list_proposals(asset),
        "link": paper.link_of(record, base) if record.fault_token and may(request, PLAN) else "",
        "is_only_here": _leads_only_here(base),
    }  # fmt: skip


@page(VIEW)
def file(request: HttpRequest, file_id: int) -> HttpResponse:
    """A document or photo."""
    return file_answer(get_file(file_id))

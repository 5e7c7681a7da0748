"""Inspection routes, and a pass on the phone: each stop is saved by itself, so a lost net loses nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy

from apps.health.models import Inspection, InspectionRoute
from apps.health.models.inspections import Pass
from apps.health.pages.frame import Choice, attempt, may, page, plant_choices, whole
from apps.health.pages.plans import read_line, write_line
from apps.health.queries.register import list_machines
from apps.health.queries.store import get_inspection, last_passes, list_inspections, list_routes, list_stops
from apps.health.rules import PLAN, VIEW, WORK
from apps.health.services import inspections as services
from forgeline.base import clock
from forgeline.base.errors import ForgelineError, NotFoundError

ROWS = 30


class RouteForm(forms.Form):
    site_id = Choice(plant_choices, label=gettext_lazy("Plant"))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    every_hours = forms.IntegerField(
        label=gettext_lazy("Walked every (h)"), required=False, min_value=1, max_value=8784
    )
    items = forms.CharField(
        label=gettext_lazy("Stops"), max_length=40_000, widget=forms.Textarea(attrs={"rows": 12}),
        help_text=gettext_lazy(
            "A line in brackets names a machine, the lines beneath it what is looked at there: [Press 1] and then "
            "Oil level, or with limits Oil pressure | bar | 2 | 4."
        ),
    )  # fmt: skip

    def clean_items(self) -> list[dict[str, Any]]:
        machines = {name: a.pk for a in list_machines() for name in (a.name, *a.names.values())}
        asset: int | None = None
        items = []
        for line in (line.strip() for line in self.cleaned_data["items"].splitlines()):
            if line.startswith("[") and line.endswith("]"):
                asset = machines.get(line[1:-1].strip())
                if asset is None:
                    raise forms.ValidationError(_("There is no machine %(name)s.") % {"name": line[:80]})
            elif line:
                if asset is None:
                    raise forms.ValidationError(_("Begin with a machine in brackets, such as [Press 1]."))
                item = read_line(line)
                item.pop("opens_follow_up")
                items.append({"asset": asset, **item})
        return items


@page(VIEW)
def routes(request: HttpRequest) -> HttpResponse:
    """Every route with its last pass; one that is late says so. A POST begins a pass."""
    actor = request.actor  # type: ignore[attr-defined]
    if request.method == "POST":
        try:
            row = services.start_pass(whole(request.POST.get("route")) or 0, actor=actor)
        except ForgelineError as error:
            messages.error(request, str(error), extra_tags="bad")
            under_way = error.data.get("inspection")
            if under_way is None:
                return redirect("health:routes")
            return redirect("health:inspection", inspection_id=under_way)
        return redirect("health:inspection", inspection_id=row.pk)
    found = list(list_routes())
    last = last_passes([row.pk for row in found])
    now = clock.now()
    rows = [
        {"route": row, "last": last.get(row.pk), "is_late": _is_late(row, last.get(row.pk), now)}
        for row in found
    ]
    context = {
        "rows": rows, "passes": list_inspections()[:ROWS], "may_work": may(request, WORK),
        "may_plan": may(request, PLAN),
    }  # fmt: skip
    return render(request, "health/routes.html", context)


def _is_late(row: InspectionRoute, last: Inspection | None, now: Any) -> bool:
    if row.every_hours is None or (last is not None and last.state == Pass.OPEN):
        return False
    return last is None or last.started_at + timedelta(hours=row.every_hours) < now


@page(PLAN)
def new_route(request: HttpRequest) -> HttpResponse:
    """Make a route."""
    example = "".join(f"[{asset.title}]\n" for asset in list_machines()[:2])
    form = RouteForm(request.POST or None, initial={"items": example})
    actor = request.actor  # type: ignore[attr-defined]
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        if attempt(request, lambda: services.create_route(actor=actor, **given), form=form, done=_("Saved.")):
            return redirect("health:routes")
    context = {"form": form, "title": _("New inspection route"), "back": "health:routes"}
    return render(request, "health/form.html", context, status=422 if form.errors else 200)


@page(PLAN)
def route(request: HttpRequest, inspection_route_id: int) -> HttpResponse:
    """One route: changed, walked no more."""
    row = list_routes().filter(pk=inspection_route_id).first()
    if row is None:
        raise NotFoundError(_("There is nothing here that you may see."))
    actor = request.actor  # type: ignore[attr-defined]
    form = RouteForm(request.POST if "save" in request.POST else None, initial=_initial(row))
    del form.fields["site_id"]
    if request.method == "POST":
        if "delete" in request.POST and attempt(request, lambda: services.retire_route(row.pk, actor=actor)):
            return redirect("health:routes")
        if form.is_valid() and attempt(
            request,
            lambda: services.update_route(row.pk, actor=actor, **form.cleaned_data),
            form=form,
            done=_("Saved."),
        ):
            return redirect("health:routes")
    context = {"form": form, "title": row.title, "back": "health:routes", "deletes": True}
    return render(request, "health/form.html", context, status=422 if form.errors else 200)


def _initial(row: InspectionRoute) -> dict[str, Any]:
    lines: list[str] = []
    asset = None
    for item in row.stops:  # type: ignore[attr-defined]  # prefetched
        if item.asset_id != asset:
            lines.append(f"[{item.asset.title}]")
            asset = item.asset_id
        facts = {"text": item.text, "kind": item.kind, "unit": item.unit, "low": item.low, "high": item.high}
        lines.append(write_line(facts))
    return {"name": row.name, "every_hours": row.every_hours, "items": "\n".join(lines)}


@page(VIEW)
def inspection(request: HttpRequest, inspection_id: int) -> HttpResponse:
    """A pass: its stops in order; a POST answers one (then only that stop is drawn anew) or ends it."""
    row = get_inspection(inspection_id)
    actor = request.actor  # type: ignore[attr-defined]
    if request.method == "POST" and "finish" in request.POST:
        is_broken_off = request.POST["finish"] == "broken_off"
        attempt(request, lambda: services.finish_pass(row.pk, is_broken_off=is_broken_off, actor=actor))
        return redirect("health:inspection", inspection_id=row.pk)
    if request.method == "POST":
        item_id = whole(request.POST.get("item")) or 0
        said = _answer(request, row.pk, item_id)
        if request.headers.get("HX-Request") != "true":
            if said:
                messages.error(request, said, extra_tags="bad")
            return redirect("health:inspection", inspection_id=row.pk)
        row = get_inspection(inspection_id)
        stop = next((each for each in _stops(row) if each["item"].pk == item_id), None)
        context = {
            "row": row,
            "stop": stop,
            "fault": said,
            "may_work": may(request, WORK),
            "is_one": True,
            **_sums(row),
        }
        return render(request, "health/parts/stop.html", context)
    context = {
        "row": row,
        "stops": _stops(row),
        "may_work": may(request, WORK) and row.state == Pass.OPEN,
        **_sums(row),
    }
    return render(request, "health/inspection.html", context)


def _answer(request: HttpRequest, inspection_id: int, item_id: int) -> str:
    """Save one stop; returns what refused it, '' where it is saved."""
    post = request.POST
    try:
        value = float(post.get("value", "").strip().replace(",", "."))
    except ValueError:
        value = None
    try:
        services.answer_stop(
            inspection_id, item_id=item_id, result=post.get("result", "")[:6], value=value,
            note=post.get("note", "")[:300].replace("\x00", ""), actor=request.actor,  # type: ignore[attr-defined]
        )  # fmt: skip
    except ForgelineError as error:
        return str(error)
    return ""


def _stops(row: Inspection) -> list[dict[str, Any]]:
    results = {result.item_id: result for result in row.results.all()}
    out: list[dict[str, Any]] = []
    for item in list_stops(row):
        is_first = not out or out[-1]["item"].asset_id != item.asset_id
        out.append({"item": item, "result": results.get(item.pk), "is_first": is_first})
    return out


def _sums(row: Inspection) -> dict[str, int]:
    return {"answered": len(row.results.all()), "of": len(list_stops(row))}

"""Samples out in bulk: a part of the plant, its points, a span of time and a format become a job with a file."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy

from forgeline.assets.models import Point
from forgeline.assets.queries import list_branch_facts, list_points
from forgeline.base import clock
from forgeline.base.errors import ForgelineError
from forgeline.identity.branches import BranchFacts
from forgeline.pages.templatetags.forgeline import unit
from forgeline.transfer.samples.exporting import MOST_POINTS, VIEW, start_export
from forgeline.web.access import needs, put_faults
from forgeline.web.times import read_company_zone

DAYS = 7
"""Whole days before today that the form begins with."""
_MOMENT = "%Y-%m-%dT%H:%M"


class SampleExportForm(forms.Form):
    """Which points, from when to when on the plant's clock, and how they are written."""

    points = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Points"), coerce=int, widget=forms.CheckboxSelectMultiple(attrs={"class": "tree"}),
        error_messages={"required": gettext_lazy("Tick at least one point.")},
    )  # fmt: skip
    since = forms.DateTimeField(
        label=gettext_lazy("From this time"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_MOMENT),
    )
    until = forms.DateTimeField(
        label=gettext_lazy("Up to, not including"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_MOMENT),
    )
    form = forms.ChoiceField(
        label=gettext_lazy("Format"), widget=forms.RadioSelect, initial="parquet",
        choices=[
            ("parquet", gettext_lazy("Parquet: small, with types, for programs")),
            ("csv", gettext_lazy("CSV: for a table, ten times as large")),
        ],
    )  # fmt: skip

    def __init__(self, *args: Any, points: list[Point], zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        machines: dict[str, list[tuple[int, str]]] = {}
        for point in points:
            words = [point.title, point.key if point.title != point.key else "", unit(point.unit)]
            machines.setdefault(_place(point), []).append((point.pk, " · ".join(filter(None, words))))
        chosen: Any = self.fields["points"]
        chosen.choices = list(machines.items())
        for name in ("since", "until"):
            self.fields[name].help_text = zone


@needs(VIEW)
def sample_export(request: HttpRequest) -> HttpResponse:
    """Choose what is written; the job's page shows how far it is and gives the file."""
    parts = list_branch_facts()
    part = _chosen(parts, request.GET.get("part", ""))
    points = list_points().select_related("asset__site", "asset__parent").order_by(
        "asset__site__name", "asset__path", "position", "key"
    )  # fmt: skip
    found = list(points.filter(asset__path__startswith=part.path)[: MOST_POINTS + 1]) if part else []
    is_too_many = len(found) > MOST_POINTS
    zone = found[0].asset.site.zone if found else read_company_zone()
    form: SampleExportForm | None = None
    if found and not is_too_many:
        form = SampleExportForm(request.POST or None, points=found, zone=zone, initial=_initial(found, zone))
        if request.method == "POST" and form.is_valid():
            job = _start(form, zone, request.actor)  # type: ignore[attr-defined]
            if job is not None:
                return redirect("web:job", job.pk)
    titles = [(each.path, "\u00a0" * 3 * each.depth + each.title) for each in parts]
    context = {
        "parts": titles, "part": part, "form": form, "count": len(found), "most": MOST_POINTS,
        "is_too_many": is_too_many, "may_edit": request.actor.has_permission("assets.edit"),  # type: ignore[attr-defined]
    }  # fmt: skip
    return render(request, "web/transfer/samples.html", context)


def _start(form: SampleExportForm, zone: str, actor: Any) -> Any:
    given = form.cleaned_data
    since, until = (given[name].replace(tzinfo=ZoneInfo(zone)) for name in ("since", "until"))
    try:
        return start_export(
            point_ids=given["points"], since=since, until=until, form=given["form"], actor=actor
        )
    except ForgelineError as error:
        put_faults(form, error)
        return None


def _initial(points: list[Point], zone: str) -> dict[str, Any]:
    """All points of the part, and the last whole days with today."""
    today = clock.now().astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    first, end = today - timedelta(days=DAYS), today + timedelta(days=1)
    return {
        "points": [point.pk for point in points], "since": first.strftime(_MOMENT), "until": end.strftime(_MOMENT),
    }  # fmt: skip


def _chosen(parts: list[BranchFacts], path: str) -> BranchFacts | None:
    """Return the part of the address; the first plant where it names none."""
    return next((part for part in parts if part.path == path), parts[0] if parts else None)


def _place(point: Point) -> str:
    above = point.asset.parent
    words = [point.asset.site.title, above.title if above else "", point.asset.title]
    return " › ".join(filter(None, words))

"""Machines' condition by the hour with its parts, episodes and ways to limits; advisories; what models are worth."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _, gettext_lazy

from apps.health import wording
from apps.health.models import Advisory, Condition
from apps.health.models.condition import AdvisoryKind, Finding
from apps.health.pages.frame import MOST_ROWS, attempt, may, page, zone_of
from apps.health.queries.condition import (
    find_watch,
    get_advisory,
    list_advisories,
    list_episodes,
    list_hours,
    list_latest,
    list_watches,
    read_model,
    read_models,
)
from apps.health.queries.register import find_terms, get_record, list_machines
from apps.health.rules import PLAN, REQUEST, VIEW, WORK
from apps.health.services import advisories as services
from apps.health.services.condition import list_watched
from forgeline.assets.models import Point
from forgeline.base import clock
from forgeline.base.clock import now_us
from forgeline.web.chart import chart_context

SHOWN = timedelta(days=14)
WIDTH, HEIGHT = 1000, 160


class FindingForm(forms.Form):
    finding = forms.ChoiceField(
        label=gettext_lazy("What was found"),
        choices=[("", "–"), *(each for each in Finding.choices if each[0])],
    )
    note = forms.CharField(
        label=gettext_lazy("In words"), max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )  # fmt: skip


@page(VIEW)
def conditions(request: HttpRequest) -> HttpResponse:
    """Every machine with its index of the last hour, the worst first; how far the judgement is."""
    machines = list(list_machines())
    latest = list_latest([asset.pk for asset in machines])
    watches = list_watches()
    points = Point.objects.in_bulk({part["point"] for row in latest.values() for part in row.parts})
    rows: list[dict[str, Any]] = [
        {
            "asset": asset, "row": latest.get(asset.pk), "watch": watches.get(asset.pk),
            "says": _says(latest.get(asset.pk)), "parts": _parts(latest.get(asset.pk), points)[:2],
        }
        for asset in machines
    ]  # fmt: skip
    rows.sort(
        key=lambda each: 101.0 if each["row"] is None or each["row"].index is None else each["row"].index
    )
    return render(request, "health/conditions.html", {"tab": "conditions", "rows": rows})


@page(VIEW)
def condition(request: HttpRequest, asset_id: int) -> HttpResponse:
    """One machine: the index over two weeks and by its parts, episodes, ways to limits, its points in the chart."""
    asset = get_record(asset_id).asset
    since = clock.now() - SHOWN
    hours = list_hours(asset_id, since)
    points = list_watched(asset_id)
    by_id = {point.pk: point for point in points}
    last = hours[-1] if hours else None
    watch = find_watch(asset_id)
    episodes = list(list_episodes(asset_id)[:20])
    marks = [
        {"from": int(each.started_at.timestamp() * 1000), "to": int(each.last_at.timestamp() * 1000), "name": ""}
        for each in episodes
    ]  # fmt: skip
    trends = [
        {"says": wording.trend(each, by_id[each["point"]]), "is_answer": "reason" not in each}
        for each in (watch.trends if watch else [])
        if each["point"] in by_id
    ]
    context = {
        "tab": "conditions", "asset": asset, "row": last, "says": _says(last), "parts": _parts(last, by_id),
        "watch": watch, "line": _line(hours, since.timestamp()), "width": WIDTH, "height": HEIGHT, "trends": trends,
        "episodes": [_episode(each, by_id) for each in episodes],
        "silent": [row for row in reversed(hours) if row.reason][:1], "judged": len(hours),
        **chart_context(
            asset.site, points, [point.pk for point in points[:1]], now_us(), range_="7d", marks=marks
        ),
    }  # fmt: skip
    with timezone.override(zone_of(asset.site)):
        return render(request, "health/condition.html", context)


@page(VIEW)
def advisories(request: HttpRequest) -> HttpResponse:
    """What the models foretold; those that nobody has looked at first."""
    rows = list(list_advisories()[:MOST_ROWS])
    rows.sort(key=lambda row: (bool(row.finding), -row.pk))
    context = {
        "tab": "advisories",
        "rows": [{"row": row, "says": wording.advisory_sentence(row)} for row in rows],
    }
    return render(request, "health/advisories.html", context)


@page(VIEW)
def advisory(request: HttpRequest, advisory_id: int) -> HttpResponse:
    """One advisory: what it says, its evidence, the button, the finding; buttons post here."""
    row = get_advisory(advisory_id)
    actor, post = request.actor, request.POST  # type: ignore[attr-defined]
    form = FindingForm(post if "finding" in post else None)
    if request.method == "POST":
        if "order" in post:
            attempt(
                request, lambda: services.order_advisory(advisory_id, actor=actor), done=_("The work order is made.")
            )  # fmt: skip
            return redirect("health:advisory", advisory_id=advisory_id)
        if form.is_valid() and attempt(
            request, lambda: services.label_advisory(advisory_id, actor=actor, **form.cleaned_data), form=form,
            done=_("Thank you: the model learns from it what it is worth."),
        ):  # fmt: skip
            return redirect("health:advisory", advisory_id=advisory_id)
    with timezone.override(zone_of(row.asset.site)):
        status = 422 if form.errors else 200
        return render(request, "health/advisory.html", _context(request, row, form), status=status)


@page(VIEW)
def models(request: HttpRequest) -> HttpResponse:
    """What each model was worth, and whether it may call people."""
    rows = [{"row": each, "title": AdvisoryKind(each.kind).label} for each in read_models()]
    context = {"tab": "models", "rows": rows, "currency": find_terms().currency}
    return render(request, "health/models.html", context)


def _context(request: HttpRequest, row: Advisory, form: FindingForm) -> dict[str, Any]:
    points = Point.objects.in_bulk(row.point_ids)
    shown = [points[pk] for pk in row.point_ids if pk in points]
    marks = []
    if row.episode is not None:
        begin, end = row.episode.started_at.timestamp(), row.episode.last_at.timestamp() + 300
        marks = [{"from": int(begin * 1000), "to": int(end * 1000), "name": ""}]
    limits = []
    if row.kind == AdvisoryKind.TREND:
        limits = [{"point": row.point_id, "value": row.data["limit"], "name": row.data["level"]}]
    span = (int(row.evidence_from.timestamp() * 1000), int(row.evidence_to.timestamp() * 1000))
    is_over = row.work_order is None or row.work_order.state in ("rejected", "cancelled")
    may_label = may(request, PLAN if row.finding else WORK)
    return {
        "tab": "advisories", "row": row, "says": wording.advisory_sentence(row), "currency": find_terms().currency,
        "may_order": may(request, REQUEST) and not row.finding and is_over, "form": form if may_label else None,
        "figures": read_model(row.model),
        **chart_context(row.asset.site, shown, row.point_ids[:2], now_us(), span_ms=span, marks=marks, limits=limits),
    }  # fmt: skip


def _says(row: Condition | None) -> str:
    if row is None:
        return _("It has not been judged yet: a history that is still coming in is waited for.")
    return wording.no_answer(row.reason, row.reason_data) if row.reason else ""


def _parts(row: Condition | None, points: dict[int, Point]) -> list[dict[str, Any]]:
    """What took points away, the most first."""
    parts = [] if row is None else [part for part in row.parts if part["point"] in points]
    words = {"anomaly": _("unusual values"), "trend": _("on the way to its limit")}
    return [
        {"point": points[part["point"]], "word": words[part["kind"]], "lost": part["lost"]}
        for part in sorted(parts, key=lambda part: -part["lost"])
    ]


def _episode(row: Any, points: dict[int, Point]) -> dict[str, Any]:
    worst = sorted(row.points.items(), key=lambda item: -item[1]["score"])
    told = [
        f"{points[int(key)].title} {wording.quantity(each['value'], points[int(key)])}"
        for key, each in worst
        if int(key) in points
    ]
    return {"row": row, "told": " · ".join(told[:3]), "advisory": getattr(row, "advisory", None)}


def _line(hours: list[Condition], since_s: float) -> list[str]:
    """The index as strokes of a drawing; an hour without one ends a stroke."""
    strokes: list[list[str]] = [[]]
    former = 0.0
    for row in hours:
        at = row.hour.timestamp()
        if row.index is None or at - former > 3600:
            strokes.append([])
        if row.index is not None:
            x = (at + 1800 - since_s) / SHOWN.total_seconds() * WIDTH
            strokes[-1].append(f"{x:.1f},{HEIGHT - row.index / 100 * HEIGHT:.1f}")
            former = at
    # A single hour is a stroke of no length, which round ends make a dot.
    return [" ".join(each * 2 if len(each) == 1 else each) for each in strokes if each]

"""Machines' condition by the hour with its parts, episodes and ways to limits; advisories."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _, gettext_lazy

from apps.health import wording
from apps.health.cardwords import model_title
from apps.health.models import Advisory, Condition, Watch
from apps.health.models.condition import TOGETHER, AdvisoryKind, Finding
from apps.health.pages.frame import MOST_ROWS, attempt, may, page, zone_of
from apps.health.pages.plots import index_plot, life_plot, trend_plot
from apps.health.queries.condition import (
    find_watch,
    get_advisory,
    list_advisories,
    list_episodes,
    list_hours,
    list_latest,
    list_watches,
)
from apps.health.queries.ledger import PATTERN, find_current
from apps.health.queries.register import find_terms, get_record, list_machines
from apps.health.queries.watched import TREND_SPAN, read_levels, read_watched
from apps.health.rules import OPEN, PLAN, REQUEST, VIEW, WORK
from apps.health.services import advisories as services
from forgeline.assets.models import Asset, Point, Site
from forgeline.base import clock
from forgeline.base.clock import now_us
from forgeline.web.chart import chart_context

SHOWN = timedelta(days=14)


class FindingForm(forms.Form):
    finding = forms.ChoiceField(
        label=gettext_lazy("What was found"),
        choices=[("", "–"), *(each for each in Finding.choices if each[0])],
    )
    note = forms.CharField(
        label=gettext_lazy("Note"), max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 3})
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
            "says": _says(latest.get(asset.pk)), "parts": [
                # What would be shown as −0 takes nothing away.
                part for part in _parts(latest.get(asset.pk), points)[:2] if part["lost"] >= 0.5
            ],
        }
        for asset in machines
    ]  # fmt: skip
    rows.sort(
        key=lambda each: 101.0 if each["row"] is None or each["row"].index is None else each["row"].index
    )
    return render(request, "health/conditions.html", {"tab": "conditions", "rows": rows})


@page(VIEW)
def condition(request: HttpRequest, asset_id: int) -> HttpResponse:
    """One machine: the index over two weeks and by its parts, ways to limits, what is left, episodes, its points."""
    asset = get_record(asset_id).asset
    now = clock.now()
    hours = list_hours(asset_id, now - SHOWN)
    points = list(read_watched(asset).points)
    by_id = {point.pk: point for point in points}
    last = hours[-1] if hours else None
    watch = find_watch(asset_id)
    episodes = list(list_episodes(asset_id)[:20])
    marks = [
        {"from": int(each.started_at.timestamp() * 1000), "to": int(each.last_at.timestamp() * 1000), "name": ""}
        for each in episodes
    ]  # fmt: skip
    context = {
        "tab": "conditions", "asset": asset, "row": last, "says": _says(last), "parts": _parts(last, by_id),
        "watch": watch, "index": _index(asset.site, hours, now), "ways": _ways(asset, watch, by_id, now),
        "life": _life(asset.site, watch, by_id), "together": _together(watch, by_id),
        "version": find_current(PATTERN, asset_id=asset_id),
        "episodes": [_episode(each, by_id) for each in episodes], "judged": len(hours),
        **chart_context(
            asset.site, points, [point.pk for point in points[:1]], now_us(), range_="7d", marks=marks
        ),
    }  # fmt: skip
    with timezone.override(zone_of(asset.site)):
        return render(request, "health/condition.html", context)


def _is_at_work(row: Advisory) -> bool:
    return row.work_order is not None and row.work_order.state in OPEN


@page(VIEW)
def advisories(request: HttpRequest) -> HttpResponse:
    """What the models foretold; those that nobody has looked at first."""
    rows = list(list_advisories()[:MOST_ROWS])
    rows.sort(key=lambda row: (bool(row.finding), -row.began_at.timestamp()))
    # What is being worked on stands with today's, whenever it began.
    told = [
        (row.is_of_history and not _is_at_work(row), {"row": row, "says": wording.advisory_sentence(row)})
        for row in rows
    ]
    context = {
        "tab": "advisories",
        "rows": [each for is_of_history, each in told if not is_of_history],
        "of_history": [each for is_of_history, each in told if is_of_history],
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


def _context(request: HttpRequest, row: Advisory, form: FindingForm) -> dict[str, Any]:
    points = Point.objects.in_bulk(row.point_ids)
    shown = [points[pk] for pk in row.point_ids if pk in points]
    marks = []
    if row.episode is not None:
        # Ten minutes would not be seen in days of evidence.
        edge = (row.evidence_to - row.evidence_from).total_seconds() / 200
        begin, end = row.episode.started_at.timestamp() - edge, row.episode.last_at.timestamp() + 300 + edge
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
        "model_title": model_title(row.model),
        **chart_context(row.asset.site, shown, row.point_ids[:2], now_us(), span_ms=span, marks=marks, limits=limits),
    }  # fmt: skip


def _says(row: Condition | None) -> str:
    if row is None:
        return _("It has not been judged yet: a history that is still coming in is waited for.")
    return wording.no_answer(row.reason, row.reason_data) if row.reason else ""


def _parts(row: Condition | None, points: dict[int, Point]) -> list[dict[str, Any]]:
    """What took points away, the most first."""
    parts = [] if row is None else [part for part in row.parts if part["point"] in points]
    words = {
        "anomaly": _("unusual values"), "trend": _("on the way to its limit"), "limit": _("near its limit"),
        "pattern": _("the points together, this one the most"),
    }  # fmt: skip
    return [
        {"point": points[part["point"]], "word": words[part["kind"]], "lost": part["lost"]}
        for part in sorted(parts, key=lambda part: -part["lost"])
    ]


def _episode(row: Any, points: dict[int, Point]) -> dict[str, Any]:
    alone = {int(key): each for key, each in row.points.items() if key != TOGETHER}
    told = [
        f"{points[key].title} {wording.quantity(each['value'], points[key])}"
        for key, each in sorted(alone.items(), key=lambda item: -item[1]["score"])
        if key in points
    ]
    if TOGETHER in row.points:
        shares = row.points[TOGETHER]["shares"]
        most = [points[point_id].title for point_id, _share in shares[:2] if point_id in points]
        told.append(_("the points together (%(most)s)") % {"most": ", ".join(most)})
    return {"row": row, "told": " · ".join(told[:3]), "advisory": getattr(row, "advisory", None)}


def _index(site: Site, hours: list[Condition], now: datetime) -> dict[str, Any] | None:
    """The index to be drawn, None while no hour has one."""
    if not any(row.index is not None for row in hours):
        return None
    return index_plot(site, hours, int((now - SHOWN).timestamp() * 1000), int(now.timestamp() * 1000))


def _ways(asset: Asset, watch: Watch | None, points: dict[int, Point], now: datetime) -> dict[str, Any]:
    """Ways to limits: those that are known with their plots, the nearest first; the others with their reason."""
    told = [each for each in (watch.trends if watch else []) if each["point"] in points]
    known = sorted((each for each in told if "reason" not in each), key=lambda each: each["expected_s"])
    plots = []
    if known:
        ts_s, levels = read_levels(asset.pk, [each["point"] for each in known], now - TREND_SPAN)
        for place, each in enumerate(known):
            point = points[each["point"]]
            plots.append(
                {
                    "id": f"way-{place}", "says": wording.trend(each, point), "proof": wording.proof(each, point),
                    "plot": trend_plot(asset.site, point, each, ts_s, levels[:, place]) if len(ts_s) else None,
                }
            )  # fmt: skip
    silent = [
        {"title": points[each["point"]].title, "limit": wording.quantity(each["limit"], points[each["point"]]),
         "says": wording.no_answer(each["reason"], each["data"])}
        for each in told if "reason" in each
    ]  # fmt: skip
    return {"known": plots, "silent": silent}


def _life(site: Site, watch: Watch | None, points: dict[int, Point]) -> dict[str, Any] | None:
    """What the fleet's model says, None for a machine of no fleet."""
    told = watch.life if watch else {}
    if not told:
        return None
    by = points.get(told.get("point", 0))
    return {
        "says": wording.life(told), "is_answer": "reason" not in told, "by": by.title if by else "",
        "version": told.get("version"), "plot": life_plot(site, told.get("past", [])),
    }  # fmt: skip


def _together(watch: Watch | None, points: dict[int, Point]) -> dict[str, Any] | None:
    """What all points together said in the last hour, None while there is no model of them."""
    told = watch.pattern if watch else {}
    if not told:
        return None
    shares = [
        {"point": points[point_id], "share": share}
        for point_id, share in told.get("shares", []) if point_id in points and share >= 0.01
    ]  # fmt: skip
    reason = told.get("reason", "")
    return {
        "score": told.get("score"), "shares": shares[:4], "is_odd": told.get("score", 0) > 1,
        "says": wording.no_answer(reason, {}) if reason else "",
    }  # fmt: skip

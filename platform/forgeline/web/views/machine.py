"""The machine page: points with live values, and the chart."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from forgeline.assets.models import Point, Site
from forgeline.assets.models.point import Kind
from forgeline.assets.queries import get_asset, list_points, read_calendar
from forgeline.base import clock
from forgeline.base.units import display_unit
from forgeline.pages.templatetags.forgeline import words_of
from forgeline.telemetry import queries as telemetry, states
from forgeline.telemetry.queries import HOLD_INTERVALS
from forgeline.web.access import needs
from forgeline.web.plant import TREND_US, choose

MOST_LINES = 6
_RANGES = (
    ("15m", _("15 min")), ("1h", _("1 h")), ("8h", _("8 h")), ("24h", _("24 h")), ("7d", _("7 d")),
    ("30d", _("30 d")), ("1y", _("1 year")),
)  # fmt: skip
_SPANS = (("shift", _("This shift")), ("last_shift", _("Last shift")), ("day", _("Production day")))
_FIRST_ROLES = ("temperature", "power.active", "machine.speed", "load", "pressure")


@needs("web.view")
def machine(request: HttpRequest, asset_id: int) -> HttpResponse:
    """One machine; the address bar holds which points and which time the chart shows."""
    asset = get_asset(asset_id)
    points = list(list_points(asset_id=asset_id))
    now_us = clock.now_us()
    ids = [point.pk for point in points]
    latest = telemetry.read_latest(ids) if ids else {}
    trends = telemetry.read_trends(ids, now_us - TREND_US, now_us) if ids else {}
    current = states.read_current([asset_id]).get(asset_id)
    rows = [
        {
            "point": point,
            "latest": latest.get(point.pk),
            "ts_ms": latest[point.pk].ts_us // 1000 if point.pk in latest else 0,
            "limit_s": round(max(point.expected_interval_s * HOLD_INTERVALS, 10)),
            "trend": trends.get(point.pk, []) if point.kind == Kind.GAUGE else [],
        }
        for point in points
    ]
    spans = _spans(asset.site, now_us)
    shown = _asked(request, points) or [point.pk for point in choose(points, _FIRST_ROLES, 2)]
    context = {
        "asset": asset,
        "rows": rows,
        "state": current[0].value if current else "",
        "state_since_ms": current[1] // 1000 if current else 0,
        "shown": shown,
        "ranges": [*_RANGES, *((key, word) for key, word in _SPANS if key in spans)],
        "chart": {
            "zone": asset.site.zone,
            "shown": shown,
            "spans": spans,
            "points": [_for_chart(point) for point in points if point.kind != Kind.TEXT],
        },
        "may_edit": request.actor.has_permission("web.edit"),  # type: ignore[attr-defined]
    }
    return render(request, "web/machine.html", context)


def _spans(site: Site, now_us: int) -> dict[str, tuple[int, int]]:
    """Return ``[from, to)`` in milliseconds of the plant's shifts and its production day, where shifts are kept."""
    calendar = read_calendar(site)
    if not calendar.shifts:
        return {}
    running, last = calendar.find_shift(now_us), calendar.find_last_shift(now_us)
    spans = {"day": calendar.production_day_span(calendar.production_day_of(now_us))}
    for key, span in (("shift", running), ("last_shift", last)):
        if span is not None:
            spans[key] = (span.from_us, span.to_us)
    return {key: (start // 1000, end // 1000) for key, (start, end) in spans.items()}


def _asked(request: HttpRequest, points: list[Point]) -> list[int]:
    known = {point.pk for point in points}
    words = request.GET.get("points", "").split(",")
    return [int(word) for word in words if word.isdecimal() and int(word) in known][:MOST_LINES]


def _for_chart(point: Point) -> dict[str, Any]:
    return {
        "id": point.pk,
        "name": point.title,
        "unit": display_unit(point.unit),
        "decimals": point.decimals,
        "kind": Kind(point.kind).name.lower(),
        "labels": words_of(point),
        "interval_s": point.expected_interval_s,
        "valid_min": point.valid_min,
        "valid_max": point.valid_max,
    }

"""The machine page: points with live values, the chart, and the alarms that are open."""

from __future__ import annotations

import structlog
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.module_loading import import_string

from forgeline.assets.models import Asset, Point
from forgeline.assets.models.point import Kind
from forgeline.assets.queries import get_asset, list_points
from forgeline.base import clock
from forgeline.modules.registry import list_machine_panels
from forgeline.telemetry import queries as telemetry, states
from forgeline.telemetry.queries import HOLD_INTERVALS
from forgeline.web.access import needs
from forgeline.web.alarm_rows import list_limits, list_open
from forgeline.web.chart import chart_context
from forgeline.web.layouts import MOST_LINES, layout_of
from forgeline.web.plant import TREND_US, choose

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
    layout = layout_of(asset.profile)
    places = {point.key: place for place, point in enumerate(points)}
    first = [points[places[key]] for key in layout.chart if key in places]
    shown = _asked(request, points) or [point.pk for point in first or choose(points, _FIRST_ROLES, 2)]
    sees_alarms = request.actor.has_permission("alarms.view")  # type: ignore[attr-defined]
    context = {
        "asset": asset,
        "rows": rows,
        "tiles": [rows[places[key]] for key in layout.tiles if key in places],
        "state": current[0].value if current else "",
        "state_since_ms": current[1] // 1000 if current else 0,
        "shown": shown,
        **chart_context(
            asset.site, points, shown, now_us, limits=list_limits(asset_id) if sees_alarms else ()
        ),
        "sees_alarms": sees_alarms,
        "alarms": list_open(asset_id) if sees_alarms else [],
        "panels": _panels(request, asset),
        "may_edit": request.actor.has_permission("web.edit"),  # type: ignore[attr-defined]
    }
    if request.headers.get("HX-Target") == "machine-alarms":
        return render(request, "web/alarms/parts/of_machine.html", context)
    return render(request, "web/machine.html", context)


def _panels(request: HttpRequest, asset: Asset) -> list[dict[str, object]]:
    """Return template and context of each panel that modules put here; one that fails is left out and told."""
    actor, rights = request.actor, request.rights  # type: ignore[attr-defined]
    out: list[dict[str, object]] = []
    for panel in list_machine_panels(rights.has_module):
        if not actor.has_permission(panel.permission):
            continue
        try:
            context = import_string(panel.context)(actor, asset)
        except Exception:  # noqa: BLE001  # a module's panel must not take the machine's page down
            structlog.get_logger(__name__).exception("a machine panel failed", panel=panel.key)
            continue
        if context is not None:
            out.append({"template": panel.template, "context": context})
    return out


def _asked(request: HttpRequest, points: list[Point]) -> list[int]:
    known = {point.pk for point in points}
    words = request.GET.get("points", "").split(",")
    return [int(word) for word in words if word.isdecimal() and int(word) in known][:MOST_LINES]

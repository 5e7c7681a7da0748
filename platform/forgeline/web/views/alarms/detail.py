"""One alarm: what happened, what to do, the trend around it, what people answered and who was told."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext as _
from django.views.decorators.http import require_POST

from forgeline.alarms import queries, services
from forgeline.alarms.definitions import Definition, Limit
from forgeline.alarms.models import Alarm, EntryKind, JournalEntry
from forgeline.alarms.plan import RuleInForce, read_plan
from forgeline.alarms.wording import list_remarks, read_names, say_condition
from forgeline.assets.models import Point
from forgeline.assets.models.point import Kind
from forgeline.base import clock
from forgeline.base.clock import to_us
from forgeline.base.errors import ForgelineError
from forgeline.identity.policy import Actor
from forgeline.notifications import queries as notifications
from forgeline.notifications.wording import reason_words
from forgeline.web.access import needs
from forgeline.web.alarm_rows import local, make_rows
from forgeline.web.chart import chart_context
from forgeline.web.views.alarms.live import ANSWER, EDIT, VIEW, answer_context

MOST_ENTRIES, MOST_SHOWN = 100, 20
MOST_TOLD = 30
BEFORE_MS, AFTER_MS = 3_600_000, 1_800_000
_TONES = {
    EntryKind.RAISED: "down", EntryKind.CLEARED: "running", EntryKind.ACKNOWLEDGED: "setup",
    EntryKind.SHELVED: "off", EntryKind.OUT_OF_SERVICE: "off", EntryKind.SUPPRESSED: "off",
}  # fmt: skip


@needs(VIEW)
def alarm(request: HttpRequest, alarm_id: int) -> HttpResponse:
    """Show an alarm; its parts that change come again by htmx."""
    found = queries.get_alarm(alarm_id)
    [row] = make_rows([found])
    zone = found.asset.site.zone
    entries = list(queries.list_journal(alarm_id=alarm_id)[:MOST_ENTRIES])
    context = {
        "tab": "live",
        "row": row,
        "one": found,
        "alarm": found,
        "consequence": row.definition.consequence_in(get_language() or "en"),
        "instruction": row.definition.instruction_in(get_language() or "en"),
        "entries": [entry_row(entry, zone) for entry in entries[:MOST_SHOWN]],
        "acknowledged": local(found.acknowledged_at, zone),
        "shelved_until": local(found.shelved_until, zone, "%m-%d %H:%M"),
        "out_of_service": local(found.out_of_service_at, zone, "%m-%d %H:%M"),
        "told": _list_told(found, zone),
        **answer_context(request),
    }
    if request.headers.get("HX-Target") == "alarm":
        return render(request, "web/alarms/parts/one.html", context)
    return render(
        request, "web/alarms/detail.html", context | _still(request, found, row.definition, entries)
    )


def _still(
    request: HttpRequest, found: Alarm, definition: Definition, entries: list[JournalEntry]
) -> dict[str, Any]:
    """Return what stays while the page is open: the rule in words, and the chart."""
    names = read_names([(found.asset_id, definition)])
    plan = {rule.key: rule for rule in read_plan(asset_ids=[found.asset_id])}
    rule = plan.get(found.key)
    ids = [names.find(found.asset_id, word).point_id for word in definition.condition.inputs.values()]
    points = list(
        Point.objects.filter(pk__in=[each for each in ids if each]).exclude(kind=Kind.TEXT).order_by("pk")
    )
    language = get_language() or "en"
    now_ms = clock.now_us() // 1000
    return {
        "condition": say_condition(definition, names.of(found.asset_id)),
        "remarks": list_remarks(
            definition, lambda key: plan[key].definition.name_in(language) if key in plan else key
        ),
        "rule": rule,
        "is_changed": rule is not None and rule.definition != definition,
        "move": _move(request.actor, rule),  # type: ignore[attr-defined]
        "points": points,
        **chart_context(
            found.asset.site, points, [point.pk for point in points][:6], now_ms * 1000, range_="1h",
            span_ms=_span(found, now_ms), limits=_limits(definition, points), marks=_marks(entries),
        ),
    }  # fmt: skip


def _span(found: Alarm, now_ms: int) -> tuple[int, int] | None:
    """Return the time around the alarm; None while it is young: then the chart is live."""
    raised_ms = to_us(found.raised_at) // 1000 if found.raised_at else now_ms
    if found.is_active and now_ms - raised_ms < 7 * BEFORE_MS:
        return None
    cleared = found.cleared_at if not found.is_active else None
    end_ms = to_us(cleared) // 1000 if cleared else now_ms
    return raised_ms - BEFORE_MS, min(end_ms + AFTER_MS, now_ms)


def _limits(definition: Definition, points: list[Point]) -> list[dict[str, Any]]:
    condition = definition.condition
    if not isinstance(condition, Limit) or not points:
        return []
    return [{"point": points[0].pk, "value": condition.limit, "name": condition.level.value}]


def _marks(entries: list[JournalEntry]) -> list[dict[str, Any]]:
    """Return the stretches in which the alarm stood, of those that the journal's newest entries tell."""
    found: list[dict[str, Any]] = []
    for entry in reversed(entries):
        at = to_us(entry.happened_at) // 1000
        if entry.kind == EntryKind.RAISED:
            found.append({"from": at, "to": None})
        elif entry.kind == EntryKind.CLEARED and found:
            found[-1]["to"] = at
    return found


def entry_row(entry: JournalEntry, zone: str) -> dict[str, Any]:
    """Return a line of the journal as pages show it."""
    at = entry.happened_at.astimezone(ZoneInfo(zone))
    return {
        "entry": entry, "at": f"{at:%Y-%m-%d %H:%M:%S}", "tone": _TONES.get(EntryKind(entry.kind), "idle"),
        "is_late": (entry.noted_at - entry.happened_at).total_seconds() > 600,
        "noted": local(entry.noted_at, zone),
    }  # fmt: skip


def _list_told(found: Alarm, zone: str) -> list[dict[str, Any]]:
    rows = notifications.list_told(f"alarm:{found.pk}")[:MOST_TOLD]
    return [
        {
            "row": row,
            "at": local(row.created_at, zone),
            "reason": reason_words(row.reason) if row.reason else "",
        }
        for row in rows
    ]


def _move(actor: Actor, rule: RuleInForce | None) -> dict[str, Any] | None:
    """Return between which values this person may move the limit; None: not at all."""
    if rule is None or not isinstance(rule.definition.condition, Limit) or not actor.has_permission(ANSWER):
        return None
    bounds = rule.definition.operator_bounds
    if bounds is None and not actor.has_permission(EDIT):
        return None
    return {
        "limit": f"{rule.definition.condition.limit:.12g}",
        "lowest": bounds.lowest if bounds and not actor.has_permission(EDIT) else None,
        "highest": bounds.highest if bounds and not actor.has_permission(EDIT) else None,
    }


@require_POST
@needs(ANSWER)
def move_limit(request: HttpRequest, alarm_id: int) -> HttpResponse:
    """Move the limit of the alarm's rule on its machine."""
    found = queries.get_alarm(alarm_id)
    try:
        limit = float(request.POST.get("limit", "").replace(",", "."))
    except ValueError:
        messages.error(request, _("Write the new limit as a number."))
        return redirect("web:alarm", alarm_id=alarm_id)
    try:
        services.move_limit(
            asset_id=found.asset_id, key=found.key, limit=limit, note=request.POST.get("note", ""),
            actor=request.actor,  # type: ignore[attr-defined]
        )  # fmt: skip
    except ForgelineError as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, _("The limit is now %(limit)g; it is judged by within seconds.") % {"limit": limit}
        )
    return redirect("web:alarm", alarm_id=alarm_id)

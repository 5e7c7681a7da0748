"""The alarm system as a whole: a plant's week in numbers, its bad actors with what would calm them, floods, nuisances.

A week that is over is shown as it is kept; the one that runs, as the journal tells it now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language

from forgeline.alarms.analysis import queries, reports
from forgeline.alarms.analysis.weeks import Week, week_from, word_of
from forgeline.alarms.analysis.wording import list_told, say_length
from forgeline.alarms.analysis.worst import choose_week
from forgeline.alarms.definitions import Priority
from forgeline.assets.models import Site
from forgeline.assets.queries import list_sites
from forgeline.base import clock
from forgeline.base.clock import from_us
from forgeline.base.errors import InvalidInputError
from forgeline.web.access import needs
from forgeline.web.alarm_rows import local
from forgeline.web.views.alarms.live import EDIT, VIEW, number_of

MOST_WEEKS = 8
MOST_ROWS = 20
FIRST = ("per_hour", "peak_10_minutes", "flood_share", "stale")
"""What a manager asks first; the others stand in the table below."""


@needs(VIEW)
def analysis(request: HttpRequest) -> HttpResponse:
    """Show a plant's week; the address holds plant and week."""
    sites = list(list_sites())
    site_id = number_of(request.GET.get("plant", ""))
    site = next((each for each in sites if each.pk == site_id), sites[0] if sites else None)
    context: dict[str, Any] = {
        "tab": "analysis",
        "sites": sites,
        "site": site,
        "may_edit": request.actor.has_permission(EDIT),  # type: ignore[attr-defined]
    }
    if site is not None:
        context |= _read(site, request.GET.get("week", ""))
    return render(request, "web/alarms/analysis.html", context)


def _read(site: Site, word: str) -> dict[str, Any]:
    now_us = clock.now_us()
    running = choose_week(site, None, now_us)
    try:
        week = choose_week(site, word, now_us)
    except InvalidInputError:
        week = running
    kept = reports.list_reports().filter(site=site, on=week.on).first()
    [row] = reports.list_bad_actors(site_id=site.pk, week=week.word, now_us=now_us)
    if kept is not None:
        found = {**kept.details, "kpis": kept.kpis, "standing": []}
    else:
        end = from_us(min(week.to_us, now_us))
        [found] = queries.analyse(site_id=site.pk, from_=from_us(week.from_us), to=end)["results"]
    told = {each.key: each for each in list_told(found["kpis"])}
    most = max((day["alarms"] for day in found["days"]), default=0)
    return {
        "week": week,
        "weeks": _list_weeks(site, running),
        "is_running": week.on == running.on,
        "week_from": week.on.isoformat(),
        "week_to": (week.on + timedelta(days=6)).isoformat(),
        "first": [told[key] for key in FIRST],
        "others": [each for key, each in told.items() if key not in FIRST],
        "days": _days(week, found["days"], most),
        "most": most,
        "actors": [_actor(actor) for actor in row["bad_actors"]],
        "floods": [_flood(flood, site.zone) for flood in reversed(found["floods"][-MOST_ROWS:])],
        "chattering": _named(found["chattering"]),
        "stale": [
            {**each, "at": local(_at(each["since"]), site.zone, "%m-%d %H:%M"), "long": _hours(each)}
            for each in _named(found["stale"])
        ],
        "standing": [
            {**each, "long": _hours(each)} for each in _named(found["standing"])
        ],
    }  # fmt: skip


def _list_weeks(site: Site, running: Week) -> list[dict[str, str]]:
    """Return the weeks to choose from: the one that runs and those before it, whether kept yet or not."""
    calendar = queries.calendar_of(site)
    mondays = [running.on - timedelta(weeks=number) for number in range(MOST_WEEKS)]
    return [
        {
            "word": word_of(monday),
            "from": local(from_us(week_from(calendar, monday).from_us), site.zone, "%m-%d"),
        }
        for monday in mondays
    ]


def _named(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, **_who(row)} for row in list(rows)[:MOST_ROWS]]


def _who(row: Mapping[str, Any]) -> dict[str, str]:
    """Return what names an alarm, in the reader's language."""
    language = (get_language() or "en").lower()
    name = row["name"]
    return {
        "title": name.get(language) or name.get("en") or next(iter(name.values()), row["key"]),
        "machine": row["asset_names"].get(language) or row["asset_name"],
    }


def _days(week: Week, days: Iterable[Mapping[str, Any]], most: int) -> list[dict[str, Any]]:
    """Return the week's seven days: calls by priority as shares of the busiest day; None where it has not come."""
    known = {day["on"]: day for day in days}
    found = []
    for number in range(7):
        on = week.on + timedelta(days=number)
        day = known.get(on.isoformat())
        parts = [
            {"priority": each.value, "share": round(day[each.value] / most * 100, 2) if most else 0}
            for each in reversed(Priority)
        ] if day else []  # fmt: skip
        alarms = day["alarms"] if day else None
        found.append({"on": on.isoformat(), "alarms": alarms, "parts": parts, "label": f"{on:%m-%d}"})
    return found


def _flood(flood: Mapping[str, Any], zone: str) -> dict[str, Any]:
    return {
        **flood,
        "at": local(_at(flood["begin"]), zone, "%m-%d %H:%M"),
        "first": {**flood["first"], **_who(flood["first"])},
        "by": [{**each, **_who(each)} for each in flood["contributors"][:5]],
    }


def _actor(actor: Mapping[str, Any]) -> dict[str, Any]:
    """Return a bad actor; ``try_at``: the editor with what is suggested filled in."""
    found = actor["suggestion"]
    given = {"asset": actor["asset"], "key": actor["key"]}
    if found is not None:
        given[found["what"]] = f"{found['to']:g}"
    wait = actor["median_acknowledge_s"]
    return {
        **actor,
        **_who(actor),
        "percent": f"{actor['share'] * 100:.3g}",
        "minutes_said": say_length(actor["minutes"] * 60),
        "wait": "" if wait is None else say_length(wait),
        "try_at": f"{reverse('web:alarm_rule')}?{urlencode(given)}" if actor["rule"] else "",
    }


def _hours(row: Mapping[str, Any]) -> str:
    return say_length(row["hours"] * 3600)


def _at(word: str) -> datetime:
    return datetime.fromisoformat(word)

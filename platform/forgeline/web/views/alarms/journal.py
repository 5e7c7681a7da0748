"""The journal: everything that happened to alarms, narrowed by plant, machine, kind and time; also as a file."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language, gettext as _

from forgeline.alarms import queries
from forgeline.alarms.definitions import Limit, parse
from forgeline.alarms.models import EntryKind, JournalEntry
from forgeline.alarms.wording import read_names
from forgeline.assets.queries import list_sites
from forgeline.base.clock import from_us, to_us
from forgeline.base.spreadsheet import BOM, safe_cells
from forgeline.web.access import needs
from forgeline.web.views.alarms.detail import entry_row
from forgeline.web.views.alarms.live import VIEW, number_of

ROWS = 100
MOST_IN_FILE = 100_000


@needs(VIEW)
def journal(request: HttpRequest) -> HttpResponse:
    """Show the journal, the newest first; the address holds what it is narrowed to."""
    rows, given = _narrow(request)
    if "csv" in request.GET:
        return _file(rows)
    before = number_of(request.GET.get("before", ""))
    at = number_of(request.GET.get("at", ""))
    if before is not None and at is not None and at < 2**62:
        moment = from_us(at)
        rows = rows.filter(Q(happened_at__lt=moment) | Q(happened_at=moment, pk__lt=before))
    found = list(rows[: ROWS + 1])
    query = request.GET.copy()
    for key in ("before", "at"):
        query.pop(key, None)
    context = {
        "tab": "journal",
        "rows": _make(found[:ROWS]),
        "older": {"before": found[ROWS - 1].pk, "at": to_us(found[ROWS - 1].happened_at)}
        if len(found) > ROWS
        else None,
        "query": query.urlencode(),
        "sites": given.pop("sites"),
        "kinds": EntryKind.choices,
        **given,
    }
    return render(request, "web/alarms/journal.html", context)


def _narrow(request: HttpRequest) -> tuple[QuerySet[JournalEntry], dict[str, Any]]:
    """Return the entries that the address asks for, and what it says."""
    sites = list(list_sites())
    site_id = number_of(request.GET.get("plant", ""))
    zone = next((site.zone for site in sites if site.pk == site_id), sites[0].zone if sites else "UTC")
    kind = request.GET.get("kind", "")
    search = request.GET.get("q", "")[:80].replace("\x00", "")
    from_, to = (request.GET.get(name, "") for name in ("from", "to"))
    rows = queries.list_journal(
        kinds=[kind] if kind in EntryKind.values else [],
        from_=_day(from_, zone), to=_day(to, zone, days=1), with_quiet="told" not in request.GET,
    )  # fmt: skip
    if site_id is not None:
        rows = rows.filter(alarm__asset__site_id=site_id)
    if search:
        rows = rows.filter(queries.named_like(search, "alarm__"))
    given = {
        "sites": sites, "site_id": site_id, "kind": kind, "q": search, "from_": from_, "to": to,
        "told": "told" in request.GET,
    }  # fmt: skip
    return rows, given


def _day(word: str, zone: str, *, days: int = 0) -> datetime | None:
    """Return the beginning of a day on the plant's clock, so many days later; None for what is no day."""
    try:
        day = datetime.strptime(word, "%Y-%m-%d") + timedelta(days=days)  # noqa: DTZ007  # zone follows
    except (ValueError, OverflowError):
        return None
    return day.replace(tzinfo=ZoneInfo(zone))


def _make(entries: list[JournalEntry]) -> list[dict[str, Any]]:
    language = get_language() or "en"
    definitions = {entry.alarm_id: parse(entry.alarm.definition) for entry in entries}
    names = read_names((entry.alarm.asset_id, definitions[entry.alarm_id]) for entry in entries)
    found = []
    for entry in entries:
        definition = definitions[entry.alarm_id]
        word = next(iter(definition.condition.inputs.values()), "")
        shows = entry.value is not None and isinstance(definition.condition, Limit)
        found.append(
            {
                **entry_row(entry, entry.alarm.asset.site.zone),
                "name": definition.name_in(language), "priority": definition.priority.value,
                "value": names.find(entry.alarm.asset_id, word).say(entry.value) if shows else "",
            }
        )  # fmt: skip
    return found


def _file(rows: QuerySet[JournalEntry]) -> HttpResponse:
    """Return the entries as CSV with the plant's times, for a table of one's own; the newest 100,000."""
    language = get_language() or "en"
    out = io.StringIO()
    out.write(BOM)
    writer = csv.writer(out)
    writer.writerow(
        [
            _("Time"), _("UTC"), _("Plant"), _("Machine"), _("Alarm"), _("Key"), _("Priority"), _("What"), _("Value"),
            _("Nobody was told"), _("Person"), _("Text"),
        ]
    )  # fmt: skip
    names: dict[int, tuple[str, str]] = {}
    for entry in rows[:MOST_IN_FILE].iterator(chunk_size=5_000):
        asset = entry.alarm.asset
        if entry.alarm_id not in names:
            definition = parse(entry.alarm.definition)
            names[entry.alarm_id] = (definition.name_in(language), definition.priority.value)
        name, priority = names[entry.alarm_id]
        at = entry.happened_at
        writer.writerow(
            safe_cells(
                [
                    at.astimezone(ZoneInfo(asset.site.zone)).isoformat(sep=" ", timespec="milliseconds"),
                    at.isoformat(timespec="milliseconds"), asset.site.title, asset.title, name, entry.alarm.key,
                    priority, entry.get_kind_display(), "" if entry.value is None else repr(entry.value),
                    "1" if entry.is_quiet else "", entry.person_name, entry.text,
                ]
            )
        )  # fmt: skip
    answer = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="alarm-journal.csv"'
    return answer

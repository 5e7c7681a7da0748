"""The audit log of the company: who changed what, when and from where; searched, and as a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _, gettext_lazy, override, pgettext

from forgeline.alarms.models import EntryKind
from forgeline.audit.models import Entry
from forgeline.audit.queries import iterate, list_entries, list_kinds
from forgeline.base.spreadsheet import BOM, safe_cells
from forgeline.identity.policy import Actor, actor_scope
from forgeline.modules.registry import list_records
from forgeline.web.access import needs
from forgeline.web.audit_values import Wording
from forgeline.web.audit_words import field_word, is_telling
from forgeline.web.times import read_company_zone

ROWS = 100
MOST_IN_FILE = 1_000_000
_ENDINGS = {
    "made": gettext_lazy("made"), "changed": gettext_lazy("changed"), "removed": gettext_lazy("removed"),
}  # fmt: skip
_KINDS = {
    "audit": gettext_lazy("Audit log"),
    "identity.module": gettext_lazy("Module"),
    "identity.session": gettext_lazy("Session"),
    "identity.visit": gettext_lazy("Visit"),
    "entitlements.feature": gettext_lazy("Feature"),
    "billing.invoice": gettext_lazy("Invoice"),
    "billing.seller": gettext_lazy("Who sells"),
    "tenancy.company": gettext_lazy("Company"),
    "jobs.job": gettext_lazy("Job"),
    "alarms.alarm": gettext_lazy("Alarm"),
}
"""Beside the records of the manifests."""
_WORDS = {
    "audit.shortened": gettext_lazy("entries taken out"),
    "identity.module.switched": gettext_lazy("switched"),
    "jobs.job.begun": gettext_lazy("asked for"),
    "jobs.job.ended": gettext_lazy("ended"),
    "identity.session.factor_made": gettext_lazy("second factor added"),
    "identity.session.factor_removed": gettext_lazy("second factor taken off"),
    "identity.session.factors_forgotten": gettext_lazy("second factors taken off by who runs the server"),
    "identity.session.begun": gettext_lazy("signed in"),
    "identity.session.ended": gettext_lazy("signed out"),
    "identity.partner.ended": gettext_lazy("over; what its people had set up stopped"),
    "identity.session.refused": gettext_lazy("wrong password"),
    "identity.session.provider_passed": gettext_lazy("signed in past the company's single sign-on"),
    "billing.invoice.paid": gettext_lazy("paid"),
    "billing.invoice.issued": gettext_lazy("issued"),
    "billing.invoice.corrected": gettext_lazy("taken back by a credit note"),
    "identity.visit.seen": gettext_lazy("looked in"),
    **{f"alarms.alarm.{kind.value}": kind.label for kind in EntryKind},
}


def kind_word(kind: str) -> str:
    """Return what a kind of subject is called; its key where nobody has given it a word."""
    return str(_KINDS.get(kind) or list_records().get(kind, kind))


def action_word(action: str) -> str:
    """Return what was done, in a word."""
    ending = action.rpartition(".")[2]
    return str(_WORDS.get(action) or _ENDINGS.get(ending) or ending)


@needs("audit.inspect")
def audit(request: HttpRequest) -> HttpResponseBase:
    """Show the log, the newest first; the address holds what it is narrowed to."""
    zone = read_company_zone()
    given = {name: request.GET.get(name, "")[:80].replace("\x00", "") for name in ("q", "kind", "from", "to")}
    since, until = _day(given["from"], zone), _day(given["to"], zone, days=1)
    rows = list_entries(
        search=given["q"], action=given["kind"] and given["kind"] + ".", since=since, until=until
    )
    faults = [
        _("“%(word)s” is not a day, so it is left out. Days look like 2026-01-31.") % {"word": word}
        for word, at in ((given["from"], since), (given["to"], until))
        if word and at is None
    ]
    wants_file = "csv" in request.GET
    if wants_file and not faults:
        return _file(rows, zone, request.actor, request.LANGUAGE_CODE)  # type: ignore[attr-defined]
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows[: ROWS + 1])
    query = request.GET.copy()
    for name in ("before", "csv"):
        query.pop(name, None)
    wording = Wording(zone, found[:ROWS])
    context = {
        "rows": [_row(entry, zone, wording) for entry in found[:ROWS]],
        "older": found[ROWS - 1].pk if len(found) > ROWS else None,
        "query": query.urlencode(),
        "kinds": sorted(((kind, kind_word(kind)) for kind in list_kinds()), key=lambda pair: pair[1]),
        "given": given,
        "from_": since and given["from"],
        "until": until and given["to"],
        "is_narrowed": any(given.values()),
        "faults": faults,
        "zone": zone,
    }
    return render(request, "web/audit.html", context, status=422 if wants_file else 200)


def _row(entry: Entry, zone: str, wording: Wording) -> dict[str, Any]:
    kind = entry.action.rpartition(".")[0]
    return {
        "entry": entry,
        "at": entry.at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S"),
        "kind": kind_word(kind),
        # A partner's people are named with their company already.
        "on_behalf": "" if f"({entry.on_behalf})" in entry.who else entry.on_behalf,
        "subject": wording.subject(entry),
        "what": action_word(entry.action),
        "changes": [
            (field_word(kind, field), wording.value(kind, field, old), wording.value(kind, field, new))
            for field, (old, new) in sorted(entry.changes.items())
            if is_telling(field)
        ],
    }


def _day(word: str, zone: str, *, days: int = 0) -> datetime | None:
    """Return the beginning of a day on the plant's clock, so many days later; None for what is no day."""
    try:
        day = datetime.strptime(word, "%Y-%m-%d") + timedelta(days=days)  # noqa: DTZ007  # zone follows
    except (ValueError, OverflowError):
        return None
    return day.replace(tzinfo=ZoneInfo(zone))


def _file(rows: QuerySet[Entry], zone: str, actor: Actor, language: str) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(
        _lines(rows, zone, actor, language), content_type="text/csv; charset=utf-8"
    )
    answer["Content-Disposition"] = 'attachment; filename="audit.csv"'
    return answer


def _lines(rows: QuerySet[Entry], zone: str, actor: Actor, language: str) -> Iterator[str]:
    """Yield the file in pieces. The body outlives its request, so that each is read in a scope of its own."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    with override(language):
        head = [
            _("Time"),
            _("UTC"),
            _("Who"),
            _("On behalf of"),
            _("What"),
            pgettext("audit", "In words"),
            _("Thing"),
            _("Changes"),
            _("Address"),
        ]
    buffer.write(BOM)
    writer.writerow(head)
    pieces = iterate(rows, MOST_IN_FILE)
    while True:
        with actor_scope(actor):
            piece = next(pieces, None)
        if piece is None:
            break
        # Not around the yield: the language would be that of whatever else the thread does meanwhile.
        with override(language):
            writer.writerows(_cells(entry, ZoneInfo(zone)) for entry in piece)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _cells(entry: Entry, zone: ZoneInfo) -> list[Any]:
    words = f"{kind_word(entry.action.rpartition('.')[0])} {action_word(entry.action)}"
    return safe_cells(
        [
            entry.at.astimezone(zone).isoformat(sep=" ", timespec="milliseconds"),
            entry.at.isoformat(timespec="milliseconds"), entry.who, entry.on_behalf, entry.action, words,
            entry.subject, json.dumps(entry.changes, ensure_ascii=False), entry.address,
        ]
    )  # fmt: skip

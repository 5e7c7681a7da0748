"""The delivery log: each delivery with its attempts, narrowed by what became of it."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language

from forgeline.notifications import queries
from forgeline.notifications.directory import Directory
from forgeline.notifications.message import text_in
from forgeline.notifications.models import Delivery, State
from forgeline.notifications.wording import reason_words
from forgeline.web.access import needs

ROWS = 60
_TONES = {"sent": "running", "failed": "down", "nobody": "warn", "waiting": "idle", "sending": "idle",
          "held": "setup", "collected": "setup", "dropped": "off"}  # fmt: skip


@needs("notifications.edit")
def log(request: HttpRequest) -> HttpResponse:
    """Show the log, the newest first."""
    rows = queries.list_deliveries().prefetch_related("tries")
    state = request.GET.get("state", "")
    if state in State.values:
        rows = rows.filter(state=state)
    subject = request.GET.get("subject", "")[:120].replace("\x00", "")
    if subject:
        rows = rows.filter(notice__subject=subject)
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 18:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows[: ROWS + 1])
    directory = Directory()
    context = {
        "rows": [_row(row, directory) for row in found[:ROWS]],
        "older": found[ROWS - 1].pk if len(found) > ROWS else None,
        "state": state,
        "subject": subject,
        "states": State.choices,
        "counts": queries.count_states(),
        "tab": "log",
    }
    return render(request, "web/notifications_log.html", context)


def _row(row: Delivery, directory: Directory) -> dict[str, Any]:
    notice = row.notice
    zone = ZoneInfo(directory.zone_of(notice.site_id if notice else None))
    tries = [
        {
            "at": f"{each.at.astimezone(zone):%H:%M:%S}", "is_sent": each.is_sent, "took_ms": each.took_ms,
            "words": reason_words(each.reason) if each.reason else "", "detail": each.detail,
        }
        for each in row.tries.all()
    ]  # fmt: skip
    return {
        "row": row, "tone": _TONES.get(row.state, "idle"), "tries": tries,
        "at": f"{row.created_at.astimezone(zone):%m-%d %H:%M:%S}",
        "due": f"{row.due_at.astimezone(zone):%m-%d %H:%M:%S}" if row.state in ("waiting", "held") else "",
        "title": text_in(notice.title, get_language() or "en") if notice else row.get_form_display(),
        "reason": reason_words(row.reason) if row.reason else "",
        "step": row.step + 1 if row.step is not None else None,
    }  # fmt: skip

"""The overview's card of the store: how long the history reaches, and how long the disk lasts."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache
from django.urls import reverse
from django.utils.translation import gettext as _

from forgeline.identity.policy import Actor
from forgeline.telemetry.maintenance import StorageReport, read_storage
from forgeline.telemetry.retention import get_retention

_KEY, _ASKED_EVERY_S = "telemetry.storage", 60
_FEW_DAYS = 7


def storage_card(actor: Actor) -> dict[str, Any] | None:
    """Days of raw samples that are kept, and the days until the disk's share is full; asked once a minute at most."""
    report: StorageReport | None = cache.get(_KEY)
    if report is None:
        report = read_storage()
        cache.set(_KEY, report, _ASKED_EVERY_S)
    left, kept = report.days_left, get_retention().raw_days
    note = _("Roll-ups stay beyond that")
    fault = ""
    if left is not None and left < kept:
        sentence = _("The disk is full in %(days)d days; the oldest samples go first") % {"days": left}
        note, fault = (note, sentence) if left < _FEW_DAYS else (sentence, "")
    return {
        "title": _("Raw samples kept"),
        "href": reverse("web:history") if actor.has_permission("telemetry.manage") else "",
        "value": f"{kept:g}",
        "unit": _("days"),
        "note": note,
        "fault": fault,
    }

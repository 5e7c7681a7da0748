"""The overview's card: how many alarms are open, and how urgent."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _, ngettext

from forgeline.alarms.definitions import Priority
from forgeline.alarms.queries import count_open
from forgeline.identity.policy import Actor


def open_card(actor: Actor) -> dict[str, Any] | None:
    """Open alarms; loud only where one of the two highest priorities waits for somebody."""
    counts = count_open()
    waiting = counts["unacknowledged"]
    urgent = counts[Priority.CRITICAL] + counts[Priority.HIGH]
    said = ngettext("%(n)d not acknowledged", "%(n)d not acknowledged", waiting) % {"n": waiting}
    return {
        "title": _("Open alarms"),
        "value": str(sum(counts[priority] for priority in Priority)),
        "note": said if waiting else _("All are acknowledged") if any(counts.values()) else _("None"),
        "fault": said if waiting and urgent else "",
        "href": reverse("web:alarms"),
    }

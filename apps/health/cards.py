"""What maintenance puts on pages of the kernel: the overview's card, the panel of a machine's page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _, ngettext

from apps.health.queries.condition import count_waiting
from apps.health.queries.orders import by_urgency, count_open, list_orders
from apps.health.queries.store import list_plans
from apps.health.rules import OPEN
from forgeline.assets.models import Asset
from forgeline.base import clock
from forgeline.identity.policy import Actor

AHEAD = timedelta(days=7)
MOST = 5


def due_card(actor: Actor) -> dict[str, Any] | None:
    """Orders that are due within a week; loud only where one is overdue. Left out while there is none at all."""
    now = clock.now()
    counts = count_open(now, now + AHEAD)
    if not counts["all"]:
        return None
    overdue, requested = counts["overdue"], counts["requested"]
    waits = ngettext("%(n)d request waits", "%(n)d requests wait", requested) % {"n": requested}
    return {
        "title": _("Work orders due"),
        "value": str(counts["due"] + overdue),
        "note": waits if requested else _("Within a week; none is overdue"),
        "fault": ngettext("%(n)d is overdue", "%(n)d are overdue", overdue) % {"n": overdue}
        if overdue
        else "",
        "href": reverse("health:board"),
    }


def advisory_card(actor: Actor) -> dict[str, Any] | None:
    """Advisories that nobody has looked at. Left out while there is none."""
    count, waiting = count_waiting()
    if not count:
        return None
    return {
        "title": _("Advisories"),
        "value": str(count),
        "note": ngettext("%(n)d has no work order yet", "%(n)d have no work order yet", waiting)
        % {"n": waiting}
        if waiting
        else _("All have their work order"),
        "fault": "",
        "href": reverse("health:advisories"),
    }


def machine_panel(actor: Actor, asset: Asset) -> dict[str, Any] | None:
    """The machine's open orders and next dues."""
    orders = list(by_urgency(list_orders().filter(asset_id=asset.pk, state__in=OPEN))[: MOST + 1])
    plans = list(list_plans().filter(asset_id=asset.pk, is_enabled=True, due_on__isnull=False)[:3])
    return {
        "asset": asset, "orders": orders[:MOST], "has_more": len(orders) > MOST, "plans": plans, "now": clock.now(),
        "may_request": actor.has_permission("health.request"),
    }  # fmt: skip

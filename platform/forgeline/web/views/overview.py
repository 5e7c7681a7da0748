"""The plant overview."""

from __future__ import annotations

import structlog
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.module_loading import import_string

from forgeline.assets.models import Site
from forgeline.assets.queries import get_site, list_sites, read_calendar
from forgeline.base import clock
from forgeline.entitlements.rights import Rights
from forgeline.identity.policy import Actor
from forgeline.modules.registry import list_overview_cards
from forgeline.web.access import needs
from forgeline.web.first_hour import find_reminder
from forgeline.web.plant import read_overview


@needs("web.view")
def overview(request: HttpRequest) -> HttpResponse:
    """Areas, lines and machines of one plant: state, values, age; and the cards that wings contribute."""
    is_part = request.headers.get("HX-Target") == "overview"
    sites = list(list_sites())
    wanted = request.GET.get("plant", "")
    site = get_site(int(wanted)) if wanted.isdecimal() else (sites[0] if sites else None)
    sees_alarms = request.actor.has_permission("alarms.view")  # type: ignore[attr-defined]
    groups = read_overview(site, with_alarms=sees_alarms) if site is not None else []
    line = request.GET.get("line", "")
    context = {
        "site": site,
        "sites": sites,
        "groups": [group for group in groups if not line or group.title == line],
        "lines": [group.title for group in groups],
        "line": line,
        "cards": _cards(request.actor, request.rights),  # type: ignore[attr-defined]
        "shift": _shift(site) if site is not None else None,
        "first_hour": None if is_part else find_reminder(request.actor),  # type: ignore[attr-defined]
        "may_edit": request.actor.has_permission("web.edit"),  # type: ignore[attr-defined]
    }
    template = "web/parts/overview_body.html" if is_part else "web/overview.html"
    return render(request, template, context)


def _shift(site: Site) -> dict[str, object] | None:
    """Return the shift that runs, or None between shifts and where none are kept."""
    span = read_calendar(site).find_shift(clock.now_us())
    return (
        None
        if span is None
        else {"name": span.name, "ends_at": f"{clock.in_zone(span.to_us, site.zone):%H:%M}"}
    )


def _cards(actor: Actor, rights: Rights) -> list[dict[str, object]]:
    """Return template and context of each card that the actor may see; a card that fails is left out and told."""
    out: list[dict[str, object]] = []
    for card in list_overview_cards(rights.has_module):
        if not actor.has_permission(card.permission):
            continue
        try:
            context = import_string(card.context)(actor)
        except Exception:  # noqa: BLE001  # a wing's card must not take the plant's page down
            structlog.get_logger(__name__).exception("an overview card failed", card=card.key)
            continue
        if context is not None:
            out.append({"template": card.template, "context": context})
    return out

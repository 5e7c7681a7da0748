"""What every template may use: the actor, the navigation it may see, the company, the server's clock."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from forgeline.base import clock
from forgeline.entitlements.rights import UNLIMITED
from forgeline.modules.registry import list_navigation
from forgeline.pages.announcements import list_shown
from forgeline.pages.notices import list_notices

_SECTIONS = {"plant": 0, "modules": 1, "intake": 2, "company": 3, "operator": 4}


def page(request: HttpRequest) -> dict[str, Any]:
    """Context processor of all pages; asks the database nothing itself."""
    actor = getattr(request, "actor", None)
    rights = getattr(request, "rights", UNLIMITED)
    seat = getattr(request, "seat", None)
    navigation = [
        item
        for item in list_navigation(rights.has_module)
        if actor is not None and actor.has_permission(item.permission)
    ]
    navigation.sort(key=lambda item: (_SECTIONS.get(item.section, 9), item.order))
    return {
        # Called by pages that have a frame to show them in, and only by those.
        "announcements": partial(list_shown, actor) if actor is not None else (),
        "notices": partial(list_notices, actor) if actor is not None else (),
        "actor": actor,
        "navigation": navigation,
        "here": _find_here(request.path, [item.url_name for item in navigation]),
        "company_count": 0 if seat is None else len(seat.memberships),
        "company_name": "" if seat is None else seat.company_name,
        "is_shut": rights.is_suspended and (actor is None or actor.visit != "operator"),
        "server_now_ms": clock.now_us() // 1000,
    }


def _find_here(path: str, url_names: Sequence[str]) -> str:
    """Return the one entry that a page belongs to, '' for none: the closest, where one lies beneath another."""
    targets = {reverse(name): name for name in url_names}
    above = [target for target in targets if path == target or (target != "/" and path.startswith(target))]
    return targets[max(above, key=len)] if above else ""

"""What every template may use: the actor, the navigation it may see, the company, the server's clock."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from forgeline.base import clock
from forgeline.modules.registry import list_navigation

_SECTIONS = {"plant": 0, "modules": 1, "intake": 2, "company": 3}


def page(request: HttpRequest) -> dict[str, Any]:
    """Context processor of all pages; asks the database nothing."""
    actor = getattr(request, "actor", None)
    memberships = getattr(request, "memberships", [])
    navigation = [
        item for item in list_navigation() if actor is not None and actor.has_permission(item.permission)
    ]
    navigation.sort(key=lambda item: (_SECTIONS.get(item.section, 9), item.order))
    company = next(
        (m.tenant_name for m in memberships if actor is not None and m.tenant_id == actor.tenant_id), ""
    )
    return {
        "actor": actor,
        "navigation": navigation,
        "memberships": memberships,
        "company_name": company,
        "server_now_ms": clock.now_us() // 1000,
    }

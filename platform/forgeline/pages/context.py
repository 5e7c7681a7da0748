"""What every template may use: the actor, the navigation it may see, the language."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from forgeline.modules.registry import list_navigation


def page(request: HttpRequest) -> dict[str, Any]:
    """Context processor of all pages."""
    actor = getattr(request, "actor", None)
    navigation = [item for item in list_navigation() if actor is not None and actor.has_permission(item.permission)]
    return {"actor": actor, "navigation": navigation, "memberships": getattr(request, "memberships", [])}

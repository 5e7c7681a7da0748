"""What every template may use: the actor, the navigation it may see, the company, the server's clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from forgeline.base import clock
from forgeline.entitlements.rights import rights_of
from forgeline.modules.registry import find_switchable, list_navigation

_SECTIONS = {"plant": 0, "modules": 1, "intake": 2, "company": 3}


def is_on(actor: Any, name: str) -> bool:
    """Say whether what a dotted key names is of the kernel, or of a module that the company has switched on."""
    module = find_switchable(name)
    return module is None or rights_of(actor.tenant_id).has_module(module.key)


def page(request: HttpRequest) -> dict[str, Any]:
    """Context processor of all pages; asks the database nothing."""
    actor = getattr(request, "actor", None)
    memberships = getattr(request, "memberships", [])
    navigation = [] if actor is None else [
        item for item in list_navigation() if actor.has_permission(item.permission) and is_on(actor, item.permission)
    ]  # fmt: skip
    navigation.sort(key=lambda item: (_SECTIONS.get(item.section, 9), item.order))
    company = next(
        (m.tenant_name for m in memberships if actor is not None and m.tenant_id == actor.tenant_id), ""
    )
    return {
        "actor": actor,
        "navigation": navigation,
        "here": _find_here(request.path, [item.url_name for item in navigation]),
        "memberships": memberships,
        "company_name": company,
        "server_now_ms": clock.now_us() // 1000,
    }


def _find_here(path: str, url_names: Sequence[str]) -> str:
    """Return the one entry that a page belongs to, '' for none: the closest, where one lies beneath another."""
    targets = {reverse(name): name for name in url_names}
    above = [target for target in targets if path == target or (target != "/" and path.startswith(target))]
    return targets[max(above, key=len)] if above else ""

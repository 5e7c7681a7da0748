"""Ask what the company in force may use, and refuse what is beyond it. Not here: plans and money (billing)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from forgeline.base.errors import PaymentRequiredError
from forgeline.entitlements.models import Access, Entitlement
from forgeline.tenancy.context import require_tenant_id
from forgeline.tenancy.scoping import tenant_scope

KINDS = {
    "devices": _("devices"),
    "points": _("points"),
    "users": _("users"),
    "samples_per_month": _("samples a month"),
    "raw_days": _("days of raw samples"),
    "audit_days": _("days of the audit log"),
    "api_calls_per_minute": _("API calls a minute"),
}
"""What a plan limits. The first three are hard: nothing is made beyond them. Samples are never refused."""
CACHE_S = 5.0


@dataclass(frozen=True, slots=True)
class Rights:
    """What a company may use. A kind that is not in ``limits`` is unlimited; ``modules`` None means all."""

    limits: Mapping[str, int] = field(default_factory=dict)
    modules: frozenset[str] | None = None
    access: str = Access.FULL
    excess_since: datetime | None = None
    switched_off: frozenset[str] = frozenset()

    @property
    def is_suspended(self) -> bool:
        return self.access == Access.SUSPENDED

    def may_have(self, module: str) -> bool:
        """Say whether the company's plan holds a module."""
        return self.modules is None or module in self.modules

    def has_module(self, module: str) -> bool:
        """Say whether a module is on: the plan holds it, and the company has not switched it off."""
        return self.may_have(module) and module not in self.switched_off


UNLIMITED = Rights()
_cache: dict[int, tuple[float, Rights]] = {}


def _of(row: Entitlement | None) -> Rights:
    if row is None:
        return UNLIMITED
    modules = None if row.modules is None else frozenset(row.modules)
    return Rights(row.limits, modules, row.access, row.excess_since, frozenset(row.switched_off))


def rights_of(tenant_id: int) -> Rights:
    """Return what a company may use, at most CACHE_S old: asked for with every request."""
    now = time.monotonic()
    kept = _cache.get(tenant_id)
    if kept is None or now >= kept[0]:
        with tenant_scope(tenant_id, branches=()):
            kept = (now + CACHE_S, _of(Entitlement.objects.first()))
        _cache[tenant_id] = kept
    return kept[1]


def require_room(kind: str, count: Callable[[], int], *, adding: int = 1) -> None:
    """Pass where ``adding`` more of a kind fit beside those that ``count`` finds.

    Two who add at once wait for each other, so that both never pass on the last place.
    **Raises** PaymentRequiredError with what to do.
    """
    row = Entitlement.objects.filter(limits__has_key=kind).select_for_update().first()
    if row is None:
        return
    # Counted over the whole company, however little of it the caller may see.
    with tenant_scope(require_tenant_id(), branches=()):
        limit, present = int(row.limits[kind]), count()
    if present + adding <= limit:
        return
    raise PaymentRequiredError(
        _(
            "Your plan has %(limit)s %(kind)s and %(present)s are in use. Retire some, or choose a larger plan "
            "under Company, Plan and invoices."
        )
        % {"limit": limit, "kind": KINDS[kind], "present": present},
        key="entitlements.limit_reached",
        data={"kind": kind, "limit": limit, "present": present},
    )


def set_rights(
    *,
    limits: Mapping[str, int | None],
    modules: Sequence[str] | None,
    access: str = Access.FULL,
) -> None:
    """Say from now on what the company in force may use; None in ``limits`` leaves a kind unlimited."""
    known: dict[str, Any] = {kind: limits[kind] for kind in KINDS if limits.get(kind) is not None}
    Entitlement.objects.update_or_create(
        tenant_id=require_tenant_id(),
        defaults={
            "limits": known,
            "modules": None if modules is None else sorted(modules),
            "access": access,
        },
    )
    forget()


def switch_module(module: str, *, is_on: bool) -> None:
    """Switch a module on or off for the company in force; what it keeps stays, whatever is switched."""
    row = Entitlement.objects.select_for_update().first() or Entitlement(limits={}, modules=None)
    row.switched_off = sorted({*row.switched_off, module} - ({module} if is_on else set()))
    row.save()
    forget()


def switch_off(modules: Sequence[str]) -> None:
    """Switch just these modules off for the company in force."""
    Entitlement.objects.update_or_create(
        tenant_id=require_tenant_id(), defaults={"switched_off": sorted(modules)}
    )
    forget()


def set_excess(since: datetime | None) -> None:
    """Note since when the company stores more than its plan has, None when it does not."""
    Entitlement.objects.update(excess_since=since)
    forget()


def forget() -> None:
    """Ask the database anew for the company in force: its rights have just changed."""
    _cache.pop(require_tenant_id(), None)

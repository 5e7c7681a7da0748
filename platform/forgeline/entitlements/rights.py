"""Ask what the company in force may use, and refuse what is beyond it. Not here: plans and money (billing)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.translation import gettext_lazy as _

from forgeline.base.errors import InvalidInputError, PaymentRequiredError
from forgeline.entitlements.models import Access, Entitlement
from forgeline.modules.registry import is_switchable, list_features
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
    plan: str = ""
    switches: Mapping[str, bool] = field(default_factory=dict)

    @property
    def is_suspended(self) -> bool:
        return self.access == Access.SUSPENDED

    @property
    def is_overdue(self) -> bool:
        return self.access == Access.OVERDUE

    def may_have(self, key: str) -> bool:
        """Say whether a module or a named feature is the company's to use: as the operator switched it, else as the
        plan says of modules; nobody sells the features.
        """
        told = self.switches.get(key)
        if told is not None:
            return told
        return self.modules is None or key in self.modules or not is_switchable(key)

    def is_withheld(self, key: str) -> bool:
        """Say whether the operator has switched a module or a feature off for this company: no plan brings it back."""
        return self.switches.get(key) is False

    def has_module(self, module: str) -> bool:
        """Say whether a module is on: the company may have it, and has not switched it off."""
        return self.may_have(module) and module not in self.switched_off


UNLIMITED = Rights()
_cache: dict[int, tuple[float, Rights]] = {}


def _of(row: Entitlement | None) -> Rights:
    if row is None:
        return UNLIMITED
    modules = None if row.modules is None else frozenset(row.modules)
    return Rights(
        row.limits, modules, row.access, row.excess_since, frozenset(row.switched_off), row.plan, row.switches
    )


def rights_of(tenant_id: int) -> Rights:
    """Return what a company may use, at most CACHE_S old: asked for with every request."""
    now = time.monotonic()
    kept = _cache.get(tenant_id)
    if kept is None or now >= kept[0]:
        with tenant_scope(tenant_id, branches=()):
            kept = (now + CACHE_S, _of(Entitlement.objects.first()))
        _cache[tenant_id] = kept
    return kept[1]


def has_feature(tenant_id: int, key: str) -> bool:
    """Say whether a company may have a module or a named feature."""
    return rights_of(tenant_id).may_have(key)


def keep_open(tenant_id: int, permissions: frozenset[str]) -> frozenset[str]:
    """Return permissions without those of modules and features that the company does not have: pages, API, live
    values and navigation are shut by that alone.
    """
    rights = rights_of(tenant_id)
    if rights.modules is None and not rights.switches:
        return permissions
    shut = tuple(f"{key}." for key in list_features() if not has_feature(tenant_id, key))
    return frozenset(each for each in permissions if not each.startswith(shut)) if shut else permissions


def switch(key: str, is_on: bool | None) -> None:
    """Switch a feature on or off for the company in force; None lets its plan decide again.

    **Raises** InvalidInputError for a feature that there is not.
    """
    if key not in list_features():
        sentence = _("There is no such feature.")
        raise InvalidInputError.at("key", sentence)
    row, _is_new = Entitlement.objects.select_for_update().get_or_create(tenant_id=require_tenant_id())
    row.switches = {name: told for name, told in row.switches.items() if name != key}
    if is_on is not None:
        row.switches[key] = is_on
    row.save(update_fields=["switches"])
    forget()


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
    plan: str = "",
) -> None:
    """Say from now on what the company in force may use; None in ``limits`` leaves a kind unlimited."""
    known: dict[str, Any] = {kind: limits[kind] for kind in KINDS if limits.get(kind) is not None}
    Entitlement.objects.update_or_create(
        tenant_id=require_tenant_id(),
        defaults={
            "limits": known,
            "modules": None if modules is None else sorted(modules),
            "access": access,
            "plan": plan,
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


def list_in_excess() -> frozenset[int]:
    """Return the ids of the companies that store more than their plan has."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id FROM entitlements_list_in_excess()")
        return frozenset(row[0] for row in cursor.fetchall())


def forget() -> None:
    """Ask the database anew for the company in force: its rights have just changed."""
    _cache.pop(require_tenant_id(), None)

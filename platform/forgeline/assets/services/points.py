"""Writes about points."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.translation import get_language, gettext as _, gettext_lazy

from forgeline.assets.models import Asset, Device, Point
from forgeline.assets.models.point import Kind
from forgeline.assets.profiles import PROFILES
from forgeline.assets.roles import POINT_ROLES
from forgeline.assets.services.announcing import announce_points
from forgeline.assets.services.saving import change, get, invalid, require_edit, save
from forgeline.base import clock
from forgeline.base.unit_words import say_unit_fault
from forgeline.base.units import UnitError, check_unit, units_fit
from forgeline.entitlements.rights import require_room
from forgeline.identity.policy import Actor

_FIELDS = frozenset(
    {
        "name", "names", "unit", "kind", "role", "valid_min", "valid_max", "expected_interval_s", "decimals", "labels",
        "is_simulated", "position", "device_id",
    }
)  # fmt: skip

_TAKEN = gettext_lazy("This machine has a point with this key, or had: one that is out of use keeps its own.")

SHORTEST_S, LONGEST_S = 0.001, 31 * 86_400.0
"""How often a point may be expected to speak."""


def create_point(
    *,
    asset_id: int,
    key: str,
    name: str = "",
    device_id: int | None = None,
    actor: Actor | None = None,
    **facts: Any,
) -> Point:
    """Make a point of a machine; ``facts`` are the fields of Point that may be given (unit, kind, role …)."""
    require_edit(actor)
    asset = get(Asset, asset_id)
    if device_id is not None:
        get(Device, device_id)
    _require_room(1)
    last = Point.objects.filter(asset=asset).aggregate(last=Max("position"))["last"]
    point = Point(asset=asset, key=key.strip(), name=name or key, device_id=device_id)
    point.position = 0 if last is None else last + 1
    change(point, facts, _FIELDS)
    check_point(point)
    return _save(point)


def create_points_of_profile(*, asset_id: int, actor: Actor | None = None) -> list[Point]:
    """Make the points of the machine's device profile that it has not yet; return the new ones."""
    require_edit(actor)
    asset = get(Asset, asset_id)
    profile = PROFILES.get(asset.profile)
    if profile is None:
        return []
    language = get_language() or "en"
    existing = set(Point.objects.filter(asset=asset).values_list("key", flat=True))
    rows = [
        Point(
            asset=asset,
            key=spec.key,
            name=spec.name_in(language),
            names=spec.name,
            unit=spec.unit,
            kind=Kind[spec.kind.upper()],
            role=spec.role,
            valid_min=spec.valid_min,
            valid_max=spec.valid_max,
            expected_interval_s=spec.expected_interval_s,
            decimals=spec.decimals,
            labels=spec.labels,
            position=position,
        )
        for position, spec in enumerate(profile.points)
        if spec.key not in existing
    ]
    with transaction.atomic():
        _require_room(len(rows))
        made = Point.objects.bulk_create(rows)
        announce_points()
    return made


def _require_room(adding: int) -> None:
    require_room("points", Point.objects.filter(retired_at=None).count, adding=adding)


def update_point(*, point_id: int, actor: Actor | None = None, **changes: Any) -> Point:
    """Change what is known of a point; its key and its samples stay."""
    require_edit(actor)
    point = get(Point, point_id)
    change(point, changes, _FIELDS)
    if changes.get("device_id") is not None:
        get(Device, changes["device_id"])
    check_point(point)
    return _save(point)


def move_point(*, point_id: int, asset_id: int, actor: Actor | None = None) -> Point:
    """Hang a point, with its history, at another machine."""
    require_edit(actor)
    point = get(Point, point_id)
    point.asset = get(Asset, asset_id)
    return _save(point)


def retire_point(*, point_id: int, actor: Actor | None = None) -> None:
    """Take a point out of use: it takes no samples any more, its history stays."""
    require_edit(actor)
    point = get(Point, point_id, also_retired=True)
    Point.objects.filter(pk=point.pk, retired_at=None).update(retired_at=clock.now())
    announce_points()


def _save(point: Point) -> Point:
    # Its machine and its device were read a moment ago.
    save(point, taken=_TAKEN, left_out=("tenant", "asset", "device"))
    announce_points()
    return point


def check_point(point: Point) -> None:
    """**Raises** InvalidInputError with every fault of the point at once."""
    faults: dict[str, list[str]] = {}
    if not point.key:
        faults["key"] = [_("This is needed.")]
    try:
        check_unit(point.unit)
    except UnitError:
        faults["unit"] = [say_unit_fault(point.unit)]
    if point.role:
        role = POINT_ROLES.get(point.role)
        if role is None:
            faults["role"] = [_("There is no role of this name.")]
        elif role.units and "unit" not in faults and not units_fit(point.unit, role.units):
            fitting = ", ".join(unit or "1" for unit in role.units)
            faults["unit"] = [_("This unit does not fit the role; it takes: %(units)s.") % {"units": fitting}]
    if not point.expected_interval_s or not SHORTEST_S <= point.expected_interval_s <= LONGEST_S:
        faults["expected_interval_s"] = [_("This lies between a millisecond and 31 days, in seconds.")]
    if point.valid_min is not None and point.valid_max is not None and point.valid_min >= point.valid_max:
        faults["valid_max"] = [_("This must be above the lowest valid value.")]
    if faults:
        raise invalid(faults)

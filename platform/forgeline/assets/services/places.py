"""Writes about sites and the asset tree."""

from __future__ import annotations

from datetime import time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat, Substr
from django.utils.translation import gettext as _, gettext_lazy

from forgeline.assets.models import Asset, Point, Site
from forgeline.assets.models.place import AssetLevel
from forgeline.assets.profiles import PROFILES
from forgeline.assets.services.announcing import announce_points
from forgeline.assets.services.points import create_points_of_profile
from forgeline.assets.services.saving import change, get, get_for_change, invalid, require_edit, save
from forgeline.base import clock
from forgeline.identity.branches import rewrite_branches
from forgeline.identity.policy import Actor

_ORDER = [AssetLevel.AREA, AssetLevel.LINE, AssetLevel.WORK_UNIT]
_SITE_FIELDS = frozenset({"name", "names", "zone", "country", "day_starts_at"})
_ASSET_FIELDS = frozenset({"name", "names", "position", "profile"})
_SITE_TAKEN = gettext_lazy("There is a plant with this name, or was: one that is out of use keeps its own.")
_PLACE_TAKEN = gettext_lazy(
    "There is something with this name at this place, or was: what is out of use keeps its own."
)


def create_site(
    *,
    name: str,
    zone: str = "Asia/Shanghai",
    country: str = "CN",
    day_starts_at: time = time(0),
    names: dict[str, str] | None = None,
    actor: Actor | None = None,
) -> Site:
    """Make a plant."""
    require_edit(actor)
    _check_zone(zone)
    site = Site(name=name, names=names or {}, zone=zone, country=country, day_starts_at=day_starts_at)
    return save(site, taken=_SITE_TAKEN)


def update_site(*, site_id: int, actor: Actor | None = None, **changes: Any) -> Site:
    """Change a plant's name, zone, country or the start of its production day."""
    require_edit(actor)
    site = get_for_change(Site, site_id)
    change(site, changes, _SITE_FIELDS)
    _check_zone(site.zone)
    save(site, taken=_SITE_TAKEN)
    if "zone" in changes:
        announce_points()
    return site


def retire_site(*, site_id: int, actor: Actor | None = None) -> None:
    """Take a plant out of use with all that belongs to it; its history stays."""
    require_edit(actor)
    site = get_for_change(Site, site_id, also_retired=True)
    now = clock.now()
    with transaction.atomic():
        Site.objects.filter(pk=site.pk, retired_at=None).update(retired_at=now)
        Asset.objects.filter(site=site, retired_at=None).update(retired_at=now)
        Point.objects.filter(asset__site=site, retired_at=None).update(retired_at=now)
        announce_points()


def create_asset(
    *,
    site_id: int,
    level: str,
    name: str,
    parent_id: int | None = None,
    profile: str = "",
    with_points: bool = False,
    names: dict[str, str] | None = None,
    actor: Actor | None = None,
) -> Asset:
    """Make an area, a line or a machine at the end of its row; ``with_points`` adds the points of its profile."""
    require_edit(actor)
    site = get(Site, site_id)
    parent = None if parent_id is None else get(Asset, parent_id)
    _check_place(level=level, site=site, parent=parent)
    _check_profile(profile, level)
    with transaction.atomic():
        siblings = Asset.objects.filter(site=site, parent=parent).count()
        asset = Asset(
            site=site,
            parent=parent,
            level=level,
            name=name,
            names=names or {},
            profile=profile,
            position=siblings,
        )
        # With its path from the first: whoever is limited to a branch may add nothing outside it.
        asset.pk = _take_id()
        asset.path = _path_under(site, parent, asset)
        save(
            asset,
            taken=_PLACE_TAKEN,
            is_new=True,
        )
        if with_points and profile:
            create_points_of_profile(asset_id=asset.pk)
    return asset


def update_asset(*, asset_id: int, actor: Actor | None = None, **changes: Any) -> Asset:
    """Rename an asset, change its place in the row or its profile."""
    require_edit(actor)
    asset = get_for_change(Asset, asset_id)
    change(asset, changes, _ASSET_FIELDS)
    _check_profile(asset.profile, asset.level)
    return save(
        asset,
        taken=_PLACE_TAKEN,
    )


def move_asset(
    *, asset_id: int, parent_id: int | None, site_id: int | None = None, actor: Actor | None = None
) -> Asset:
    """Hang an asset, with everything beneath it, elsewhere; rewrites the paths of the branch in one statement."""
    require_edit(actor)
    asset = get_for_change(Asset, asset_id)
    parent = None if parent_id is None else get(Asset, parent_id)
    site = parent.site if parent else get(Site, site_id or asset.site_id)
    if parent is not None and parent.path.startswith(asset.path):
        raise invalid({"parent": [_("An asset cannot hang beneath itself.")]})
    _check_place(level=asset.level, site=site, parent=parent)
    with transaction.atomic():
        old = asset.path
        asset.parent, asset.site = parent, site
        save(
            asset,
            taken=_PLACE_TAKEN,
        )
        new = _path_under(site, parent, asset)
        branch = Asset.objects.filter(path__startswith=old)
        branch.update(path=Concat(Value(new), Substr(F("path"), len(old) + 1)), site=site)
        rewrite_branches(old=old, new=new)
        announce_points()
    asset.refresh_from_db()
    return asset


def retire_asset(*, asset_id: int, actor: Actor | None = None) -> None:
    """Take an asset out of use with all beneath it and its points; its history stays."""
    require_edit(actor)
    asset = get_for_change(Asset, asset_id, also_retired=True)
    now = clock.now()
    with transaction.atomic():
        Asset.objects.filter(path__startswith=asset.path, retired_at=None).update(retired_at=now)
        Point.objects.filter(asset__path__startswith=asset.path, retired_at=None).update(retired_at=now)
        announce_points()


def _take_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('assets_asset', 'id'))")
        return int(cursor.fetchone()[0])


def _path_under(site: Site, parent: Asset | None, asset: Asset) -> str:
    return f"{parent.path if parent else f'/{site.pk}/'}{asset.pk}/"


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of zones, such as Asia
        raise invalid(
            {"zone": [_("There is no time zone of this name; choose one such as Asia/Shanghai.")]}
        ) from None


def _check_profile(profile: str, level: str) -> None:
    if not profile:
        return
    if level != AssetLevel.WORK_UNIT:
        raise invalid({"profile": [_("Only a machine has a device profile.")]})
    if profile not in PROFILES:
        known = ", ".join(PROFILES)
        raise invalid(
            {
                "profile": [
                    _("There is no device profile of this name; there are: %(known)s.") % {"known": known}
                ]
            }
        )


def _check_place(*, level: str, site: Site, parent: Asset | None) -> None:
    """ISA-95: areas beneath the site, lines beneath an area or the site, machines beneath any of them."""
    if level not in AssetLevel.values:
        raise invalid({"level": [_("This must be one of: area, line, work_unit.")]})
    if parent is None:
        return
    if parent.site_id != site.pk:
        raise invalid({"parent": [_("This belongs to another plant.")]})
    if parent.retired_at is not None:
        raise invalid({"parent": [_("This is out of use.")]})
    if _ORDER.index(AssetLevel(parent.level)) >= _ORDER.index(AssetLevel(level)):
        raise invalid(
            {
                "parent": [
                    _("An area holds lines and machines, a line holds machines, a machine holds neither.")
                ]
            }
        )

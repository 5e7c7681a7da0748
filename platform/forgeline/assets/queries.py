"""Reads of the plant: the tree of a site in two queries, points and devices by what names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from forgeline.assets.calendar import PlantCalendar, SpecialDay
from forgeline.assets.models import Asset, CalendarDay, Device, DeviceCredential, Point, Shift, Site
from forgeline.base.errors import NotFoundError
from forgeline.identity.branches import BranchFacts

Row = TypeVar("Row", bound=Model)


@dataclass(slots=True)
class Branch:
    """An asset with what hangs beneath it, in order."""

    asset: Asset
    children: list[Branch] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)


def list_sites() -> QuerySet[Site]:
    """Return the plants in use, by name."""
    return Site.objects.filter(retired_at=None).order_by("name")


def read_home_zone() -> str:
    """Return the time zone of the company's first plant, for times that belong to none; UTC without a plant."""
    return list_sites().values_list("zone", flat=True).first() or "UTC"


def list_assets(*, site_id: int | None = None) -> QuerySet[Asset]:
    """Return the assets in use, by place."""
    rows = Asset.objects.filter(retired_at=None).order_by("position", "name")
    return rows if site_id is None else rows.filter(site_id=site_id)


def list_points(*, asset_id: int | None = None) -> QuerySet[Point]:
    """Return the points in use, by machine and place."""
    rows = Point.objects.filter(retired_at=None).order_by("asset_id", "position", "key")
    return rows if asset_id is None else rows.filter(asset_id=asset_id)


def list_devices() -> QuerySet[Device]:
    """Return the devices in use, by name."""
    return Device.objects.filter(retired_at=None).order_by("name")


def list_credentials(*, device_ids: Sequence[int]) -> QuerySet[DeviceCredential]:
    """Return the live credentials of devices, the oldest first."""
    return DeviceCredential.objects.filter(device_id__in=device_ids, revoked_at=None).order_by("created_at")


def list_shifts(site: Site) -> QuerySet[Shift]:
    """Return the plant's shifts, those of the past included, by their begin."""
    return Shift.objects.filter(site=site).order_by("starts_at", "valid_from", "pk")


def list_special_days(site: Site) -> QuerySet[CalendarDay]:
    """Return the days that do not follow their weekday, the earliest first."""
    return CalendarDay.objects.filter(site=site).order_by("on")


def read_calendar(site: Site) -> PlantCalendar:
    """Return a plant's calendar, in two queries."""
    shifts = [row.rule for row in list_shifts(site)]
    days = {row.on: SpecialDay(row.is_working, row.name) for row in list_special_days(site)}
    return PlantCalendar(site.zone, site.day_starts_at, shifts, days)


def get_site(site_id: int) -> Site:
    """Return a plant. **Raises** NotFoundError."""
    return _get(Site.objects.filter(pk=site_id))


def get_asset(asset_id: int) -> Asset:
    """Return an asset with its site and parent. **Raises** NotFoundError."""
    return _get(Asset.objects.select_related("site", "parent", "parent__parent").filter(pk=asset_id))


def get_point(point_id: int) -> Point:
    """Return a point with its machine and plant. **Raises** NotFoundError."""
    return _get(Point.objects.select_related("asset__site").filter(pk=point_id))


def get_device(device_id: int) -> Device:
    """Return a device. **Raises** NotFoundError."""
    return _get(Device.objects.filter(pk=device_id))


def read_tree(site_id: int, *, with_points: bool = False) -> list[Branch]:
    """Return the branches of a site's tree, top level first, in one query (two with points)."""
    branches = {asset.pk: Branch(asset) for asset in list_assets(site_id=site_id)}
    roots: list[Branch] = []
    for branch in branches.values():
        parent = branches.get(branch.asset.parent_id or 0)
        (parent.children if parent else roots).append(branch)
    if with_points:
        for point in list_points().filter(asset_id__in=list(branches)):
            branches[point.asset_id].points.append(point)
    return roots


def list_branch_facts() -> list[BranchFacts]:
    """Return plants and their assets in the order of the tree: what a grant can be limited to. Two queries."""
    facts: list[BranchFacts] = []
    children: dict[tuple[int, int | None], list[Asset]] = {}
    for asset in list_assets():
        children.setdefault((asset.site_id, asset.parent_id), []).append(asset)

    def walk(site_id: int, parent_id: int | None, depth: int) -> None:
        for asset in children.get((site_id, parent_id), []):
            facts.append(BranchFacts(asset.path, asset.title, depth))
            walk(site_id, asset.pk, depth + 1)

    for site in list_sites():
        facts.append(BranchFacts(f"/{site.pk}/", site.title, 0))
        walk(site.pk, None, 1)
    return facts


def find_point_ids(*, asset_id: int, keys: Sequence[str]) -> dict[str, int]:
    """Return key → id of a machine's points in use."""
    return dict(list_points(asset_id=asset_id).filter(key__in=list(keys)).values_list("key", "pk"))


def is_asset_visible(asset_id: int) -> bool:
    """Say whether the tenant in scope has this asset."""
    return Asset.objects.filter(pk=asset_id).exists()


def is_point_visible(point_id: int) -> bool:
    """Say whether the actor in scope has this point."""
    return Point.objects.filter(pk=point_id).exists()


def _get(rows: QuerySet[Row]) -> Row:
    row = rows.first()
    if row is None:
        raise NotFoundError(_("There is nothing here that you may see."))
    return row

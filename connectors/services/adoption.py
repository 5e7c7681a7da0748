"""A waiting device and its values become a device, points and bindings. Not here: how they came to wait (waiting)."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from connectors.models import BROKER_KIND, Binding, WaitingDevice, WaitingKey
from connectors.services.changing import note_change, require_edit
from forgeline.assets import services as assets
from forgeline.assets.models import Asset, Device, Point, Site
from forgeline.assets.models.place import AssetLevel
from forgeline.assets.models.point import Kind
from forgeline.base import clock
from forgeline.base.errors import ConflictError, NotFoundError
from forgeline.identity.policy import Actor


def adopt_device(
    *,
    waiting_device_id: int,
    asset_id: int | None = None,
    name: str = "",
    keys: Sequence[str] | None = None,
    actor: Actor | None = None,
) -> list[Binding]:
    """Make points of a waiting device's values (of all of them, or of ``keys``); return address → point.

    The machine is ``asset_id``, else the device's own, else a new one with the device's name in the first plant. A
    point of that key which the machine has already is taken instead of a new one. At the platform's own broker a
    point is found by its device, so that the bindings returned are told but not stored.
    **Raises** NotFoundError; ConflictError where there is no plant yet.
    """
    require_edit(actor)
    with transaction.atomic():
        waiting = _lock(waiting_device_id)
        rows = waiting.keys.order_by("key")
        if keys is not None:
            rows = rows.filter(key__in=list(keys))
        bindings = adopt_keys(waiting, list(rows), asset_id=asset_id, name=name)
        if not waiting.keys.exists():
            waiting.delete()
    return bindings


def adopt_keys(
    waiting: WaitingDevice, rows: Sequence[WaitingKey], *, asset_id: int | None = None, name: str = ""
) -> list[Binding]:
    """Make points of some values of a waiting device and take them off the list. Call inside a transaction."""
    if not rows:
        return []
    device = _device_of(waiting, name)
    asset = _asset_of(device, asset_id)
    is_broker = waiting.connection.kind == BROKER_KIND
    bindings = []
    for row in rows:
        point = _point_for(row, asset, device)
        binding = Binding(connection=waiting.connection, address=row.address, point=point)
        if not is_broker:
            binding, _made = Binding.objects.update_or_create(
                connection=waiting.connection, address=row.address, defaults={"point": point}
            )
        bindings.append(binding)
    WaitingKey.objects.filter(pk__in=[row.pk for row in rows]).delete()
    note_change(waiting.connection_id)
    return bindings


def ignore_waiting_device(*, waiting_device_id: int, actor: Actor | None = None) -> None:
    """Take a device off the list; it stays off, whatever it sends."""
    require_edit(actor)
    _lock(waiting_device_id)
    WaitingDevice.objects.filter(pk=waiting_device_id).update(ignored_at=clock.now())


def _lock(waiting_device_id: int) -> WaitingDevice:
    found: WaitingDevice | None = (
        WaitingDevice.objects.select_for_update(of=("self",))
        .select_related("connection", "device")
        .filter(pk=waiting_device_id)
        .first()
    )
    if found is None:
        raise NotFoundError(_("There is no such waiting device."))
    return found


def _device_of(waiting: WaitingDevice, name: str) -> Device:
    device: Device | None = waiting.device
    if device is None:
        device = Device.objects.filter(key=waiting.key[:160]).first()
    if device is None:
        key = waiting.key[:160]
        device = assets.create_device(name=name or _short(key), key=key)
    if waiting.device_id != device.pk:
        waiting.device = device
        waiting.save(update_fields=["device"])
    return device


def _asset_of(device: Device, asset_id: int | None) -> Asset:
    if asset_id is None and device.asset_id is not None:
        asset_id = device.asset_id
    if asset_id is None:
        site = Site.objects.filter(retired_at=None).order_by("id").first()
        if site is None:
            raise ConflictError(
                _("There is no plant yet that the device could belong to; make one first."),
                key="connectors.no_plant",
            )
        asset_id = _machine_named(device.name, site).pk
    if device.asset_id != asset_id:
        assets.update_device(device_id=device.pk, asset_id=asset_id)
        device.refresh_from_db()
    asset: Asset | None = device.asset
    assert asset is not None
    return asset


def _machine_named(name: str, site: Site) -> Asset:
    found: Asset | None = Asset.objects.filter(
        site=site, level=AssetLevel.WORK_UNIT, name=name, retired_at=None
    ).first()
    return found or assets.create_asset(site_id=site.pk, level=AssetLevel.WORK_UNIT, name=name)


def _point_for(row: WaitingKey, asset: Asset, device: Device) -> Point:
    key = row.key[:120]
    point: Point | None = Point.objects.filter(asset=asset, key=key, retired_at=None).first()
    if point is not None:
        if point.device_id is None:
            point = assets.update_point(point_id=point.pk, device_id=device.pk)
        return point
    kind = Kind.TEXT if row.is_text else Kind.BOOLEAN if row.is_boolean else Kind.GAUGE
    return assets.create_point(asset_id=asset.pk, key=key, name=key, device_id=device.pk, kind=kind)


def _short(key: str) -> str:
    """``plant/hall2/press1`` → ``press1``: a topic's last level is what people call a device."""
    return key.rstrip("/").rpartition("/")[2][:120] or key[:120]

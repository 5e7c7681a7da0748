"""Writes about devices and their credentials at the platform's own broker."""

from __future__ import annotations

import secrets
from typing import Any

from django.utils.translation import gettext_lazy

from forgeline.assets.models import Asset, Device, DeviceCredential, Point
from forgeline.assets.services.announcing import announce_points
from forgeline.assets.services.saving import change, get, require_edit, save
from forgeline.base import clock
from forgeline.base.mqtt_password import hash_password
from forgeline.entitlements.rights import require_room
from forgeline.identity.policy import Actor
from forgeline.identity.services import draw_letters

_FIELDS = frozenset({"name", "asset_id"})
_TAKEN = gettext_lazy("There is a device with this key, or was: one that is out of use keeps its own.")


def create_device(*, name: str, key: str, asset_id: int | None = None, actor: Actor | None = None) -> Device:
    """Make a device; ``key`` is how its source names it."""
    require_edit(actor)
    if asset_id is not None:
        get(Asset, asset_id)
    require_room("devices", Device.objects.filter(retired_at=None).count)
    return save(
        Device(name=name or key, key=key, asset_id=asset_id),
        taken=_TAKEN,
    )


def update_device(*, device_id: int, actor: Actor | None = None, **changes: Any) -> Device:
    """Rename a device or hang it at another machine."""
    require_edit(actor)
    device = get(Device, device_id)
    change(device, changes, _FIELDS)
    if changes.get("asset_id") is not None:
        get(Asset, changes["asset_id"])
    return save(device, taken=_TAKEN)


def retire_device(*, device_id: int, actor: Actor | None = None) -> None:
    """Take a device out of use: its credentials end, its points stay with their history."""
    require_edit(actor)
    device = get(Device, device_id, also_retired=True)
    now = clock.now()
    Device.objects.filter(pk=device.pk, retired_at=None).update(retired_at=now)
    DeviceCredential.objects.filter(device=device, revoked_at=None).update(revoked_at=now)
    Point.objects.filter(device=device).update(device=None)
    announce_points()


def create_credential(*, device_id: int, actor: Actor | None = None) -> tuple[DeviceCredential, str]:
    """Make a user and a password for a device; the password is returned once and cannot be read again."""
    require_edit(actor)
    device = get(Device, device_id)
    password = secrets.token_urlsafe(18)
    username = "d" + draw_letters(10)
    row = DeviceCredential(device=device, username=username, password_hash=hash_password(password))
    return save(row, taken="A random name was drawn twice; try again."), password


def revoke_credential(*, credential_id: int, actor: Actor | None = None) -> None:
    """End a credential; the broker cuts its connection within five seconds."""
    require_edit(actor)
    credential = get(DeviceCredential, credential_id)
    DeviceCredential.objects.filter(pk=credential.pk, revoked_at=None).update(revoked_at=clock.now())

"""The waiting list: what nobody has asked for is written down, and adopted at once where the tenant says so.

Not here: how a reading comes to be unknown (runtime/unknown), what adoption makes (services/adoption).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from connectors.models import Connection, WaitingDevice, WaitingKey
from connectors.runtime.addresses import split_address
from connectors.runtime.unknown import Sighting
from connectors.services import adopt_keys
from forgeline.base.clock import from_us
from forgeline.base.errors import ForgelineError
from forgeline.tenancy.models import Tenant
from forgeline.tenancy.scoping import tenant_scope

MOST_DEVICES = 1_000
"""Of one connection; what comes beyond is refused and counted like the rest, but not listed."""
MOST_KEYS = 1_000
"""Of one device."""


def record_sightings(
    *,
    tenant_id: int,
    connection_id: int,
    sightings: Iterable[Sighting],
    device_ids: Mapping[str, int] | None = None,
) -> list[WaitingDevice]:
    """Write down what was seen at unknown addresses; return the waiting devices that were touched.

    ``device_ids`` names the devices that are known by their credential.
    """
    grouped: dict[str, list[tuple[str, Sighting]]] = {}
    for sighting in sightings:
        device, key = split_address(sighting.address)
        # Lists and objects are no values: nobody could adopt them.
        if key and not isinstance(sighting.sample, list | dict) and "\x00" not in sighting.address:
            grouped.setdefault(device[:300], []).append((key, sighting))
    touched: list[WaitingDevice] = []
    with tenant_scope(tenant_id):
        connection = Connection.objects.filter(pk=connection_id).first()
        if connection is None:
            return []
        room = MOST_DEVICES - WaitingDevice.objects.filter(connection=connection).count()
        for device, seen in grouped.items():
            waiting = _find_or_make(
                connection, device, seen, (device_ids or {}).get(device), may_make=room > 0
            )
            if waiting is None:
                continue
            room -= 1
            touched.append(waiting)
            if waiting.ignored_at is None:
                _record_keys(waiting, seen)
    return touched


def _find_or_make(
    connection: Connection,
    key: str,
    seen: list[tuple[str, Sighting]],
    device_id: int | None,
    *,
    may_make: bool,
) -> WaitingDevice | None:
    last = max(from_us(sighting.last_us) for _key, sighting in seen)
    found: WaitingDevice | None = WaitingDevice.objects.filter(connection=connection, key=key).first()
    if found is not None:
        WaitingDevice.objects.filter(pk=found.pk).update(last_seen_at=last)
        return found
    if not may_make:
        return None
    first = min(from_us(sighting.first_us) for _key, sighting in seen)
    made, _is_new = WaitingDevice.objects.get_or_create(
        connection=connection,
        key=key,
        defaults={"device_id": device_id, "first_seen_at": first, "last_seen_at": last},
    )
    return made


def _record_keys(waiting: WaitingDevice, seen: list[tuple[str, Sighting]]) -> None:
    known = {row.key: row for row in waiting.keys.all()}
    fresh: list[WaitingKey] = []
    for key, sighting in seen:
        facts = _facts(sighting)
        row = known.get(key[:200])
        if row is not None:
            row.count += sighting.count
            for name, value in facts.items():
                setattr(row, name, value)
            row.save(update_fields=["count", *facts])
        elif len(known) + len(fresh) < MOST_KEYS:
            fresh.append(
                WaitingKey(
                    waiting_device=waiting, key=key[:200], address=sighting.address[:400], count=sighting.count,
                    first_seen_at=from_us(sighting.first_us), **facts,
                )
            )  # fmt: skip
    WaitingKey.objects.bulk_create(fresh, ignore_conflicts=True)


def _facts(sighting: Sighting) -> dict[str, Any]:
    sample = sighting.sample
    text = "" if sample is None else str(sample)[:120].replace("\x00", "")
    last_seen_at: datetime = from_us(sighting.last_us)
    return {
        "sample": text.encode("utf-8", "replace").decode(),
        "is_text": isinstance(sample, str) and not _is_number(sample),
        "is_boolean": isinstance(sample, bool),
        "last_seen_at": last_seen_at,
    }


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def adopts_unknown(tenant_id: int) -> bool:
    """Tell whether the tenant wants new devices and keys without being asked."""
    with tenant_scope(tenant_id):
        return bool(Tenant.objects.filter(pk=tenant_id, adopts_unknown=True).exists())


def adopt_at_once(tenant_id: int, waiting: Iterable[WaitingDevice]) -> list[str]:
    """Adopt waiting devices with all of their values; return what could not be adopted, in sentences."""
    faults = []
    for each in waiting:
        try:
            with tenant_scope(tenant_id), transaction.atomic():
                row = WaitingDevice.objects.select_related("connection", "device").filter(pk=each.pk).first()
                if row is not None and row.ignored_at is None:
                    adopt_keys(row, list(row.keys.order_by("key")))
                    row.delete()
        except ForgelineError as error:
            faults.append(_("%(what)s: %(words)s") % {"what": each.key, "words": error})
    return faults

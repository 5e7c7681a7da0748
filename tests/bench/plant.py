"""A plant to measure on: a company, machines with points, and a device with a credential for each machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forgeline.assets import services
from forgeline.assets.models import Asset, Point, Site
from forgeline.assets.models.place import AssetLevel
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company, make_company


@dataclass(frozen=True, slots=True)
class BenchPlant:
    """What was made; ``point_ids`` in the order machine by machine, key by key."""

    company: Company
    asset_ids: list[int]
    point_ids: NDArray[np.int32]
    keys: list[str]
    credentials: list[tuple[str, str]]
    """User and password of each machine's device, in the order of the machines."""

    def fleet_devices(self) -> list[dict[str, object]]:
        """Return the devices as simulators.mqtt_fleet wants them."""
        return [
            {"username": user, "password": word, "topic": f"t/{user}", "keys": self.keys}
            for user, word in self.credentials
        ]


def make_plant(*, machines: int, points: int, interval_s: float = 1.0, name: str = "bench") -> BenchPlant:
    """Make ``machines`` machines of ``points`` points each, all told by the machine's own device."""
    company = make_company(f"{name} works", name, f"{name}@example.com", f"look-{name}@example.com")
    keys = [f"v{number}" for number in range(points)]
    with tenant_scope(company.tenant_id):
        site = Site.objects.create(name="Bench", zone="Asia/Shanghai")
        assets, rows, credentials = [], [], []
        for number in range(machines):
            asset = Asset.objects.create(
                site=site, level=AssetLevel.WORK_UNIT, name=f"M{number}", path=f"/{number}/"
            )
            device = services.create_device(name=f"D{number}", key=f"device-{number}", asset_id=asset.pk)
            credential, password = services.create_credential(device_id=device.pk)
            credentials.append((credential.username, password))
            assets.append(asset)
            rows += [
                Point(
                    asset=asset, device=device, key=key, name=key, unit="kW", expected_interval_s=interval_s
                )
                for key in keys
            ]
        made = Point.objects.bulk_create(rows)
    ids = np.array([row.pk for row in made], np.int32)
    return BenchPlant(company, [asset.pk for asset in assets], ids, keys, credentials)

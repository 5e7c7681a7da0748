"""A plant to measure on: a company, machines, points, and a device with a credential for each machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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


def make_plant(*, machines: int, points: int, interval_s: float = 1.0) -> BenchPlant:
    """Make ``machines`` machines of ``points`` points each."""
    company = make_company("Bench works", "bench", "bench@example.com", "look@example.com")
    keys = [f"v{number}" for number in range(points)]
    with tenant_scope(company.tenant_id):
        site = Site.objects.create(name="Bench", zone="Asia/Shanghai")
        assets = [
            Asset.objects.create(site=site, level=AssetLevel.WORK_UNIT, name=f"M{number}", path=f"/{number}/")
            for number in range(machines)
        ]
        rows = Point.objects.bulk_create(
            Point(asset=asset, key=key, name=key, unit="kW", expected_interval_s=interval_s)
            for asset in assets
            for key in keys
        )
    return BenchPlant(
        company, [asset.pk for asset in assets], np.array([row.pk for row in rows], np.int32), keys
    )

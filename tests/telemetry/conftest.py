"""A plant with points, and an ingest whose clock stands still unless a test moves it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from forgeline.telemetry import ingest
from forgeline.telemetry.engines.connection import store_connection
from forgeline.telemetry.keeper import Keeper


@pytest.fixture
def quiet_ingest(live_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ingest without its thread: the test says when to flush, and by which clock."""
    ingest.reset()
    monkeypatch.setattr(Keeper, "start", lambda self: None)
    yield
    ingest.reset()


def wait_for_followers() -> None:
    """Wait until followers may read what was committed: a writing transaction of another test worker, on the same
    server, holds them back until it ends; on a slow machine the longest of them takes two minutes.
    """
    deadline = time.monotonic() + 180
    statement = (
        "SELECT bool_and(xid < pg_snapshot_xmin(pg_current_snapshot())) IS NOT FALSE FROM telemetry_commit"
    )
    while time.monotonic() < deadline:
        with store_connection() as connection:
            if connection.execute(statement).fetchone()[0]:
                return
        time.sleep(0.02)
    raise TimeoutError("a transaction has been open for three minutes")


@dataclass(frozen=True, slots=True)
class Plant:
    """A tenant's plant with one machine."""

    tenant_id: int
    site: Any
    machine: Any

    def add_point(self, key: str, **fields: Any) -> int:
        """Make a point and return its id."""
        from forgeline.assets.models import Point
        from forgeline.tenancy.scoping import tenant_scope

        with tenant_scope(self.tenant_id):
            point = Point.objects.create(asset=self.machine, key=key, name=key, **fields)
        return int(point.pk)


def make_plant(name: str, *, zone: str = "Europe/Berlin") -> Plant:
    """Make a tenant with a site and a machine."""
    from forgeline.assets.models import Asset, Site
    from forgeline.identity.services import create_tenant
    from forgeline.tenancy.scoping import tenant_scope

    tenant = create_tenant(name=name, slug=name.lower())
    with tenant_scope(tenant.pk):
        site = Site.objects.create(name=f"{name} plant", zone=zone)
        machine = Asset.objects.create(site=site, level="work_unit", name="Press 1", path="/")
    return Plant(tenant.pk, site, machine)


@pytest.fixture
def plant(quiet_ingest: None) -> Plant:
    """Alice's plant in Berlin."""
    return make_plant("Alice")


@pytest.fixture
def foreign_plant(quiet_ingest: None) -> Plant:
    """Charlie's plant, next door."""
    return make_plant("Charlie")

"""A plant to bind to, and a real OPC UA server to ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from connectors.models import Connection
from forgeline.assets import services as plant
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.connectors.opcua.conftest import Plant, make_plant

__all__ = ["make_plant"]


@dataclass(frozen=True, slots=True)
class Floor:
    """A company with one machine."""

    company: Company
    asset_id: int

    def client(self, key: str | None = None) -> Client:
        return Client(headers={"Authorization": f"Bearer {key or self.company.manager_key}"})


@pytest.fixture
def floor(company: Company) -> Floor:
    with tenant_scope(company.tenant_id):
        site = plant.create_site(name="Works")
        machine = plant.create_asset(site_id=site.pk, level="work_unit", name="Press 1")
    return Floor(company, machine.pk)


@pytest.fixture
def make_connection(floor: Floor) -> Callable[..., Connection]:
    """Store a connection of Alice's company."""

    def make(**options: Any) -> Connection:
        from connectors import services

        with tenant_scope(floor.company.tenant_id):
            return services.create_connection(
                kind="opcua", name="Press line", options={"endpoint": "opc.tcp://127.0.0.1:1/x", **options}
            )

    return make


__all__ += ["Plant"]

"""Clients of the API as programs use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from forgeline.telemetry import ingest


def subclasses_of(kind: type) -> Iterator[type]:
    """Yield every class that has been derived from one, at whatever depth."""
    for each in kind.__subclasses__():
        yield each
        yield from subclasses_of(each)


@pytest.fixture
def fresh_ingest(live_db: None) -> Iterator[None]:
    """A posted sample starts the store's keeper; each test has its own."""
    ingest.reset()
    yield
    ingest.reset()


@pytest.fixture
def client_of() -> Callable[[str], APIClient]:
    """``client_of(key)`` → a client that sends this API key."""

    def _client_of(key: str) -> APIClient:
        client = APIClient(headers={"Authorization": f"Bearer {key}"} if key else {})
        client.raise_request_exception = False
        return client

    return _client_of


def make_machine(client: APIClient, name: str = "Press 1", profile: str = "press") -> dict[str, Any]:
    """Make a plant, an area, a line and a machine with the points of its profile, over REST."""
    plant = client.post(
        "/api/v1/plants/", {"name": f"Works of {name}", "zone": "Asia/Shanghai"}, format="json"
    ).json()
    parent = None
    for level, title in (("area", "Hall"), ("line", "Line")):
        body = {"plant": plant["id"], "parent": parent, "level": level, "name": title}
        parent = client.post("/api/v1/assets/", body, format="json").json()["id"]
    body = {
        "plant": plant["id"], "parent": parent, "level": "work_unit", "name": name,
        "profile": profile, "with_points": True,
    }  # fmt: skip
    machine = client.post("/api/v1/assets/", body, format="json").json()
    points = client.get(f"/api/v1/points/?asset={machine['id']}").json()["results"]
    return {"plant": plant, "machine": machine, "points": {point["key"]: point for point in points}}

"""The examples of the API's description run: each is taken, once its ids are those of one's own things."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from forgeline.conf import examples
from forgeline.telemetry import ingest
from tests.api.world import World, make_world
from tests.conftest import Company

ClientOf = Callable[[str], APIClient]


@pytest.fixture(autouse=True)
def _fresh_ingest(live_db: None) -> Iterator[None]:
    ingest.reset()
    yield
    ingest.reset()


@pytest.fixture
def client(live_company: Company, client_of: ClientOf) -> APIClient:
    return client_of(live_company.manager_key)


@pytest.fixture
def world(live_company: Company, client: APIClient) -> World:
    return make_world(live_company, client)


def own(example: Any, world: World) -> Any:
    """The example with ids that exist."""
    ids = {
        "plant": world.plant, "asset": world.machine, "point": world.point, "alarms": [world.alarm],
        "id": world.point,
    }  # fmt: skip
    if isinstance(example, list):
        return [own(each, world) for each in example]
    if not isinstance(example, dict):
        return example
    changed = {}
    for name, value in example.items():
        if name in ids and isinstance(value, int):
            changed[name] = ids[name]
        elif name == "point" and isinstance(value, list):
            changed[name] = [world.point] * len(value)
        elif name == "alarms":
            changed[name] = ids[name]
        else:
            changed[name] = own(value, world)
    return changed


def test_every_example_of_a_body_is_taken(client: APIClient, world: World) -> None:
    # The rules speak of a point that the machine has then.
    names = sorted(examples.BODIES, key=lambda name: name != "POST /points/")
    for name in names:
        method, path = name.split()
        address = "/api/v1" + path.replace("{id}", str(world.point))
        if name == "POST /alarm-trials/":
            # A rule is tried on what was stored.
            oil = client.get(f"/api/v1/points/?asset={world.machine}&key=oil_pressure").json()["results"][0][
                "id"
            ]
            sample = {"point": [oil], "ts": [None], "value": [4.0]}
            assert client.post("/api/v1/samples/", sample, format="json").status_code == 200
        answer = getattr(client, method.lower())(address, own(examples.BODIES[name], world), format="json")
        assert answer.status_code in {200, 201, 202}, (name, answer.status_code, answer.content)


def test_every_example_of_a_question_is_answered(client: APIClient, world: World) -> None:
    for name, query in examples.QUERIES.items():
        asked = {
            key: str(world.point) if key == "point" else world.machine if key == "asset" else value
            for key, value in query.items()
        }
        answer = client.get("/api/v1" + name.split()[1], asked)
        assert answer.status_code == 200, (name, answer.content)

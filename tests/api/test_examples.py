"""The examples of the API's description run: each is taken, once its ids are those of one's own things."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from forgeline.conf import examples
from forgeline.identity.services import create_tenant
from forgeline.tenancy.scoping import tenant_scope
from forgeline.webhooks.models import Endpoint
from tests.api.world import OPERATIONS, World, describe_api, make_world, put_back
from tests.api.world_rows import send_file
from tests.conftest import Company, name_kind

ClientOf = Callable[[str], APIClient]


pytestmark = pytest.mark.usefixtures("fresh_ingest")


@pytest.fixture
def client(live_company: Company, client_of: ClientOf) -> APIClient:
    return client_of(live_company.manager_key)


@pytest.fixture
def world(live_company: Company, client: APIClient) -> World:
    return make_world(live_company, client)


PEOPLES_OWN = {"POST /bell/read/", "PUT /preferences/"}
OWNERS_ALONE = {"PUT /sso/", "POST /sso/check/", "POST /company-erasure/"}
"""Refused to whoever is no owner in person; tests/sso and tests/transfer try them with a provider and a company."""


def own(example: Any, world: World, name: str) -> Any:
    """The example with ids that exist; ``name``: of the operation."""
    checks = world.health.route_item if "/inspections/" in name else world.health.check_item
    ids = {
        "plant": world.plant, "asset": world.machine, "point": world.point, "user": world.person,
        "roster": world.roster, "upload": world.upload, "part": world.health.part, "use": world.health.part_use,
        "item": checks, "invoice": world.invoice, "thing": f"webhooks:{world.webhook}",
    }  # fmt: skip
    lists = {"alarms": [world.alarm], "points": [world.point]}
    if isinstance(example, list):
        return [own(each, world, name) for each in example]
    if not isinstance(example, dict):
        return example
    changed = {}
    for field, value in example.items():
        if field in ids and isinstance(value, list):
            changed[field] = [ids[field]] * len(value)
        elif field == "thing" or (field in ids and isinstance(value, int)):
            changed[field] = ids[field]
        else:
            changed[field] = lists[field] if field in lists else own(value, world, name)
    return changed


def test_every_body_has_an_example() -> None:
    takes = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for method, path in OPERATIONS
        if "application/json"
        in describe_api()["paths"][path][method].get("requestBody", {}).get("content", {})
    }
    assert takes - set(examples.BODIES) == set()
    assert set(examples.BODIES) - takes == set()


def test_every_example_of_a_body_is_taken(
    live_company: Company, operator: Company, client: APIClient, client_of: ClientOf, world: World,
    sign_in: Callable[[Any], Any],
) -> None:  # fmt: skip
    refused, faults = set(), []
    # The rules speak of a point that the machine has then, and are tried on what was stored.
    first = own(examples.BODIES["POST /points/"], world, "")
    oil = client.post("/api/v1/points/", first, format="json").json()["id"]
    sample = {"point": [oil], "ts": [None], "value": [4.0]}
    assert client.post("/api/v1/samples/", sample, format="json").status_code == 200
    maker = create_tenant(name="Machine makers", slug="machines").pk
    name_kind(maker, "partner")
    with tenant_scope(live_company.tenant_id):
        Endpoint.objects.filter(pk=world.webhook).update(partner_id=maker)
    assert client.post("/api/v1/plants/", examples.BODIES["POST /plants/"], format="json").status_code == 201
    told = send_file(client, f"point,time,value\n{world.point},2026-11-01T00:00:00Z,1\n")
    for name, body in examples.BODIES.items():
        if name in {"POST /points/", "POST /plants/"}:
            continue
        method, path = name.split()
        address, given = world.address("/api/v1" + path), own(body, world, name)
        if name == "POST /sample-imports/":
            given["upload"] = told
        if name.endswith("/trial/"):
            # The company has bought something; the operator's own has not.
            address = address.replace(f"/{world.tenant}/", f"/{operator.tenant_id}/")
        who = client_of(operator.manager_key) if "/operator/" in name else client
        if name in PEOPLES_OWN:
            who = sign_in(live_company.manager)
        with put_back():
            answer = getattr(who, method.lower())(address, json.dumps(given), content_type="application/json")
        if answer.status_code == 403:
            refused.add(name)
        elif answer.status_code not in {200, 201, 202, 204}:
            faults.append((name, answer.status_code, answer.content))
    assert not faults, "\n".join(map(str, faults))
    assert refused == OWNERS_ALONE


def test_every_example_of_a_question_is_answered(client: APIClient, world: World) -> None:
    for name, query in examples.QUERIES.items():
        asked = {
            key: str(world.point) if key == "point" else world.machine if key == "asset" else value
            for key, value in query.items()
        }
        answer = client.get("/api/v1" + name.split()[1], asked)
        assert answer.status_code == 200, (name, answer.content)

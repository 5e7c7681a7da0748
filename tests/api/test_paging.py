"""Pages of every list, in every order that it offers: each row once, forwards and backwards."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
from django.db.models import F
from rest_framework.test import APIClient

from apps.health.models import WorkOrder
from forgeline.assets.models import Device
from forgeline.tenancy.scoping import tenant_scope
from tests.api.conftest import make_machine
from tests.api.test_lists import ClientOf, _grow
from tests.api.world import FOR_THE_OPERATOR, describe_api
from tests.conftest import Company

ROWS = 11


@pytest.fixture
def grown(company: Company, client_of: ClientOf) -> APIClient:
    client = client_of(company.manager_key)
    made = make_machine(client)
    _grow(client, made["plant"]["id"], made["machine"]["id"], 0, ROWS)
    with tenant_scope(company.tenant_id):
        # Half without a date, the others with one that several share.
        WorkOrder.objects.update(due_at=None)
        WorkOrder.objects.filter(pk__in=WorkOrder.objects.order_by("pk").values("pk")[:7]).update(
            due_at=F("created_at")
        )
        due = WorkOrder.objects.exclude(due_at=None).latest("due_at").due_at
        WorkOrder.objects.filter(pk__in=WorkOrder.objects.order_by("pk").values("pk")[:4]).update(due_at=due)
        Device.objects.update(name="Meter")
    return client


def _orders() -> Iterator[tuple[str, str]]:
    """Every list with every order that it describes, and without one."""
    for path, operations in describe_api()["paths"].items():
        parameters = {each["name"]: each for each in operations.get("get", {}).get("parameters", [])}
        if "cursor" not in parameters or "{" in path or path.startswith(FOR_THE_OPERATOR):
            continue
        yield path, ""
        for word in parameters.get("ordering", {"schema": {"items": {"enum": []}}})["schema"]["items"][
            "enum"
        ]:
            yield path, word


def _walk(client: APIClient, address: str | None, way: str) -> list[list[Any]]:
    pages = []
    while address is not None:
        answer = client.get(address)
        assert answer.status_code == 200, (address, answer.content)
        pages.append([row["id"] for row in answer.json()["results"]])
        assert len(pages) < 100, address
        last, address = address, answer.json()[way]
    return [*pages, [last]] if way == "next" else pages


def test_each_row_is_on_one_page_in_every_order_and_direction(grown: APIClient) -> None:
    client, seen = grown, set()
    for path, word in _orders():
        query = f"ordering={word}&" if word else ""
        whole = client.get(f"{path}?{query}page_size=1000").json()["results"]
        if not whole or "id" not in whole[0]:
            continue
        ids = [row["id"] for row in whole]
        *pages, [last] = _walk(client, f"{path}?{query}page_size=5", "next")
        assert [*chain(*pages)] == ids, (path, word)
        back = _walk(client, last, "previous")
        assert [*chain(*reversed(back))] == ids, (path, word)
        seen.add(path)
    assert {"/api/v1/work-orders/", "/api/v1/devices/", "/api/v1/points/", "/api/v1/audit/"} <= seen


def test_a_cursor_that_is_none_is_said(company: Company, client_of: ClientOf) -> None:
    client = client_of(company.manager_key)
    for cursor in ("garbage", "cD1h", "", "W10", "WzAsImEiXQ", "WzAsbnVsbCwxXQ", "%00", "WzEse31d"):
        for path in ("points", "work-orders", "audit"):
            answer = client.get(f"/api/v1/{path}/?cursor={cursor}")
            assert answer.status_code == 400, (path, cursor, answer.content)
            assert "cursor" in answer.json()["data"]["fields"]


BY_HAND = (
    "[0,Infinity]", "[0,NaN]", "[0,-1e400]", "[" * 20_000 + "]" * 20_000, "[0," + "9" * 5_000 + "]",
    '[0,"a\\u0000"]', '[0,"\\ud800"]', '[0,"\\u0000",1]', '[0,"0001-01-01T00:00:00+14:00",1]',
    '[0,"9999-12-31T23:59:59-12:00",1]', "[0,1e30,1]", '[0,"a",Infinity]', "[0,null,Infinity]",
)  # fmt: skip


def test_a_cursor_that_was_written_by_hand_is_said(company: Company, client_of: ClientOf) -> None:
    client, refused = client_of(company.manager_key), 0
    for path in (
        "points/?",
        "points/?ordering=name",
        "work-orders/?",
        "work-orders/?ordering=due_at",
        "audit/?",
    ):
        for body in BY_HAND:
            cursor = base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")
            answer = client.get(f"/api/v1/{path}&cursor={cursor}")
            # What could be the place of a row is one, though no such row is there.
            assert answer.status_code in (200, 400), (path, body[:60], answer.content)
            if answer.status_code == 400:
                refused += 1
                assert "cursor" in answer.json()["data"]["fields"]
    assert refused > 40


def test_a_page_of_no_size_is_said(company: Company, client_of: ClientOf) -> None:
    for size in ("abc", "0", "-3", "1.5", "9" * 5_000):
        answer = client_of(company.manager_key).get(f"/api/v1/points/?page_size={size}")
        assert answer.status_code == 400
        assert "1 to 1000" in answer.json()["data"]["fields"]["page_size"][0]

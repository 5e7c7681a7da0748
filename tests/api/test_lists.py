"""Lists of the API: filters narrow them, and a longer list asks the database no more often."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.health.models import ModelVersion, Watch
from forgeline.assets.models import Asset, Point
from forgeline.base import clock
from forgeline.tenancy.scoping import tenant_scope
from tests.api.conftest import make_machine
from tests.api.world import FOR_THE_OPERATOR, describe_api
from tests.api.world_rows import make_alarm
from tests.conftest import Company

ClientOf = Callable[[str], APIClient]

BUDGET: dict[str, int] = json.loads((Path(__file__).parent / "query_budget.json").read_text())["lists"]
MORE_ROWS = 49


def _names(client: APIClient, query: str) -> set[str]:
    answer = client.get(f"/api/v1/assets/?{query}")
    assert answer.status_code == 200, answer.content
    return {row["name"] for row in answer.json()["results"]}


def test_assets_are_filtered_by_plant_parent_level_and_name(company: Company, client_of: ClientOf) -> None:
    client = client_of(company.manager_key)
    first, second = make_machine(client, "Press 1"), make_machine(client, "Press 2")
    assert _names(client, f"plant={first['plant']['id']}") == {"Hall", "Line", "Press 1"}
    parents = f"{first['machine']['parent']},{second['machine']['parent']}"
    assert _names(client, f"parent={parents}") == {"Press 1", "Press 2"}
    assert _names(client, "is_top=true") == _names(client, "is_top=1") == {"Hall"}
    assert client.get("/api/v1/assets/?is_top=maybe").status_code == 400
    assert _names(client, "level=work_unit") == {"Press 1", "Press 2"}
    assert _names(client, "name=Press 2") == {"Press 2"}


def test_every_list_is_searched_ordered_and_paged_alike() -> None:
    lists = 0
    for path, operations in describe_api()["paths"].items():
        names = {each["name"] for each in operations.get("get", {}).get("parameters", [])}
        if "cursor" in names:
            lists += 1
            assert names >= {"cursor", "page_size", "search", "ordering"}, path
    assert lists > 30


def test_a_list_refuses_what_it_does_not_know(company: Company, client_of: ClientOf) -> None:
    client = client_of(company.manager_key)
    for path, operations in describe_api()["paths"].items():
        names = {each["name"] for each in operations.get("get", {}).get("parameters", [])}
        if "cursor" not in names or "{" in path or path.startswith(FOR_THE_OPERATOR):
            continue
        answer = client.get(f"{path}?assets=3&page_size=5&search=press")
        assert answer.status_code == 400, path
        [sentence] = answer.json()["data"]["fields"]["assets"]
        assert "search" in sentence
        # A search answers, whatever the tables that it looks in.
        assert client.get(f"{path}?search=press%20a").status_code == 200, path


def test_alarms_and_their_journal_are_found_by_their_words(company: Company, client_of: ClientOf) -> None:
    client = client_of(company.manager_key)
    machine = make_machine(client, "Press 1")["machine"]["id"]
    alarm = make_alarm(company, machine)
    for path in ("alarms/?view=all&", "alarm-journal/?"):
        for word, found in (("zebra", 1), ("press", 1), ("zebra press", 1), ("lathe", 0), ("zebra lathe", 0)):
            rows = client.get(f"/api/v1/{path}search={word}").json()["results"]
            assert len(rows) == found, (path, word)
    assert client.get("/api/v1/alarms/?view=all&ordering=-severity").json()["results"][0]["id"] == alarm


def _grow(client: APIClient, plant_id: int, machine_id: int, first: int, count: int) -> None:
    """Add rows to every list."""
    for number in range(first, first + count):
        bodies = {
            "plants": {"name": f"Plant {number}", "zone": "Asia/Shanghai"},
            "assets": {"plant": plant_id, "level": "area", "name": f"Area {number}"},
            "devices": {"key": f"device-{number}", "asset": machine_id},
            "points": {"asset": machine_id, "key": f"extra_{number}"},
            "api-keys": {"name": f"key {number}", "role": "viewer"},
            "work-orders": {"asset": machine_id, "title": f"Fault {number}"},
            "spare-parts": {"plant": plant_id, "number": f"S-{number}", "name": "Seal"},
            "maintenance-plans": {
                "asset": machine_id,
                "name": f"Plan {number}",
                "trigger": "hours",
                "every": 100,
            },
            "inspection-routes": {
                "plant": plant_id,
                "name": f"Walk {number}",
                "items": [{"asset": machine_id, "text": "look"}],
            },
        }
        for name, body in bodies.items():
            answer = client.post(f"/api/v1/{name}/", body, format="json")
            assert answer.status_code == 201, (name, answer.content)


def _judge(company: Company, first: int, count: int) -> None:
    """Add rows that only the worker makes: an outlook a machine, versions of one model."""
    now = clock.now()
    with tenant_scope(company.tenant_id):
        point = Point.objects.order_by("pk").first()
        assert point is not None
        way = {
            "point": point.pk,
            "limit": 5.0,
            "level": "H",
            "is_upper": True,
            "reason": "no_trend",
            "data": {},
        }
        for asset in Asset.objects.order_by("pk")[first : first + count]:
            Watch.objects.create(asset=asset, trends=[way])
        for number in range(first, first + count):
            ModelVersion.objects.create(
                key="machine_pattern", asset_id=point.asset_id, number=number + 1, state="former", asked_by="x",
                asked_at=now,
            )  # fmt: skip


def _count_queries(client: APIClient, address: str) -> int:
    # What a process remembers for some seconds is asked for by the first, or by the second where they end just then.
    counts = []
    for _ in range(3):
        with CaptureQueriesContext(connection) as asked:
            assert client.get(address).status_code == 200
        counts.append(len(asked))
    return min(counts[1:])


@pytest.fixture
def measured(company: Company, client_of: ClientOf) -> dict[str, tuple[int, int]]:
    """Queries of each list when short and when long."""
    client = client_of(company.manager_key)
    made = make_machine(client)
    _grow(client, made["plant"]["id"], made["machine"]["id"], 0, 1)
    _judge(company, 0, 1)
    short = {name: _count_queries(client, f"/api/v1/{name}/") for name in BUDGET}
    _grow(client, made["plant"]["id"], made["machine"]["id"], 1, MORE_ROWS)
    _judge(company, 1, MORE_ROWS)
    return {name: (short[name], _count_queries(client, f"/api/v1/{name}/")) for name in BUDGET}


def test_queries_do_not_grow_with_rows_and_keep_to_the_budget(measured: dict[str, tuple[int, int]]) -> None:
    assert measured == {name: (number, number) for name, number in BUDGET.items()}


def test_start_of_the_production_day_is_kept_from_the_beginning(
    company: Company, client_of: ClientOf
) -> None:
    body = {"name": "Night works", "day_starts_at": "06:00:00"}
    made = client_of(company.manager_key).post("/api/v1/plants/", body, format="json")
    assert made.status_code == 201, made.content
    assert made.json()["day_starts_at"] == "06:00:00"

"""Routes and passes: one at a time, each stop saved by itself, exactly one order a failed stop."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connections

from apps.health.models import WorkOrder
from apps.health.services import inspections
from forgeline.identity.policy import Actor, permissions_of
from forgeline.tenancy.scoping import tenant_scope
from tests.api.conftest import make_machine
from tests.apps.health.conftest import Api, api_of
from tests.conftest import Company

PRESSURE = {"text": "Oil pressure", "kind": "value", "unit": "bar", "low": 2, "high": 6}


def _route(api: Api, plant: int, machine: int) -> dict[str, Any]:
    items = [{"asset": machine, "text": "Leaks"}, {"asset": machine, **PRESSURE}]
    return api.post("inspection-routes/", {"plant": plant, "name": "Walk", "items": items})  # type: ignore[no-any-return]


@pytest.fixture
def route(api: Api, plant: int, machine: int) -> dict[str, Any]:
    return _route(api, plant, machine)


def test_there_is_one_pass_at_a_time(api: Api, route: dict[str, Any]) -> None:
    address = f"inspection-routes/{route['id']}/start/"
    first = api.post(address)
    refused = api.post(address, status=409)
    assert (refused["key"], refused["data"]) == ("health.pass_under_way", {"inspection": first["id"]})
    items = [{"asset": route["items"][0]["asset"], "text": "x"}]
    assert (
        api.patch(f"inspection-routes/{route['id']}/", {"items": items}, status=409)["key"]
        == "health.pass_under_way"
    )
    api.post(f"inspections/{first['id']}/finish/", {"is_broken_off": True})
    assert api.post(address)["id"] != first["id"]


def test_a_failed_stop_has_exactly_one_order(api: Api, route: dict[str, Any]) -> None:
    leaks, pressure = (item["id"] for item in route["items"])
    run = api.post(f"inspection-routes/{route['id']}/start/")
    address = f"inspections/{run['id']}/"
    found = [
        api.post(f"{address}answer/", {"item": pressure, "value": value, "note": "low"}) for value in (1.0, 1.2, 0.9)
    ]  # fmt: skip
    assert {each["work_order"] for each in found} == {found[0]["work_order"]}
    order = api.get(f"work-orders/{found[0]['work_order']}/")
    assert (order["kind"], order["title"], order["state"]) == ("inspection", "Oil pressure", "requested")
    refused = api.post(f"{address}finish/", {}, status=409)
    assert (refused["key"], refused["data"]) == ("health.pass_incomplete", {"left": 1})
    api.post(f"{address}answer/", {"item": leaks, "result": "ok"})
    done = api.post(f"{address}finish/", {})
    assert (done["state"], [each["result"] for each in done["results"]]) == ("done", ["ok", "not_ok"])
    assert (
        api.post(f"{address}answer/", {"item": leaks, "result": "ok"}, status=409)["key"]
        == "health.pass_over"
    )
    assert len(api.get("work-orders/")["results"]) == 1


def test_a_stop_that_is_in_order_after_all_takes_its_request_back(api: Api, route: dict[str, Any]) -> None:
    leaks = route["items"][0]["id"]
    run = api.post(f"inspection-routes/{route['id']}/start/")
    address = f"inspections/{run['id']}/answer/"
    order = api.post(address, {"item": leaks, "result": "not_ok"})["work_order"]
    api.post(address, {"item": leaks, "result": "ok"})
    assert api.get(f"work-orders/{order}/")["state"] == "cancelled"
    second = api.post(address, {"item": leaks, "result": "not_ok"})["work_order"]
    assert second != order
    api.post(f"work-orders/{second}/move/", {"to": "approved"})
    api.post(address, {"item": leaks, "result": "ok"})
    assert api.get(f"work-orders/{second}/")["state"] == "approved"


def test_answers_that_fit_no_item_are_refused(
    api: Api, plant: int, machine: int, route: dict[str, Any]
) -> None:
    leaks, pressure = (item["id"] for item in route["items"])
    other = api.post(
        "inspection-routes/", {"plant": plant, "name": "Other", "items": [{"asset": machine, "text": "x"}]}
    )
    run = api.post(f"inspection-routes/{route['id']}/start/")
    address = f"inspections/{run['id']}/answer/"
    for wrong in (
        {"item": leaks}, {"item": pressure, "result": "ok"}, {"item": other["items"][0]["id"], "result": "ok"},
    ):  # fmt: skip
        api.post(address, wrong, status=400)
    api.post(address, {"item": 999999, "result": "ok"}, status=404)
    for slip in (-99999, 1e12):
        refused = api.post(address, {"item": pressure, "value": slip}, status=400)
        assert "a thousand times beyond its limits" in str(refused["data"])
    assert api.get("work-orders/")["results"] == []
    assert api.get(f"inspections/{run['id']}/")["results"] == []


def test_a_changed_route_keeps_what_was_walked(api: Api, route: dict[str, Any]) -> None:
    leaks, pressure = (item["id"] for item in route["items"])
    run = api.post(f"inspection-routes/{route['id']}/start/")
    for answer in ({"item": leaks, "result": "ok"}, {"item": pressure, "value": 3}):
        api.post(f"inspections/{run['id']}/answer/", answer)
    api.post(f"inspections/{run['id']}/finish/", {})
    items = [{"asset": route["items"][0]["asset"], "text": "Noise"}]
    changed = api.patch(f"inspection-routes/{route['id']}/", {"items": items})
    assert [item["text"] for item in changed["items"]] == ["Noise"]
    assert [each["text"] for each in api.get(f"inspections/{run['id']}/")["results"]] == [
        "Leaks",
        "Oil pressure",
    ]


@pytest.mark.parametrize(
    "items", [[], [{"asset": 0, "text": "x"}], [{"text": "x"}], [{"asset": 1, "text": "x", "kind": "y"}]]
)
def test_a_route_without_sense_is_refused(api: Api, plant: int, items: list[Any]) -> None:
    answer = api.client.post(
        "/api/v1/inspection-routes/", {"plant": plant, "name": "x", "items": items}, format="json"
    )
    assert answer.status_code in {400, 404}
    assert api.get("inspection-routes/")["results"] == []


def test_two_phones_that_fail_one_stop_at_once_make_one_order(live_company: Company) -> None:
    api = api_of(live_company.manager_key)
    made = make_machine(api.client)
    route = _route(api, made["plant"]["id"], made["machine"]["id"])
    run = api.post(f"inspection-routes/{route['id']}/start/")
    boss = Actor(live_company.tenant_id, "manager", label="A", permissions=permissions_of("manager"))
    barrier = threading.Barrier(6)

    def answer() -> None:
        barrier.wait()
        try:
            with tenant_scope(live_company.tenant_id):
                inspections.answer_stop(
                    run["id"], item_id=route["items"][0]["id"], result="not_ok", actor=boss
                )
        finally:
            connections.close_all()

    threads = [threading.Thread(target=answer) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with tenant_scope(live_company.tenant_id):
        assert WorkOrder.objects.count() == 1

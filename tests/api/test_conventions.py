"""What every collection does alike: search and order, versions by ETag, requests done once, many rows in one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from rest_framework.test import APIClient

from forgeline.assets.models import Device, Point
from forgeline.identity import once
from forgeline.identity.models import ApiKey, KeptAnswer
from forgeline.tenancy.scoping import tenant_scope
from tests.api.conftest import make_machine
from tests.api.world import describe_api
from tests.conftest import Company

ClientOf = Callable[[str], APIClient]


@pytest.fixture
def client(company: Company, client_of: ClientOf) -> APIClient:
    return client_of(company.manager_key)


def names_of(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["name"] for row in answer.json()["results"]]


def test_lists_are_searched_and_ordered_and_the_pages_fit_together(client: APIClient) -> None:
    for name in ("Boiler", "Press", "boiler house", "Anvil"):
        client.post("/api/v1/devices/", {"key": name.replace(" ", "-"), "name": name}, format="json")
    assert set(names_of(client.get("/api/v1/devices/?search=boil"))) == {"Boiler", "boiler house"}
    assert names_of(client.get("/api/v1/devices/?ordering=-key")) == [
        "boiler house",
        "Press",
        "Boiler",
        "Anvil",
    ]
    first = client.get("/api/v1/devices/?ordering=name&page_size=3")
    second = client.get(first.json()["next"])
    assert names_of(first) + names_of(second) == names_of(client.get("/api/v1/devices/?ordering=name"))
    refused = client.get("/api/v1/devices/?ordering=password")
    assert refused.status_code == 400
    assert "created_at" in refused.json()["data"]["fields"]["ordering"][0]


def test_a_version_saves_an_answer_and_guards_a_change(client: APIClient) -> None:
    made = client.post("/api/v1/devices/", {"key": "a", "name": "One"}, format="json").json()
    address = f"/api/v1/devices/{made['id']}/"
    read = client.get(address)
    tag = read["ETag"]
    same = client.get(address, headers={"If-None-Match": f'"old", W/{tag}'})
    assert (same.status_code, same.content) == (304, b"")
    changed = client.patch(address, {"name": "Two"}, format="json", headers={"If-Match": tag})
    assert (changed.status_code, changed["ETag"] == tag) == (200, False)
    stale = client.patch(address, {"name": "Three"}, format="json", headers={"If-Match": tag})
    assert (stale.status_code, stale.json()["key"]) == (412, "base.changed_meanwhile")
    assert stale.json()["data"]["etag"] == changed["ETag"]
    assert client.delete(address, headers={"If-Match": tag}).status_code == 412
    assert client.get(address).json()["name"] == "Two"
    assert client.delete(address, headers={"If-Match": "*"}).status_code == 204


ONE_OF_EACH = {
    "maintenance-terms": ("patch", {"labour_rate": "99.00"}),
    "modules": ("put", {"module": "health", "is_on": True}),
    "retention": ("put", {"raw_days": 7}),
}


def test_what_a_company_has_one_of_has_versions_too(client: APIClient) -> None:
    described = {
        path.split("/")[3]
        for path, operations in describe_api()["paths"].items()
        for method in ("put", "patch")
        if "{" not in path
        and "If-Match" in {each["name"] for each in operations.get(method, {}).get("parameters", [])}
    }
    # Who sells is the operator's one thing: tests/billing/test_console_api.
    assert described == {*ONE_OF_EACH, "operator", "preferences", "sso", "subscription"}
    for name, (method, body) in ONE_OF_EACH.items():
        address, change = f"/api/v1/{name}/", getattr(client, method)
        tag = client.get(address)["ETag"]
        assert client.get(address, headers={"If-None-Match": tag}).status_code == 304, name
        assert change(address, body, format="json", headers={"If-Match": '"old"'}).status_code == 412, name
        changed = change(address, body, format="json", headers={"If-Match": tag})
        assert changed.status_code == 200, changed.content
        assert changed["ETag"] == client.get(address)["ETag"], name


def test_every_row_that_can_be_read_alone_has_a_version(company: Company, client: APIClient) -> None:
    made = make_machine(client)
    for path in (f"plants/{made['plant']['id']}/", f"assets/{made['machine']['id']}/"):
        assert client.get(f"/api/v1/{path}")["ETag"]


def test_a_request_that_is_sent_twice_is_done_once(
    company: Company, client: APIClient, client_of: ClientOf
) -> None:
    def post(body: dict[str, Any], key: str = "k-1", by: APIClient = client) -> Any:
        return by.post("/api/v1/api-keys/", body, format="json", headers={"Idempotency-Key": key})

    first, second = post({"name": "ERP"}), post({"name": "ERP"})
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"
    other = post({"name": "MES"})
    assert (other.status_code, other.json()["key"]) == (422, "identity.idempotency_key_reused")
    assert post({"name": "ERP"}, key="x" * 201).status_code == 400
    with tenant_scope(company.tenant_id):
        assert ApiKey.objects.filter(name="ERP").count() == 1
        kept = KeptAnswer.objects.get()
        assert first.json()["key"] not in kept.body
    # A refusal is not kept: corrected and sent again under the same key it is done.
    assert post({"name": ""}, key="k-2").status_code == 400
    assert post({"name": "CRM"}, key="k-2").status_code == 201
    # Another caller has keys of its own.
    assert post({"name": "ERP"}, by=client_of(company.viewer_key)).status_code == 403


def test_of_two_at_once_one_waits_and_gets_the_same_answer(
    live_company: Company, client_of: ClientOf
) -> None:
    answers: list[Any] = []

    def send() -> None:
        try:
            client = client_of(live_company.manager_key)
            answers.append(
                client.post("/api/v1/devices/", {"key": "d"}, format="json", headers={"Idempotency-Key": "k"})
            )
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    with tenant_scope(live_company.tenant_id):
        assert Device.objects.count() == 1


def test_kept_answers_go_after_a_day(company: Company, client: APIClient) -> None:
    client.post("/api/v1/devices/", {"key": "d"}, format="json", headers={"Idempotency-Key": "k"})
    assert once.trim() == 0
    with tenant_scope(company.tenant_id):
        row = KeptAnswer.objects.get()
        KeptAnswer.objects.update(created_at=row.created_at.replace(year=row.created_at.year - 1))
    assert once.trim() == 1


def test_many_rows_in_one_request_each_with_its_result(company: Company, client: APIClient) -> None:
    machine = make_machine(client)
    asset, point = machine["machine"]["id"], machine["points"]["power"]["id"]
    rows = [
        {"asset": asset, "key": "one"},
        {"asset": asset, "key": ""},
        {"asset": 999_999, "key": "two"},
        {"id": point, "name": "Load"},
        {"id": 999_999, "name": "x"},
        {"id": "1; DROP TABLE", "name": "x"},
        {"asset": asset, "key": "one"},
    ]
    answer = client.post("/api/v1/points/bulk/", {"rows": rows}, format="json")
    body = answer.json()
    assert (answer.status_code, body["succeeded"], body["failed"]) == (207, 2, 5)
    assert [row["status"] for row in body["results"]] == [201, 400, 404, 200, 404, 400, 409]
    assert body["results"][1]["error"]["data"]["fields"]["key"]
    with tenant_scope(company.tenant_id):
        assert Point.objects.get(pk=point).name == "Load"
        before = Point.objects.count()
    whole = client.post("/api/v1/points/bulk/", {"rows": [{"asset": asset, "key": "new"}, rows[1]],
                                                 "all_or_nothing": True}, format="json")  # fmt: skip
    assert (whole.status_code, [row["status"] for row in whole.json()["results"]]) == (422, [424, 400])
    with tenant_scope(company.tenant_id):
        assert Point.objects.count() == before
    good = client.post(
        "/api/v1/devices/bulk/", {"rows": [{"key": f"d{n}"} for n in range(1000)]}, format="json"
    )
    assert (good.status_code, good.json()["succeeded"]) == (200, 1000)
    for wrong in ({"rows": []}, {"rows": [{}] * 1001}, {}, []):
        assert client.post("/api/v1/points/bulk/", wrong, format="json").status_code == 400, wrong

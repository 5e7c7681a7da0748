"""What an integrator who tries everything has found: each with a clear refusal, and nothing half done."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from tests.api.conftest import make_machine
from tests.conftest import Company

ClientOf = Callable[[str], APIClient]


@pytest.fixture
def client(company: Company, client_of: ClientOf) -> APIClient:
    return client_of(company.manager_key)


def _post(client: APIClient, path: str, body: Any) -> Any:
    return client.post(f"/api/v1/{path}/", body, format="json")


def test_a_time_at_the_end_of_the_calendar_breaks_no_page(
    company: Company, client: APIClient, sign_in: Callable[[Any], Client]
) -> None:
    machine = make_machine(client)["machine"]["id"]
    far = "9999-12-31T23:59:59Z"
    for body in ({"asset": machine, "title": far}, {"asset": machine, "title": "0001-01-01T00:00:00+14:00"}):
        assert _post(client, "work-orders", body).status_code == 201
    for refused in (
        _post(client, "api-keys", {"name": "far", "role": "viewer", "expires_at": far}),
        _post(client, "work-orders", {"asset": machine, "title": "x", "due_at": far}),
        _post(client, "maintenance-plans", {
            "asset": machine, "name": "x", "trigger": "calendar", "every": 1, "every_unit": "month",
            "first_on": "9999-12-31",
        }),
    ):  # fmt: skip
        assert refused.status_code == 400, refused.content
        assert "1900" in str(refused.json()["data"]["fields"])
    browser = sign_in(company.manager)
    given = {"name": "far", "role": "viewer", "expires_at": "9999-12-31T23:59", "make": "1"}
    assert "1900" in browser.post("/company/keys/", given).content.decode()
    for page in ("/company/audit/", "/company/audit/?format=csv", "/company/keys/"):
        assert browser.get(page).status_code == 200, page


@pytest.mark.parametrize(
    "word", ["0001-01-01T00:00:00%2B14:00", "9223372036854775808", "9" * 20, "-9" + "0" * 14]
)
def test_samples_of_no_time_are_refused(client: APIClient, word: str) -> None:
    for name in ("from", "to"):
        assert client.get(f"/api/v1/samples/?point=1&{name}={word}").status_code == 400


def test_what_is_out_of_use_is_neither_changed_nor_used(client: APIClient) -> None:
    made = make_machine(client)
    machine, point = made["machine"]["id"], made["points"]["power"]["id"]
    device = _post(client, "devices", {"key": "m1", "asset": machine}).json()["id"]
    for path in (f"devices/{device}", f"points/{point}", f"assets/{machine}"):
        assert client.delete(f"/api/v1/{path}/").status_code == 204
        changed = client.patch(f"/api/v1/{path}/", {"name": "Again"}, format="json")
        assert changed.status_code == 404, path
    given = _post(client, f"devices/{device}/credentials", {})
    assert (given.status_code, "password" in given.json()) == (404, False)
    assert "out of use" in given.json()["title"]
    assert _post(client, "points", {"asset": machine, "key": "new"}).status_code == 404
    rows = [{"id": point, "name": "x"}, {"id": device, "name": "x"}]
    assert [row["status"] for row in _post(client, "points/bulk", {"rows": rows}).json()["results"]] == [
        404,
        404,
    ]
    taken = _post(client, "devices", {"key": "m1"})
    assert (taken.status_code, taken.json()["key"]) == (409, "assets.taken")
    assert "out of use" in taken.json()["title"]


def test_a_row_that_is_no_object_is_refused_by_itself(client: APIClient) -> None:
    answer = _post(client, "devices/bulk", {"rows": ["x", None, {"key": "good"}, [], 7]})
    assert answer.status_code == 207
    assert [row["status"] for row in answer.json()["results"]] == [400, 400, 201, 400, 400]


@pytest.mark.parametrize("names", ["Early", ["Early"], 7, {"xx": "Early"}])
def test_names_of_a_shift_go_by_language(client: APIClient, names: Any) -> None:
    plant = make_machine(client)["plant"]["id"]
    body = {"name": "E", "starts_at": "06:00", "ends_at": "14:00", "weekdays": [1], "names": names}
    answer = _post(client, f"plants/{plant}/shifts", body)
    assert answer.status_code == 400, answer.content
    assert "names" in answer.json()["data"]["fields"]


def test_a_file_comes_by_its_own_type_and_its_texts_are_no_formulas(
    live_company: Company, client_of: ClientOf
) -> None:
    client = client_of(live_company.manager_key)
    machine = make_machine(client)["machine"]["id"]
    point = _post(client, "points", {"asset": machine, "key": "note", "kind": "text"}).json()["id"]
    now_ms = int(time.time() * 1000)
    assert (
        _post(client, "samples", {"point": [point], "ts": [now_ms], "value": ["=1+cmd|x"]}).status_code == 200
    )
    answer = client.get(
        f"/api/v1/samples/?point={point}&from={now_ms - 1000}&as=csv", headers={"Accept": "text/csv"}
    )
    assert answer.status_code == 200
    assert b",'=1+cmd|x," in b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    for accept in ("application/octet-stream", "text/csv", "application/vnd.ms-excel"):
        got = client.get("/api/v1/imports/devices/template/?as=csv", headers={"Accept": accept})
        assert got.status_code == 200, accept

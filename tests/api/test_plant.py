"""The plant over REST: made, moved, retired, and refused with a sentence for each field."""

from __future__ import annotations

from collections.abc import Callable

from rest_framework.test import APIClient

from tests.api.conftest import make_machine
from tests.conftest import Company

ClientOf = Callable[[str], APIClient]


def test_machine_with_profile_has_its_points(company: Company, client_of: ClientOf) -> None:
    made = make_machine(client_of(company.manager_key))
    assert made["machine"]["path"].count("/") == 5
    power = made["points"]["power"]
    assert (power["unit"], power["kind"], power["role"]) == ("kW", "gauge", "power.active")
    assert made["points"]["state"]["labels"]["6"]["zh-hans"] == "运行"


def test_every_fault_of_a_point_is_told_at_once(company: Company, client_of: ClientOf) -> None:
    client = client_of(company.manager_key)
    machine = make_machine(client)["machine"]
    body = {
        "asset": machine["id"], "key": "x", "unit": "foo", "role": "no.such", "valid_min": 5, "valid_max": 1,
        "expected_interval_s": 0,
    }  # fmt: skip
    answer = client.post("/api/v1/points/", body, format="json")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["key"] == "base.invalid_input"
    assert set(problem["data"]["fields"]) == {"unit", "role", "valid_max", "expected_interval_s"}


def test_double_name_is_a_conflict_and_changes_nothing(company: Company, client_of: ClientOf) -> None:
    client = client_of(company.manager_key)
    made = make_machine(client)
    answer = client.post("/api/v1/plants/", {"name": made["plant"]["name"]}, format="json")
    assert answer.status_code == 409
    assert len(client.get("/api/v1/plants/").json()["results"]) == 1


def test_moving_a_line_rewrites_the_paths_beneath_it(company: Company, client_of: ClientOf) -> None:
    client = client_of(company.manager_key)
    made = make_machine(client)
    line_id = made["machine"]["parent"]
    moved = client.patch(f"/api/v1/assets/{line_id}/", {"parent": None}, format="json")
    assert moved.status_code == 200, moved.content
    machine = client.get(f"/api/v1/assets/{made['machine']['id']}/").json()
    assert machine["path"] == f"/{made['plant']['id']}/{line_id}/{machine['id']}/"


def test_machine_cannot_hold_a_line(company: Company, client_of: ClientOf) -> None:
    client = client_of(company.manager_key)
    made = make_machine(client)
    body = {"plant": made["plant"]["id"], "parent": made["machine"]["id"], "level": "line", "name": "L"}
    assert client.post("/api/v1/assets/", body, format="json").json()["data"]["fields"]["parent"]


def test_viewer_may_look_and_not_write(company: Company, client_of: ClientOf) -> None:
    made = make_machine(client_of(company.manager_key))
    viewer = client_of(company.viewer_key)
    assert viewer.get(f"/api/v1/assets/{made['machine']['id']}/").status_code == 200
    assert viewer.post("/api/v1/plants/", {"name": "Mine"}, format="json").status_code == 403
    assert viewer.get("/api/v1/api-keys/").status_code == 403


def test_credential_password_is_shown_once(company: Company, client_of: ClientOf) -> None:
    client = client_of(company.manager_key)
    device = client.post("/api/v1/devices/", {"key": "meter-1"}, format="json").json()
    made = client.post(f"/api/v1/devices/{device['id']}/credentials/").json()
    assert made["password"]
    assert made["topic"] == f"t/{made['username']}/#"
    listed = client.get(f"/api/v1/devices/{device['id']}/credentials/").json()
    assert [row["username"] for row in listed] == [made["username"]]
    assert "password" not in listed[0]
    assert client.delete(f"/api/v1/devices/{device['id']}/credentials/{made['id']}/").status_code == 204
    assert client.get(f"/api/v1/devices/{device['id']}/credentials/").json() == []


def test_retired_point_is_gone_from_lists(company: Company, client_of: ClientOf) -> None:
    client = client_of(company.manager_key)
    made = make_machine(client)
    assert client.delete(f"/api/v1/points/{made['points']['power']['id']}/").status_code == 204
    keys = [p["key"] for p in client.get(f"/api/v1/points/?asset={made['machine']['id']}").json()["results"]]
    assert "power" not in keys

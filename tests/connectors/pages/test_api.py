"""The connections' REST API: made, tested, browsed, bound, changed, taken away; nobody else's."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import ConnectionState
from connectors.models import ConnectionStatus, Undecodable, WaitingDevice, WaitingKey
from forgeline.assets.models import Point
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.connectors.opcua.conftest import PRESS, Plant, free_port
from tests.connectors.pages.conftest import Floor

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORGELINE_OPCUA_CERTIFICATES", str(tmp_path / "opcua"))


def post(client: Any, path: str, data: Any = None) -> Any:
    return client.post(path, data if data is not None else {}, content_type="application/json")


def test_a_connection_is_made_changed_and_taken_away(floor: Floor) -> None:
    client = floor.client()
    options = {"endpoint": "opc.tcp://10.0.0.1:4840", "security_policy": "Basic256Sha256", "identity": "user",
               "user": "operator", "password": "secret"}  # fmt: skip
    made = post(client, "/api/v1/connections/", {"kind": "opcua", "name": "Press line", "options": options})
    assert made.status_code == 201, made.content
    row = made.json()
    assert row["options"]["password"] is True
    assert "secret" not in made.content.decode()
    assert row["status"]["state"] == "unowned"
    path = f"/api/v1/connections/{row['id']}/"

    changed = client.patch(
        path,
        {"name": "Press", "options": {**row["options"], "timeout_s": 5}},
        content_type="application/json",
    )
    assert changed.json()["name"] == "Press"
    assert changed.json()["options"]["timeout_s"] == 5
    assert changed.json()["options"]["password"] is True
    assert changed.json()["revision"] > row["revision"]
    assert post(client, path + "disable/").json()["status"]["state"] == "disabled"
    assert post(client, path + "enable/").json()["enabled"] is True
    assert [each["id"] for each in client.get("/api/v1/connections/").json()["results"]] == [row["id"]]
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


def test_faults_of_options_come_all_at_once(floor: Floor) -> None:
    answer = post(
        floor.client(),
        "/api/v1/connections/",
        {"kind": "opcua", "name": "x", "options": {"endpoint": "http://x", "queue_size": 0}},
    )
    assert answer.status_code == 400
    assert answer.json()["key"] == "connectors.invalid_options"
    assert set(answer.json()["data"]["fields"]) >= {"queue_size"}
    unknown = post(floor.client(), "/api/v1/connections/", {"kind": "carrier-pigeon", "name": "x"})
    assert unknown.json()["key"] == "connectors.unknown_kind"


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("url", {"url": "nowhere"}),
        ("url", {"url": "mqtt://host:abc"}),
        ("url", {"url": "mqtt://[bad"}),
        ("url", {"url": "mqtt://me:secret@host"}),
        ("topics", {"topics": ["a/#/b"]}),
        ("topics", {"topics": []}),
        ("client_key", {"client_certificate": "-----BEGIN"}),
        ("mapping", {"layout": "mapping", "mapping": {"device": "nowhere.1", "values": "payload"}}),
        ("mapping", {"layout": "mapping", "mapping": {"device": "topic.1", "values": "payload", "zone": "Asia"}}),
        ("mapping", {"layout": "mapping", "mapping": {"device": "topic.1", "values": "payload", "skip": 5}}),
    ],
)  # fmt: skip
def test_faults_of_mqtt_options_speak_the_readers_language(
    floor: Floor, field: str, options: dict[str, Any]
) -> None:
    answer = floor.client().post(
        "/api/v1/connections/",
        {"kind": "mqtt", "name": "x", "options": {"url": "mqtt://host"} | options},
        content_type="application/json",
        headers={"Accept-Language": "zh-hans"},
    )
    assert answer.status_code == 400
    [sentence] = answer.json()["data"]["fields"][field]
    assert re.search("[一-鿿]", sentence), sentence


def test_the_kinds_tell_their_options(floor: Floor) -> None:
    kinds = {each["kind"]: each for each in floor.client().get("/api/v1/connection-kinds/").json()}
    assert {"mqtt", "opcua"} <= set(kinds)
    options = {each["name"]: each for each in kinds["opcua"]["options"]}
    assert options["password"]["secret"] is True
    assert options["endpoint"]["required"] is True
    assert options["publishing_interval_ms"]["unit"] == "ms"


def test_a_real_server_is_tested_browsed_and_bound(floor: Floor, make_plant: Callable[..., Plant]) -> None:
    server = make_plant()
    client = floor.client()
    options = {"endpoint": server.endpoint}
    tried = post(client, "/api/v1/connections/test/", {"kind": "opcua", "options": options})
    assert tried.json()["ok"] is True, tried.json()
    refused = post(
        client, "/api/v1/connections/test/",
        {"kind": "opcua", "options": {"endpoint": f"opc.tcp://127.0.0.1:{free_port()}"}},
    )  # fmt: skip
    assert refused.json()["ok"] is False
    assert refused.json()["steps"][0]["facts"]["key"] == "opcua.refused"

    row = post(client, "/api/v1/connections/", {"kind": "opcua", "name": "Press", "options": options}).json()
    path = f"/api/v1/connections/{row['id']}/"
    nodes = client.get(path + "browse/", {"address": PRESS + "Press"}).json()["nodes"]
    speed = next(node for node in nodes if node["name"] == "Speed")
    page = client.get(path + "browse/", {"address": PRESS + "Press", "limit": 2}).json()
    assert len(page["nodes"]) == 2
    assert page["after"] == page["nodes"][-1]["address"]
    missing = client.get(path + "browse/", {"address": "nsu=urn:nobody;i=1"})
    assert (missing.status_code, missing.json()["key"]) == (404, "opcua.no_such_node")

    with tenant_scope(floor.company.tenant_id):
        point = Point.objects.create(asset_id=floor.asset_id, key="speed", name="Speed", unit="rpm")
    refused = post(client, path + "bindings/", [{"address": "Press.Speed", "point": point.pk}])
    assert refused.status_code == 400
    assert "nsu=urn:press;s=Line1.Press.Speed" in str(refused.json()), refused.json()
    bound = post(client, path + "bindings/", [{"address": speed["address"], "point": point.pk, "scale": 0.5}])
    assert bound.status_code == 201, bound.content
    [binding] = client.get(path + "bindings/").json()
    assert (binding["point"], binding["scale"]) == (point.pk, 0.5)
    assert client.get(path).json()["binding_count"] == 1
    assert client.delete(f"{path}bindings/{binding['id']}/").status_code == 204
    assert client.get(path + "bindings/").json() == []


def test_state_counters_and_undecodables_are_told(floor: Floor, make_connection: Callable[..., Any]) -> None:
    row = make_connection()
    with tenant_scope(floor.company.tenant_id):
        ConnectionStatus.objects.create(
            connection=row, state=ConnectionState.FAULTED, fault_key="opcua.refused", fault="Nothing listens.",
            counters={"received": 7, "stored": 5, "rejected": {"telemetry.too_old": 2}}, since=NOW,
        )  # fmt: skip
        Undecodable.objects.create(
            connection=row,
            received_at=NOW,
            source="t/x",
            payload=b"{\xff",
            reason="mqtt.not_json",
            detail="No JSON.",
        )
    client = floor.client()
    status = client.get(f"/api/v1/connections/{row.pk}/").json()["status"]
    assert (status["state"], status["fault_key"]) == ("faulted", "opcua.refused")
    assert status["counters"]["rejected"] == {"telemetry.too_old": 2}
    [message] = client.get(f"/api/v1/connections/{row.pk}/undecodables/").json()
    assert message["text"] == "{�"


def test_a_waiting_device_is_adopted(floor: Floor, make_connection: Callable[..., Any]) -> None:
    row = make_connection()
    with tenant_scope(floor.company.tenant_id):
        device = WaitingDevice.objects.create(
            connection=row, key="meter7", first_seen_at=NOW, last_seen_at=NOW
        )
        for key in ("power", "voltage"):
            WaitingKey.objects.create(
                waiting_device=device,
                key=key,
                address=f"meter7#{key}",
                sample="1.5",
                first_seen_at=NOW,
                last_seen_at=NOW,
            )
    client = floor.client()
    [waiting] = client.get("/api/v1/waiting-devices/").json()["results"]
    assert [value["key"] for value in waiting["values"]] == ["power", "voltage"]
    viewer = floor.client(floor.company.viewer_key)
    assert post(viewer, f"/api/v1/waiting-devices/{device.pk}/adopt/").status_code == 403
    adopted = post(client, f"/api/v1/waiting-devices/{device.pk}/adopt/", {"asset": floor.asset_id})
    assert adopted.status_code == 201, adopted.content
    assert {binding["address"] for binding in adopted.json()} == {"meter7#power", "meter7#voltage"}
    assert client.get("/api/v1/waiting-devices/").json()["results"] == []


def test_a_viewer_looks_and_a_stranger_sees_nothing(
    floor: Floor, make_connection: Callable[..., Any], stranger: Company
) -> None:
    row = make_connection()
    viewer = floor.client(floor.company.viewer_key)
    assert viewer.get(f"/api/v1/connections/{row.pk}/").status_code == 200
    refusals = [
        post(viewer, "/api/v1/connections/", {"kind": "opcua", "name": "x"}),
        post(viewer, "/api/v1/connections/test/", {"kind": "opcua"}),
        post(viewer, f"/api/v1/connections/{row.pk}/disable/"),
        viewer.delete(f"/api/v1/connections/{row.pk}/"),
    ]
    assert {answer.status_code for answer in refusals} == {403}
    other = floor.client(stranger.manager_key)
    assert other.get("/api/v1/connections/").json()["results"] == []
    for method, path in [
        ("get", ""), ("patch", ""), ("delete", ""), ("get", "browse/"), ("get", "bindings/"), ("get", "undecodables/"),
        ("post", "disable/"),
    ]:  # fmt: skip
        answer = getattr(other, method)(
            f"/api/v1/connections/{row.pk}/{path}", content_type="application/json"
        )
        assert answer.status_code == 404, path


def test_the_schema_tells_of_connections(floor: Floor) -> None:
    schema = floor.client().get("/api/schema/").content.decode()
    for path in (
        "/api/v1/connections/{id}/bindings/",
        "/api/v1/connections/test/",
        "/api/v1/waiting-devices/{id}/adopt/",
    ):
        assert path in schema

"""The connections' pages in both languages: lists, forms with test before save, the lazy tree, waiting devices."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from connectors.contract import ConnectionState
from connectors.models import Binding, Connection, ConnectionStatus, Undecodable, WaitingDevice, WaitingKey
from forgeline.assets.models import Point
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.connectors.opcua.conftest import PRESS, Plant, write_server_certificate
from tests.connectors.pages.conftest import Floor

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setenv("FORGELINE_OPCUA_CERTIFICATES", str(tmp_path / "opcua"))
    settings.CONNECTORS = {**settings.CONNECTORS, "OPCUA_CERTIFICATES": tmp_path / "opcua"}


@pytest.fixture
def manager(floor: Floor, sign_in: Callable[[Any], Client]) -> Client:
    return sign_in(floor.company.manager)


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, (answer.status_code, answer.content[:500])
    return html.unescape(answer.content.decode())


def test_nothing_connected_says_what_comes_next(manager: Client) -> None:
    page = text_of(manager.get("/connectors/"))
    assert "Nothing is connected yet" in page
    assert "/connectors/add/mqtt/" in page
    assert "/connectors/add/opcua/" in page
    assert "还没有任何连接" in text_of(manager.get("/connectors/", headers={"Accept-Language": "zh-hans"}))


def test_the_list_tells_what_is_wrong_in_the_readers_language(
    manager: Client, floor: Floor, make_connection: Callable[..., Connection]
) -> None:
    row = make_connection()
    with tenant_scope(floor.company.tenant_id):
        ConnectionStatus.objects.create(
            connection=row, state=ConnectionState.RETRYING, fault_key="opcua.refused",
            fault="Nothing listens at opc.tcp://10.0.0.1:4840; check that the server runs and its port.",
            counters={"stored": 1234567, "rejected": {"telemetry.too_old": 3}}, rates={"samples_per_s": 41.5},
        )  # fmt: skip
    page = text_of(manager.get("/connectors/"))
    assert "Nothing listens at opc.tcp://10.0.0.1:4840" in page
    assert "Retrying" in page
    assert "41.5" in page
    chinese = text_of(manager.get("/connectors/", headers={"Accept-Language": "zh-hans"}))
    assert "opc.tcp://10.0.0.1:4840 没有服务在监听" in chinese
    assert "重试中" in chinese
    part = text_of(manager.get("/connectors/", headers=HTMX))
    assert "<html" not in part
    assert "Press line" in part


def test_a_connection_is_shown_with_everything_that_helps(
    manager: Client,
    floor: Floor,
    make_connection: Callable[..., Connection],
    sign_in: Callable[[Any], Client],
) -> None:
    row = make_connection()
    with tenant_scope(floor.company.tenant_id):
        ConnectionStatus.objects.create(
            connection=row, state=ConnectionState.FAULTED, fault_key="opcua.untrusted_certificate",
            fault="Not trusted.",
            counters={"received": 1, "rejected": {"connectors.unknown_address": 9}},
            events=[{"at": 1_772_366_400_000, "event": "node_bad", "count": 3, "address": "ns=2;i=7",
                     "status": "BadNodeIdUnknown"}],
        )  # fmt: skip
        Undecodable.objects.create(
            connection=row,
            received_at=NOW,
            source="line/1",
            payload=b"<script>",
            reason="mqtt.not_json",
            detail="x",
        )
        point = Point.objects.create(asset_id=floor.asset_id, key="speed", name="Spindle speed")
        Binding.objects.create(connection=row, address="ns=2;i=7", point=point)
    page = text_of(manager.get(f"/connectors/{row.pk}/"))
    for words in ("Needs you", "Compare and trust the certificate", "3 nodes cannot be read (BadNodeIdUnknown)",
                  "line/1",
                  "Nobody has asked for this value", "Spindle speed", "Download the certificate"):  # fmt: skip
        assert words in page, words
    assert b"&lt;script&gt;" in manager.get(f"/connectors/{row.pk}/").content
    assert manager.get("/connectors/certificate.der").content[:1] == b"\x30"
    viewer = sign_in(floor.company.viewer)
    seen = text_of(viewer.get(f"/connectors/{row.pk}/"))
    assert "Take away" not in seen
    assert viewer.get(f"/connectors/{row.pk}/edit/").status_code == 403


def test_the_form_tells_faults_by_field_and_keeps_what_was_typed(manager: Client) -> None:
    form = text_of(manager.get("/connectors/add/opcua/"))
    assert 'name="endpoint"' in form
    assert "More settings" in form
    answer = manager.post(
        "/connectors/add/opcua/", {"name": "Press", "endpoint": "http://x", "queue_size": "0"}
    )
    assert answer.status_code == 422
    page = html.unescape(answer.content.decode())
    assert "This must be at least 1." in page
    assert 'value="http://x"' in page


def test_a_secret_never_comes_back_and_stays_when_left_empty(
    manager: Client, floor: Floor, make_connection: Callable[..., Connection]
) -> None:
    row = make_connection(
        security_policy="Basic256Sha256", identity="user", user="operator", password="hidden-word"
    )
    page = text_of(manager.get(f"/connectors/{row.pk}/edit/"))
    assert "hidden-word" not in page
    assert "leave empty to keep it" in page
    fields = {"name": "Press", "endpoint": "opc.tcp://127.0.0.1:2/y", "security_policy": "Basic256Sha256",
              "identity": "user", "user": "operator", "password": ""}  # fmt: skip
    assert manager.post(f"/connectors/{row.pk}/edit/", fields).status_code == 302
    from connectors import services

    with tenant_scope(floor.company.tenant_id):
        options = services.open_options(Connection.objects.get(pk=row.pk))
    assert (options["password"], options["endpoint"]) == ("hidden-word", "opc.tcp://127.0.0.1:2/y")


def test_from_the_form_to_a_bound_node(
    manager: Client, floor: Floor, make_plant: Callable[..., Plant], tmp_path: Path
) -> None:
    fingerprint = write_server_certificate(tmp_path / "server", "the press")
    server = make_plant("--certificate", str(tmp_path / "server"))
    typed = {"name": "Press", "endpoint": server.endpoint, "security_policy": "Basic256Sha256",
             "security_mode": "SignAndEncrypt", "confirm_unchanged": "on", "backfill": "on"}  # fmt: skip
    asked = text_of(manager.post("/connectors/test/opcua/", typed, headers=HTMX))
    assert "trust this certificate" in asked
    assert fingerprint in asked.replace(" ", "")
    typed["server_fingerprint"] = fingerprint
    assert "The test succeeded" in text_of(manager.post("/connectors/test/opcua/", typed, headers=HTMX))

    saved = manager.post("/connectors/add/opcua/", typed)
    assert saved.status_code == 302
    with tenant_scope(floor.company.tenant_id):
        row = Connection.objects.get(name="Press")
    assert saved["Location"] == f"/connectors/{row.pk}/browse/"
    assert "Press 1" in text_of(manager.get(saved["Location"]))
    root = text_of(manager.get(f"/connectors/{row.pk}/browse/nodes/"))
    assert "Press" in root
    level = manager.get(f"/connectors/{row.pk}/browse/nodes/", {"address": PRESS + "Press"})
    picks = [
        html.unescape(each) for each in re.findall(r'name="node" value="([^"]*)"', level.content.decode())
    ]
    chosen = [each for each in picks if '"Speed"' in each or '"Program"' in each or '"Running"' in each]
    assert len(chosen) == 3
    done = manager.post(
        f"/connectors/{row.pk}/browse/pick/", {"asset": floor.asset_id, "node": chosen}, follow=True
    )
    assert "3 nodes are read from now on." in text_of(done)
    with tenant_scope(floor.company.tenant_id):
        kinds = dict(Point.objects.filter(asset_id=floor.asset_id).values_list("key", "kind"))
        assert kinds == {"speed": 0, "program": 4, "running": 3}
        assert Binding.objects.get(point__key="speed").address == PRESS + "Speed"
    again = manager.get(f"/connectors/{row.pk}/browse/nodes/", {"address": PRESS + "Press"}).content.decode()
    assert "read already" in again


def test_a_server_that_is_away_is_told_in_the_tree(
    manager: Client, make_connection: Callable[..., Connection]
) -> None:
    row = make_connection()
    answer = text_of(manager.get(f"/connectors/{row.pk}/browse/nodes/"))
    assert "Nothing listens at" in answer
    assert "Try again" in answer


def test_a_connection_is_switched_and_taken_away(
    manager: Client, floor: Floor, make_connection: Callable[..., Connection]
) -> None:
    row = make_connection()
    off = manager.post(f"/connectors/{row.pk}/switch/", {"enabled": "0"}, follow=True)
    assert "Switched off" in text_of(off)
    gone = manager.post(f"/connectors/{row.pk}/delete/", follow=True)
    assert "Press line is gone" in text_of(gone)
    with tenant_scope(floor.company.tenant_id):
        assert not Connection.objects.filter(pk=row.pk).exists()


def test_a_waiting_device_is_adopted_with_one_click(
    manager: Client, floor: Floor, make_connection: Callable[..., Connection]
) -> None:
    assert "Nobody waits" in text_of(manager.get("/connectors/waiting/"))
    row = make_connection()
    with tenant_scope(floor.company.tenant_id):
        device = WaitingDevice.objects.create(
            connection=row, key="hall/meter7", first_seen_at=NOW, last_seen_at=NOW
        )
        other = WaitingDevice.objects.create(connection=row, key="noise", first_seen_at=NOW, last_seen_at=NOW)
        for waiting in (device, other):
            WaitingKey.objects.create(
                waiting_device=waiting, key="power", address=f"{waiting.key}#power", sample="41.5",
                first_seen_at=NOW, last_seen_at=NOW,
            )  # fmt: skip
    page = text_of(manager.get("/connectors/waiting/"))
    assert "41.5" in page
    adopted = manager.post(f"/connectors/waiting/{device.pk}/adopt/", {"asset": floor.asset_id}, follow=True)
    assert "hall/meter7 is adopted: 1 value is stored from now on." in text_of(adopted)
    manager.post(f"/connectors/waiting/{other.pk}/ignore/")
    assert "Nobody waits" in text_of(manager.get("/connectors/waiting/"))


def test_strangers_see_nothing(
    make_connection: Callable[..., Connection], stranger: Company, sign_in: Callable[[Any], Client]
) -> None:
    row = make_connection()
    assert Client().get("/connectors/").status_code == 302
    other = sign_in(stranger.manager)
    assert "Press line" not in text_of(other.get("/connectors/"))
    for path in ("", "edit/", "browse/", "browse/nodes/"):
        assert other.get(f"/connectors/{row.pk}/{path}").status_code == 404
    for path in ("switch/", "delete/", "browse/pick/"):
        assert other.post(f"/connectors/{row.pk}/{path}", {"asset": "1", "node": "{}"}).status_code == 404, (
            path
        )


def test_a_list_of_many_costs_as_many_queries_as_a_list_of_one(
    manager: Client, floor: Floor, make_connection: Callable[..., Connection]
) -> None:
    from django.db import connection as database
    from django.test.utils import CaptureQueriesContext

    from connectors import services

    make_connection()

    def count(path: str) -> int:
        manager.get(path)
        with CaptureQueriesContext(database) as caught:
            text_of(manager.get(path))
        return len(caught)

    with_one = count("/connectors/")
    with tenant_scope(floor.company.tenant_id):
        for number in range(20):
            row = services.create_connection(
                kind="opcua", name=f"C{number}", options={"endpoint": "opc.tcp://127.0.0.1:1"}
            )
            ConnectionStatus.objects.create(connection=row, state=ConnectionState.RUNNING)
    assert count("/connectors/") == with_one


def test_an_mqtt_connection_is_made_by_the_same_form(manager: Client, floor: Floor) -> None:
    form = text_of(manager.get("/connectors/add/mqtt/"))
    assert 'name="topics"' in form
    fields = {"name": "Meters", "url": "mqtt://10.0.0.5:1883", "topics": "plant/+/energy\nhall/#\n", "layout": "json",
              "check_host": "on", "qos": "1", "password": "s3cret-word", "username": "me"}  # fmt: skip
    saved = manager.post("/connectors/add/mqtt/", fields)
    assert saved.status_code == 302, html.unescape(saved.content.decode())
    with tenant_scope(floor.company.tenant_id):
        row = Connection.objects.get(name="Meters")
    assert row.options["topics"] == ["plant/+/energy", "hall/#"]
    assert "s3cret-word" not in str(row.options)
    assert saved["Location"] == f"/connectors/{row.pk}/"
    page = text_of(manager.get(f"/connectors/{row.pk}/edit/"))
    assert "plant/+/energy\nhall/#" in page
    refused = manager.post("/connectors/add/mqtt/", {**fields, "name": "Bad", "topics": "a/#/b"})
    assert refused.status_code == 422

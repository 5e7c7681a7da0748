"""Devices by hand: made, given a credential that is shown once, revoked, taken out of use; nobody else's."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from connectors.mqtt.names import name_by_user
from forgeline.assets import services as assets
from forgeline.assets.models import Device, DeviceCredential
from forgeline.base.mqtt_password import verify_password
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.connectors.pages.conftest import Floor

LIST = "/connectors/devices/"


@pytest.fixture
def page(floor: Floor, sign_in: Callable[[Any], Client]) -> Client:
    return sign_in(floor.company.manager)


def _make(page: Client, floor: Floor, key: str = "press-plc") -> str:
    answer = page.post(LIST, {"key": key, "name": "Gateway 3", "asset": str(floor.asset_id)})
    assert answer.status_code == 302
    return str(answer["Location"])


def _text(answer: Any) -> str:
    return str(answer.content.decode())


def test_from_nothing_to_a_device_that_may_sign_in(page: Client, floor: Floor, settings: Any) -> None:
    assert "No devices yet" in _text(page.get(LIST))
    with tenant_scope(floor.company.tenant_id):
        for key in ("power", "speed"):
            assets.create_point(asset_id=floor.asset_id, key=key, name=key)
    path = _make(page, floor)
    assert "cannot sign in" in _text(page.get(path))
    settings.CONNECTORS = {**settings.CONNECTORS, "MQTT_PUBLIC_URL": "mqtts://plant.example.com:8883"}
    shown = _text(page.post(path, {"make": "1"}))
    with tenant_scope(floor.company.tenant_id):
        row = DeviceCredential.objects.get()
    password = re.findall(r'data-copy="([^" ]+)"', shown)[0]
    assert verify_password(password, row.password_hash)
    for word in (row.username, "plant.example.com", "8883", f"t/{row.username}/telemetry", "mosquitto_pub"):
        assert word in shown
    # What is typed in as shown reaches the machine's own points, whose names are told.
    assert name_by_user(f"t/{row.username}/telemetry").prefix == ""
    assert all(f"<code>{key}</code>" in shown for key in ("power", "speed"))
    assert "-m &#x27;{&quot;power&quot;: 21.5}&#x27;" in shown
    assert password not in _text(page.get(path))
    assert "may sign in" in _text(page.get(LIST))


def test_a_broker_of_this_machine_is_told_by_the_name_that_the_reader_came_by(
    page: Client, floor: Floor, settings: Any
) -> None:
    settings.CONNECTORS = {**settings.CONNECTORS, "MQTT_PUBLIC_URL": "mqtt://127.0.0.1:1884"}
    settings.ALLOWED_HOSTS = ["testserver", "works.local"]
    path = _make(page, floor)
    shown = _text(page.post(path, {"make": "1"}, headers={"host": "works.local:8000"}))
    assert "mosquitto_pub -h works.local -p 1884 -u" in shown


def test_a_credential_is_revoked_and_a_device_retired(page: Client, floor: Floor) -> None:
    path = _make(page, floor)
    page.post(path, {"make": "1"})
    with tenant_scope(floor.company.tenant_id):
        row = DeviceCredential.objects.get()
    assert "within five seconds" in _text(page.post(path, {"revoke": str(row.pk)}, follow=True))
    assert "revoked already" in _text(page.post(path, {"revoke": str(row.pk)}, follow=True))
    assert "revoked already" in _text(page.post(path, {"revoke": "x"}, follow=True))
    with tenant_scope(floor.company.tenant_id):
        assert DeviceCredential.objects.get().revoked_at is not None
    assert "its history stays" in _text(page.post(path, {"retire": "1"}, follow=True))
    with tenant_scope(floor.company.tenant_id):
        assert Device.objects.get().retired_at is not None


def test_a_key_is_needed_and_taken_once(page: Client, floor: Floor) -> None:
    _make(page, floor)
    for given in ({"key": ""}, {"key": "press-plc"}, {"key": "other", "asset": "999999"}):
        assert page.post(LIST, given).status_code == 422


def test_a_viewer_looks_and_a_stranger_does_not(
    page: Client, floor: Floor, stranger: Company, sign_in: Callable[[Any], Client]
) -> None:
    path = _make(page, floor)
    viewer = sign_in(floor.company.viewer)
    assert "Make a credential" not in _text(viewer.get(path))
    viewer.post(path, {"make": "1"})
    viewer.post(path, {"retire": "1"})
    viewer.post(LIST, {"key": "sneaked-in"})
    assert "sneaked-in" not in _text(viewer.get(LIST))
    with tenant_scope(floor.company.tenant_id):
        assert not DeviceCredential.objects.exists()
        assert Device.objects.get().retired_at is None
    foreign = sign_in(stranger.manager)
    assert foreign.get(path).status_code == 404
    assert foreign.post(path, {"make": "1"}).status_code == 404
    assert "press-plc" not in _text(foreign.get(LIST))

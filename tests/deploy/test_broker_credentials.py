"""From the database to the broker's files: the command that production's `credentials` service runs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from forgeline.assets.models import Device, DeviceCredential
from forgeline.embedded.credentials import hash_password, verify_password
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.deploy.compose import ROOT


@pytest.fixture
def platform_password(monkeypatch: pytest.MonkeyPatch) -> str:
    """The password of the platform's own user."""
    monkeypatch.setitem(settings.CONNECTORS, "MQTT_URL", "mqtt://forgeline@mosquitto:1883")
    monkeypatch.setitem(settings.CONNECTORS, "MQTT_PASSWORD", "platform-secret")
    return "platform-secret"


def make_credential(company: Company, username: str) -> DeviceCredential:
    """Give a new device of this company a user at the broker."""
    with tenant_scope(company.tenant_id):
        device = Device.objects.create(tenant_id=company.tenant_id, key=username, name=username)
        return DeviceCredential.objects.create(
            tenant_id=company.tenant_id,
            device=device,
            username=username,
            password_hash=hash_password(username),
        )


def users(folder: Path) -> dict[str, str]:
    """Return what the password file says: user → hash."""
    if not (folder / "passwords").is_file():
        return {}
    lines = (folder / "passwords").read_text().splitlines()
    return {name: stored for name, _, stored in (line.partition(":") for line in lines)}


def test_live_credentials_of_every_company_are_written_and_revoked_ones_not(
    company: Company, stranger: Company, platform_password: str, tmp_path: Path
) -> None:
    for owner, username in ((company, "press-1"), (company, "press-2"), (stranger, "oven")):
        make_credential(owner, username)
    with tenant_scope(company.tenant_id):
        DeviceCredential.objects.filter(username="press-2").update(revoked_at=timezone.now())
    call_command("sync_broker_credentials", folder=tmp_path)
    assert set(users(tmp_path)) == {"forgeline", "press-1", "oven"}
    assert verify_password(platform_password, users(tmp_path)["forgeline"])
    assert verify_password("press-1", users(tmp_path)["press-1"])
    assert "pattern write t/%u/#" in (tmp_path / "acl").read_text()


def test_nothing_is_written_anew_where_nothing_changed(
    company: Company, platform_password: str, tmp_path: Path
) -> None:
    make_credential(company, "press-1")
    call_command("sync_broker_credentials", folder=tmp_path)
    before = {path.name: (path.stat().st_ino, path.read_text()) for path in tmp_path.iterdir()}
    call_command("sync_broker_credentials", folder=tmp_path)
    assert {path.name: (path.stat().st_ino, path.read_text()) for path in tmp_path.iterdir()} == before


def test_it_follows_changes_until_it_is_stopped(
    live_company: Company, child_environment: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "credentials"
    command = [sys.executable, "manage.py", "sync_broker_credentials", "--watch", "--folder", str(folder)]
    environment = child_environment | {"FORGELINE_MQTT_PASSWORD": "platform-secret"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        wait_for(lambda: set(users(folder)) == {"forgeline"}, "the platform's own user", process)
        make_credential(live_company, "press-1")
        wait_for(lambda: "press-1" in users(folder), "the new device", process)
        with tenant_scope(live_company.tenant_id):
            DeviceCredential.objects.all().delete()
        wait_for(lambda: "press-1" not in users(folder), "the device going", process)
        assert os.stat(folder / "passwords").st_mode & 0o777 == 0o640
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()


def wait_for(condition: Callable[[], bool], what: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the condition holds, or fail saying what was waited for."""
    deadline = time.monotonic() + 20
    while not condition():
        assert process.poll() is None, f"it ended while waiting for {what}"
        assert time.monotonic() < deadline, f"waited 20 s for {what}"
        time.sleep(0.05)

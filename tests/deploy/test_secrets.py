"""make-secrets makes each secret once, keeps what is there, and lets nobody else in."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.deploy.compose import ROOT, read_compose

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="make-secrets needs openssl")


def make_secrets(host: str, folder: Path) -> str:
    """Run the script; returns what it said."""
    script = ROOT / "platform/deploy/make-secrets"
    ran = subprocess.run(["sh", script, host, folder], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_it_makes_what_compose_reads_and_never_overwrites(tmp_path: Path) -> None:
    folder = tmp_path / "compose"
    make_secrets("plant.example.com", folder)
    wanted = {Path(secret["file"]).name for secret in read_compose()["secrets"].values()}
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert wanted | {"mqtt_ca_key"} == set(made)
    assert len(set(made.values())) == len(made), "two secrets are the same"
    assert all(len(text.strip()) >= 64 for name, text in made.items() if name.endswith(("_password", "_key")))

    assert make_secrets("plant.example.com", folder) == ""
    assert {path.name: path.read_text() for path in folder.iterdir()} == made

    (folder / "mqtt_password").unlink()
    assert make_secrets("plant.example.com", folder).count("made ") == 1
    assert (folder / "mqtt_password").read_text() != made["mqtt_password"]


def test_the_urls_hold_the_passwords(tmp_path: Path) -> None:
    make_secrets("localhost", tmp_path)
    for url, password in (("database_url", "database_admin_password"), ("redis_url", "valkey_password")):
        assert (
            urlsplit((tmp_path / url).read_text().strip()).password
            == (tmp_path / password).read_text().strip()
        )


def test_others_on_the_machine_are_kept_out(tmp_path: Path) -> None:
    folder = tmp_path / "compose"
    make_secrets("localhost", folder)
    assert folder.stat().st_mode & 0o077 == 0
    # Docker hands the file itself to a container, where a user of another number reads it.
    assert os.stat(folder / "secret_key").st_mode & 0o444 == 0o444
    assert (folder / "mqtt_ca_key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("host", ["plant.example.com", "192.0.2.7"])
def test_the_certificate_is_for_the_host(tmp_path: Path, host: str) -> None:
    make_secrets(host, tmp_path)
    decoded = ssl._ssl._test_decode_cert(str(tmp_path / "mqtt_certificate"))  # type: ignore[attr-defined]
    assert host in {value for _kind, value in decoded["subjectAltName"]}
    context = ssl.create_default_context(cafile=str(tmp_path / "mqtt_ca"))
    context.load_cert_chain(tmp_path / "mqtt_certificate", tmp_path / "mqtt_key")

"""The first start of production: what the `migrate` service runs, word for word, on a real TimescaleDB."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.deploy.compose import ROOT, services
from tests.deploy.test_secrets import make_secrets
from tests.services import timescale
from tests.services.requirement import skip_or_fail

pytestmark = [
    pytest.mark.timescale,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="make-secrets needs openssl"),
]
DATABASE = "forgeline_first_start"


@pytest.fixture
def own_timescale() -> Iterator[str]:
    """A server of this test's own: roles and their passwords belong to a server, and the others have theirs."""
    skip_or_fail("timescale", timescale.why_unavailable())
    with timescale.running_timescale() as url:
        yield url


def run_migrate(tmp_path: Path, timescale_url: str) -> subprocess.CompletedProcess[str]:
    """Run the service's command with its own environment, its secrets and addresses moved here."""
    secrets = tmp_path / "secrets"
    make_secrets("localhost", secrets)
    (secrets / "database_url").write_text(timescale_url.removesuffix("/postgres") + f"/{DATABASE}")
    service = services()["migrate"]
    given = {
        name: str(value).replace("/run/secrets", str(secrets)).split("${")[0]
        for name, value in service["environment"].items()
        if name not in {"FORGELINE_ALLOWED_HOSTS", "FORGELINE_TRUSTED_ORIGINS"}
    }
    # `python` is that of this run; nothing else of its environment counts.
    (tmp_path / "bin").mkdir(exist_ok=True)
    (tmp_path / "bin/python").unlink(missing_ok=True)
    (tmp_path / "bin/python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tmp_path / "bin/python").chmod(0o755)
    environment = given | {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}",
        "FORGELINE_VAR": str(tmp_path / "var"),
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
    }
    return subprocess.run(
        service["command"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_migrate_makes_roles_and_tables_and_may_run_again(tmp_path: Path, own_timescale: str) -> None:
    first = run_migrate(tmp_path, own_timescale)
    assert first.returncode == 0, first.stderr
    again = run_migrate(tmp_path, own_timescale)
    assert again.returncode == 0, again.stderr
    assert "No migrations to apply" in again.stdout

    own = own_timescale.split("@")[1].removesuffix("/postgres")
    password = (tmp_path / "secrets/database_app_password").read_text().strip()
    with psycopg.connect(f"postgresql://forgeline_app:{password}@{own}/{DATABASE}") as app:
        assert app.execute("SELECT count(*) FROM telemetry_read_latest").fetchone() == (0,)
    with psycopg.connect(own_timescale, dbname=DATABASE) as admin:
        hypertables = "SELECT count(*) FROM timescaledb_information.hypertables"
        assert admin.execute(hypertables).fetchone() != (0,)

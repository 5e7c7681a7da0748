"""`manage.py move_store` takes everything to a TimescaleDB, and what runs there goes on."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import numpy as np
import psycopg
import pytest

from forgeline.base.clock import now_us
from forgeline.telemetry import ingest
from forgeline.telemetry.engines.connection import store_connection
from forgeline.telemetry.sample import SampleBatch
from tests.bring import PASSWORDS
from tests.telemetry.conftest import Plant

HOUR_US = 3_600_000_000


@pytest.mark.timescale
@pytest.mark.timeout(280)
def test_the_store_moves(
    plant: Plant, child_environment: dict[str, str], timescale_url: str, settings: Any
) -> None:
    fast = plant.add_point("fast", expected_interval_s=1.0)
    word = plant.add_point("word", kind=4)
    start = (now_us() - 50 * HOUR_US) // HOUR_US * HOUR_US
    ts = start + np.arange(0, 40 * HOUR_US, 10_000_000)
    ingest.ingest_batch(SampleBatch.from_columns(np.full(len(ts), fast), ts, np.arange(len(ts))))
    ingest.ingest_batch(SampleBatch.from_columns([word], [start], [float("nan")], text=["ready"]))
    ingest.flush()
    with store_connection() as connection:
        connection.execute("UPDATE telemetry_writer SET seen_at = now() - interval '1 minute'")
    target = urlunsplit(urlsplit(timescale_url)._replace(path=f"/moved_{secrets.token_hex(4)}"))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, os.fspath(settings.BASE_DIR / "manage.py"), "move_store", *arguments],
            env=child_environment, capture_output=True, text=True, check=False, timeout=240,
        )  # fmt: skip

    done = run(target)
    assert done.returncode == 0, done.stderr
    with store_connection() as old, psycopg.connect(target) as new:
        assert new.execute("SELECT engine FROM telemetry_engine()").fetchone() == ("timescale",)
        for table in (
            "telemetry_sample",
            "telemetry_text",
            "telemetry_rollup_1m",
            "telemetry_rollup_1h",
            "telemetry_latest",
        ):
            query = f"SELECT count(*), sum(hashtext(t::text)) FROM {table} t"
            assert new.execute(query).fetchone() == old.execute(query).fetchone(), table
        assert new.execute("SELECT name FROM tenancy_tenant").fetchall() == [("Alice",)]
        forced = "SELECT count(*) FROM pg_class WHERE relforcerowsecurity"
        assert new.execute(forced).fetchone() == old.execute(forced).fetchone()
    parts = urlsplit(target)
    app = urlunsplit(parts._replace(netloc=f"forgeline_app:{PASSWORDS['app']}@{parts.hostname}:{parts.port}"))
    with psycopg.connect(app) as connection:
        assert connection.execute("SELECT count(*) FROM telemetry_read_sample").fetchone() == (0,)
        connection.execute("SELECT set_config('forgeline.tenant_id', %s, true)", [str(plant.tenant_id)])
        assert connection.execute("SELECT count(*) FROM telemetry_read_sample").fetchone() == (len(ts),)
    # A second time it is refused: there is something to lose.
    again = run(target)
    assert again.returncode != 0
    assert "in use already" in again.stderr

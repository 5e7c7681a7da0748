"""The native TimescaleDB is real: hypertables, COPY, concurrency; and it leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
import threading

import psycopg
import pytest

from tests.services import chroot, timescale
from tests.services.requirement import SWITCH, skip_or_fail

pytestmark = pytest.mark.timescale


@pytest.fixture(scope="module")
def store(timescale_url: str) -> str:
    """URL of a database with the extension and one hypertable."""
    with psycopg.connect(timescale_url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE proof")
    url = timescale_url.removesuffix("/postgres") + "/proof"
    with psycopg.connect(url) as connection:
        connection.execute("CREATE EXTENSION timescaledb")
        connection.execute("CREATE TABLE sample (point_id int, ts timestamptz NOT NULL, value float8)")
        connection.execute("SELECT create_hypertable('sample', by_range('ts', INTERVAL '1 day'))")
        connection.execute("CREATE UNIQUE INDEX ON sample (point_id, ts)")
    return url


def test_it_is_the_apache_edition_on_a_password(store: str) -> None:
    with psycopg.connect(store) as connection:
        edition = connection.execute("SHOW timescaledb.license").fetchone()
        assert edition == ("apache",)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(store.replace("postgres:", "postgres:wrong", 1)).close()


def test_copy_fills_chunks_from_two_connections_at_once(store: str) -> None:
    def write(point_id: int) -> None:
        with (
            psycopg.connect(store) as connection,
            connection.cursor() as cursor,
            cursor.copy("COPY sample FROM STDIN") as copy,
        ):
            for day in range(1, 6):
                for minute in range(60):
                    copy.write_row((point_id, f"2026-01-{day:02}T00:{minute:02}:00Z", minute))

    writers = [threading.Thread(target=write, args=(point_id,)) for point_id in (1, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with psycopg.connect(store) as connection:
        assert connection.execute("SELECT count(*) FROM sample").fetchone() == (600,)
        assert connection.execute("SELECT count(*) FROM show_chunks('sample')").fetchone() == (5,)


def test_two_servers_run_beside_each_other_and_leave_nothing(store: str) -> None:
    with timescale.running_timescale() as other, psycopg.connect(other) as connection:
        pid_folder = connection.execute("SHOW data_directory").fetchone()
        assert pid_folder is not None
        assert other.rsplit(":", 1)[1] != store.rsplit(":", 1)[1]
        outside = chroot.chroot_folder() / pid_folder[0].removeprefix("/")
        assert outside.is_dir()
    assert not outside.parent.exists()


def test_a_server_dies_with_the_process_that_started_it(store: str) -> None:
    script = (
        "import os, psycopg\n"
        "from tests.services.timescale import running_timescale\n"
        "with running_timescale() as url:\n"
        "    print(url, flush=True)\n"
        "    os._exit(9)\n"
    )
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert child.returncode == 9, child.stderr
    port = child.stdout.strip().rsplit(":", 1)[1].split("/")[0]
    for _ in range(100):
        still = subprocess.run(["pgrep", "-f", f"port={port}$"], capture_output=True, text=True, check=False)
        if not still.stdout.strip():
            return
        threading.Event().wait(0.1)
    pytest.fail(f"a PostgreSQL still runs with port {port}: {still.stdout}")


def test_the_switch_turns_a_skip_into_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "browser")
    with pytest.raises(pytest.skip.Exception):
        skip_or_fail("timescale", "it is not here")
    monkeypatch.setenv(SWITCH, "browser, timescale")
    with pytest.raises(pytest.fail.Exception, match="it is not here"):
        skip_or_fail("timescale", "it is not here")
    monkeypatch.setenv(SWITCH, "timescaledb")
    with pytest.raises(ValueError, match="timescaledb"):
        skip_or_fail("timescale", None)

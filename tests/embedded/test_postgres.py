"""PostgreSQL from the wheel: passwords, folders, killed servers and foreign data."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from forgeline.embedded import privileges
from forgeline.embedded.postgres import PostgresServer, server_major
from forgeline.embedded.privileges import drop_root
from forgeline.embedded.service import ServiceError
from tests.embedded.processes import ROOT, is_gone, wait_for

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a root to drop")


def server(folder: Path) -> PostgresServer:
    return PostgresServer(folder / "postgres", password="a pass/word@", durable=False)


def test_it_asks_for_a_password_keeps_its_rows_and_listens_on_loopback_alone(tmp_path: Path) -> None:
    with server(tmp_path) as running, psycopg.connect(running.url(), autocommit=True) as admin:
        admin.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        shown = {
            name: admin.execute(f"SHOW {name}").fetchone()[0] for name in ("listen_addresses", "timezone")
        }
        assert shown == {"listen_addresses": "127.0.0.1", "timezone": "UTC"}
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(running.url().replace("a%20pass", "another"))
        # Neither is the socket a way around the password, nor its folder open to others.
        assert running.folder.stat().st_mode & 0o777 == 0o700
        assert "trust" not in (running.data / "pg_hba.conf").read_text().split("# TYPE")[1]
    assert not running.is_running
    with server(tmp_path) as again, psycopg.connect(again.url()) as admin:
        assert admin.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_commits_are_synchronous_unless_a_test_says_otherwise(tmp_path: Path) -> None:
    durable = PostgresServer(tmp_path / "postgres", password="x")
    with durable as running, psycopg.connect(running.url()) as admin:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert admin.execute(f"SHOW {setting}").fetchone() == ("on",)


def test_a_killed_server_comes_back_on_its_port_with_what_was_committed(tmp_path: Path) -> None:
    with PostgresServer(tmp_path / "postgres", password="x") as running:
        port = running.port
        with psycopg.connect(running.url(), autocommit=True) as admin:
            admin.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
        assert running.process is not None
        running.process.send_signal(signal.SIGKILL)
        wait_for(lambda: not running.is_running, "the server to die")
        running.start()
        assert running.port == port
        with psycopg.connect(running.url()) as admin:
            assert admin.execute("SELECT count(*) FROM kept").fetchone() == (1000,)


def test_it_ends_with_a_killed_supervisor_and_the_next_one_waits_for_that(tmp_path: Path) -> None:
    starts = textwrap.dedent(f"""
        import sys, time; sys.path[:0] = [{str(ROOT / "platform")!r}]
        from pathlib import Path
        from forgeline.embedded.postgres import PostgresServer
        running = PostgresServer(Path({str(tmp_path / "postgres")!r}), password="a pass/word@", durable=False).start()
        print(running.process.pid, flush=True); time.sleep(600)
    """)
    supervisor = subprocess.Popen([sys.executable, "-c", starts], stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    first = int(supervisor.stdout.readline())
    supervisor.kill()
    supervisor.wait()
    # At once: the first still holds the folder.
    with server(tmp_path) as second:
        assert is_gone(first)
        assert second.is_ready()


def test_a_pid_file_whose_number_has_gone_to_another_program_is_no_hindrance(tmp_path: Path) -> None:
    with server(tmp_path) as running:
        left = (running.data / "postmaster.pid").read_text()
        assert running.process is not None
        running.process.send_signal(signal.SIGKILL)
        wait_for(lambda: not running.is_running, "the server to die")
        # PostgreSQL looks whether the number lives; ours does, and so does that of a child of the same user.
        sleeper = subprocess.Popen([*words_without_root(running), "sleep", "60"])
        try:
            (running.data / "postmaster.pid").write_text(left.replace(left.split()[0], str(sleeper.pid), 1))
            assert running.start().is_ready()
        finally:
            sleeper.kill()
            sleeper.wait()


def words_without_root(running: PostgresServer) -> tuple[str, ...]:
    way = drop_root(running.folder, Path("/bin/sleep"))
    return way.words if way else ()


def test_the_data_of_another_major_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with server(tmp_path) as running:
        pass
    (running.data / "PG_VERSION").write_text("15\n")
    with pytest.raises(
        ServiceError, match=rf"PostgreSQL 15, this Forgeline brings {server_major()}.*make restore"
    ):
        server(tmp_path).start()


def test_a_folder_that_is_no_cluster_is_left_as_it_is(tmp_path: Path) -> None:
    precious = tmp_path / "postgres" / "data" / "precious"
    precious.parent.mkdir(parents=True)
    precious.write_text("mine")
    with pytest.raises(ServiceError, match="no data folder of PostgreSQL"):
        server(tmp_path).start()
    assert precious.read_text() == "mine"


def test_a_first_start_that_was_cut_off_is_made_anew(tmp_path: Path) -> None:
    half = tmp_path / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with server(tmp_path) as running:
        assert running.is_ready()
    assert not half.exists()


def test_it_starts_in_a_folder_too_deep_for_a_socket(tmp_path: Path) -> None:
    with server(tmp_path / ("deep" * 30)) as running:
        assert running.is_ready()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with server(tmp_path) as running:
        pass
    with (running.data / "postgresql.conf").open("a") as config:
        config.write("\nno_such_setting = 1\n")
    begun = time.monotonic()
    with pytest.raises(ServiceError, match=r"postgres did not start: .*postgres\.log"):
        server(tmp_path).start()
    assert time.monotonic() - begun < 10


@as_root
@pytest.mark.parametrize("way", privileges._WAYS, ids=lambda way: way.words[0])
def test_root_is_dropped_in_either_way_and_a_folder_changes_hands(
    way: privileges.Unprivileged,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reachable: Callable[[Path], None],
) -> None:
    reachable(tmp_path)
    with server(tmp_path) as running, psycopg.connect(running.url(), autocommit=True) as admin:
        admin.execute("CREATE TABLE kept AS SELECT 1 AS n")
    monkeypatch.setattr(privileges, "_WAYS", (way,))
    with server(tmp_path) as running, psycopg.connect(running.url()) as admin:
        assert admin.execute("SELECT n FROM kept").fetchone() == (1,)
        assert running.data.stat().st_uid == way.owner_id


@as_root
def test_it_runs_where_only_root_may_enter(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    if not privileges._reaches(privileges._WAYS[0], "-d", closed):
        pytest.skip("this machine forbids user namespaces")
    with server(closed) as running:
        assert running.is_ready()


@as_root
def test_where_no_way_leads_to_the_folder_root_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(privileges, "_WAYS", privileges._WAYS[1:])
    with pytest.raises(ServiceError, match=r"as an ordinary user.*FORGELINE_DATABASE_URL"):
        server(closed).start()

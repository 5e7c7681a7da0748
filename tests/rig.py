"""A living Forgeline of real processes on free ports: for benchmarks and for tests that kill its parts.

Services are durable here. Not here: what is measured or broken.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from forgeline.embedded.broker import Broker, make_broker
from forgeline.embedded.postgres import PostgresServer
from forgeline.embedded.service import free_port
from forgeline.embedded.valkey import ValkeyServer
from forgeline.telemetry import ingest
from tests import bring

ROOT = Path(settings.BASE_DIR)
DBNAME = bring.MIGRATED


@dataclass
class Rig:
    """The services and the processes started so far."""

    folder: Path
    postgres: PostgresServer
    valkey: ValkeyServer
    broker: Broker
    services: bring.Services
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    http_port: int = 0
    _fleets: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def owner_url(self) -> str:
        return (
            f"postgresql://forgeline_owner:{bring.PASSWORDS['owner']}@127.0.0.1:{self.postgres.port}/{DBNAME}"
        )

    def environment(self) -> dict[str, str]:
        return self.services.environment(DBNAME, self.folder / "var") | {
            "FORGELINE_MQTT_URL": self.broker.url,
            "FORGELINE_LOG_LEVEL": "WARNING",
            # What is asked for here by one company in a minute is beyond what a server lets one have.
            "FORGELINE_API_CALLS_PER_MINUTE": "1000000",
        }

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a process under a name; its words go to ``<name>.log``."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT, env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self.processes[name] = process
        return process

    def start_connectors(self, name: str = "connectors") -> subprocess.Popen[bytes]:
        return self.start(name, str(ROOT / "manage.py"), "run_connectors")

    def wait_for_broker_connection(self) -> None:
        """Wait until a connector process has subscribed: before its first session a broker keeps nothing for it."""
        running = (
            "SELECT 1 FROM connectors_connectionstatus s JOIN connectors_connection c ON c.id = s.connection_id"
            " WHERE c.kind = 'broker' AND s.state = 'running'"
        )
        self.wait(lambda: bool(self.ask(running)), "the platform's broker connection runs", within_s=30)

    def start_web(self) -> subprocess.Popen[bytes]:
        """Start the web server and wait until it is ready."""
        self.http_port = self.http_port or free_port()
        return self._start_web("web", self.http_port)

    def start_web_again(self) -> str:
        """Start a second web process and return its address."""
        port = free_port()
        self._start_web("web-2", port)
        return f"http://127.0.0.1:{port}"

    def _start_web(self, name: str, port: int) -> subprocess.Popen[bytes]:
        words = ("-m", "uvicorn", "forgeline.conf.asgi:application", "--port", str(port))
        process = self.start(name, *words, "--no-access-log", "--log-level", "warning")
        url = f"http://127.0.0.1:{port}/readyz"
        self.wait(lambda: _answers(url), "the web server answers", within_s=30)
        return process

    def start_credentials(self) -> None:
        """Keep mosquitto's files as the product does; the trial broker needs none."""
        folder = getattr(self.broker, "credentials", None)
        if folder is None:
            return
        pid_file = str(self.broker.pid_file)  # type: ignore[attr-defined]
        where = ["--folder", str(folder), "--pid-file", pid_file, "--watch"]
        self.start("credentials", str(ROOT / "manage.py"), "sync_broker_credentials", *where)

    def kill(self, name: str) -> None:
        """kill -9 a process with its session, and wait until it is gone."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def fleet(self, plan: dict[str, Any]) -> subprocess.Popen[bytes]:
        """Start a fleet of MQTT devices; its result is the JSON on its standard output."""
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.simulators.mqtt_fleet"],
            cwd=ROOT, env=self.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(json.dumps({"host": "127.0.0.1", "port": self.broker.port, **plan}).encode())
        process.stdin.close()
        process.stdin = None
        self._fleets.append(process)
        return process

    def end_fleets(self) -> None:
        """End the fleets that still send: a test that failed leaves them, and the next one counts what is stored."""
        for process in self._fleets:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        self._fleets.clear()

    def ask(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run a query as the server's superuser: row-level security binds even the owner."""
        with psycopg.connect(self.postgres.url(DBNAME)) as connection:
            return connection.execute(statement, parameters).fetchall()  # type: ignore[arg-type]

    def analyze(self) -> None:
        """Have the server look at its tables, as autovacuum would in a while."""
        with psycopg.connect(self.postgres.url(DBNAME), autocommit=True) as connection:
            connection.execute("ANALYZE")

    def committed(self, *, tenant_id: int | None = None) -> int:
        """Rows that the commit log says are stored: of one tenant, or of all."""
        which = (
            "SELECT coalesce(sum(inserted), 0) FROM telemetry_commit WHERE tenant_id = %s OR %s::int IS NULL"
        )
        return int(self.ask(which, tenant_id, tenant_id)[0][0])

    def wait(self, is_so: Callable[[], bool], what: str, *, within_s: float) -> None:
        """Wait until something holds. **Raises** AssertionError with the ends of the logs."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if is_so():
                return
            time.sleep(0.05)
        logs = [
            f"--- {path.name}\n{path.read_text(errors='replace')[-2000:]}"
            for path in self.folder.glob("*.log")
        ]
        raise AssertionError(f"within {within_s} s it did not come to this: {what}\n" + "\n".join(logs))

    def stop(self) -> None:
        self.end_fleets()
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def running_rig() -> Iterator[Rig]:
    """Bring durable services and a migrated database, with Django of this process pointed at them."""
    with tempfile.TemporaryDirectory(prefix="forgeline-rig-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        bring.copy_migrated_cluster(folder)
        postgres = stack.enter_context(PostgresServer(folder / "postgres", password=bring.ADMIN_PASSWORD))
        valkey = stack.enter_context(ValkeyServer(folder / "valkey"))
        broker = stack.enter_context(make_broker(folder / "broker"))
        services = bring.Services(admin_url=postgres.url("postgres"), redis_url=valkey.url)
        bring.point_django_at(services, DBNAME)
        call_command("check", verbosity=0)
        rig = Rig(folder, postgres, valkey, broker, services)
        try:
            yield rig
        finally:
            rig.stop()
            # A second rig in one process has another server.
            ingest.reset()
            connections.close_all()


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    return _status_mb(pid, "VmRSS:")


def peak_memory_mb(pid: int) -> float:
    """The most that a process ever held resident."""
    return _status_mb(pid, "VmHWM:")


def _status_mb(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    return 0.0


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False

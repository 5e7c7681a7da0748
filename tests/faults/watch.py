"""A rig under the supervisor of ``make up``: what a test kills comes back as it does for a user.

Not here: what is measured (the tests), the rig's services (rig).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psycopg

from forgeline.embedded.broker import MosquittoBroker
from forgeline.embedded.processes import Child, Supervisor
from forgeline.embedded.service import Service, free_port
from tests.rig import ROOT, Rig, memory_mb

MANAGE: Final = (sys.executable, str(ROOT / "manage.py"))
CELERY: Final = (sys.executable, "-m", "celery", "-A", "forgeline.conf.celery:app")


class Watch:
    """Services and processes by name. The supervisor looks whenever something is waited for."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.said: list[str] = []
        self.is_off_duty = False
        """Nothing is started again: a test wants to see what is told meanwhile."""
        self.supervisor = Supervisor(say=self.said.append)
        self.services: dict[str, Service] = {
            "database": rig.postgres, "broker": rig.broker, "cache": rig.valkey,
        }  # fmt: skip
        self.supervisor.services += self.services.values()
        self.children: dict[str, Child] = {}
        self.peak_mb: dict[str, float] = {}
        """The most memory that each process was seen with."""

    # --- processes ---

    def add(self, name: str, *argv: str) -> Child:
        """Start a process of the product and keep it alive."""
        folder = self.rig.folder / "metrics"
        folder.mkdir(exist_ok=True)
        surroundings = self.rig.environment() | {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
        child = Child(name, argv, surroundings, self.rig.folder / f"{name}.log")
        self.supervisor.add(child)
        self.children[name] = child
        return child

    def add_connectors(self, name: str = "connectors", *arguments: str) -> Child:
        """Start a connector process, and mosquitto's credentials with the first."""
        broker = self.rig.broker
        if isinstance(broker, MosquittoBroker) and "credentials" not in self.children:
            where = ("--folder", str(broker.credentials), "--pid-file", str(broker.pid_file))
            self.add("credentials", *MANAGE, "sync_broker_credentials", "--watch", *where)
        return self.add(name, *MANAGE, "run_connectors", *arguments)

    def add_web(self) -> Child:
        """Start the web server."""
        self.rig.http_port = self.rig.http_port or free_port()
        words = ("-m", "uvicorn", "forgeline.conf.asgi:application", "--port", str(self.rig.http_port))
        return self.add("web", sys.executable, *words, "--no-access-log", "--log-level", "warning")

    def add_worker(self) -> Child:
        """Start a Celery worker."""
        return self.add("worker", *CELERY, "worker", "--concurrency", "1", "--loglevel", "WARNING")

    # --- faults ---

    def pid(self, name: str) -> int:
        return self._process(name).pid

    def has_restarted(self, name: str, pid: int) -> bool:
        """Say whether another process runs in the place of the one that had this number."""
        process = (self.services.get(name) or self.children[name]).process
        return process is not None and process.pid != pid

    def _process(self, name: str) -> subprocess.Popen[bytes]:
        process = (self.services.get(name) or self.children[name]).process
        assert process is not None, f"{name} does not run"
        return process

    def kill(self, name: str) -> int:
        """kill -9; returns the number of the process that is gone."""
        pid = self.pid(name)
        if name in self.services:
            # The one process that was started: what it had started itself must find out, as after a crash.
            os.kill(pid, signal.SIGKILL)
        else:
            os.killpg(pid, signal.SIGKILL)
        self._process(name).wait(10)
        return pid

    def drop(self, name: str) -> None:
        """Kill a process for good: nobody starts it again."""
        child = self.children.pop(name)
        self.supervisor.children.remove(child)
        child.kill()

    def wait(self, is_so: Callable[[], Any], what: str, *, within_s: float = 60.0) -> float:
        """Wait until something holds, with the supervisor at work; returns the seconds that took.

        A database that is away has not said that it holds. **Raises** AssertionError with the ends of the logs.
        """
        started = time.monotonic()

        def look() -> bool:
            if not self.is_off_duty:
                self.supervisor.watch()
            self._weigh()
            try:
                return bool(is_so())
            except (psycopg.Error, OSError):
                return False

        self.rig.wait(look, what, within_s=within_s)
        return time.monotonic() - started

    def _weigh(self) -> None:
        for name, child in self.children.items():
            if child.is_running:
                with contextlib.suppress(OSError):
                    self.peak_mb[name] = max(self.peak_mb.get(name, 0.0), memory_mb(self.pid(name)))

    def wait_for_devices(self, usernames: list[str]) -> None:
        """Wait until the broker lets the devices in and somebody listens to them."""
        if isinstance(self.rig.broker, MosquittoBroker):
            path: Path = self.rig.broker.credentials / "passwords"
            self.wait(
                lambda: all(name in path.read_text(encoding="utf-8") for name in usernames),
                "the broker knows the devices",
            )
        self.wait(self.is_connected, "a connector process has subscribed at the broker")

    def is_connected(self) -> bool:
        """Tell whether a process that lives says that its subscription at the broker stands."""
        running = (
            "SELECT 1 FROM connectors_connectionstatus s JOIN connectors_connection c ON c.id = s.connection_id"
            " JOIN connectors_connectorprocess p ON p.name = s.owner"
            " WHERE c.kind = 'broker' AND s.state = 'running' AND p.expires_at > now()"
        )
        return bool(self.rig.ask(running))

    def close(self) -> None:
        """End the devices, then the processes in order; the services are the rig's."""
        self.rig.end_fleets()
        self.supervisor.services.clear()
        self.supervisor.stop()

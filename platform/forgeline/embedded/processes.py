"""Watch child processes: start in order, restart what dies and say so, stop everything in time, bound the logs.

Not here: which processes there are (up).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from forgeline.embedded.forked import Forked
from forgeline.embedded.service import Service, ServiceError, die_with_parent

RESTART_FIRST_S, RESTART_MOST_S = 0.5, 15.0
STEADY_AFTER_S = 30.0
"""A process that lived this long starts anew with the shortest pause."""
LOG_LIMIT_BYTES = 20 * 1024 * 1024

Say = Callable[[str], None]


@dataclass
class Child:
    """One process of the product, in a session of its own: Ctrl-C reaches the supervisor first."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    log_path: Path
    stop_signal: signal.Signals = signal.SIGTERM
    nice: int = 0
    is_forked: bool = False
    """It goes on with what the supervisor has loaded, where it would else load the same once more (decision 0022)."""
    process: subprocess.Popen[bytes] | Forked | None = None
    started_at: float = 0.0
    restart_at: float | None = None
    pause_s: float = RESTART_FIRST_S
    restarts: int = 0

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        self._forget_gauges()
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            if self.is_forked:
                self.process = Forked(self.name, self.argv, self.environment, log, before=self._settle)
            else:
                self.process = subprocess.Popen(
                    self.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=dict(self.environment),
                    start_new_session=True,
                    preexec_fn=self._settle,  # noqa: PLW1509  # the supervisor has no threads
                )
        self.started_at = time.monotonic()
        self.restart_at = None

    def _settle(self) -> None:
        die_with_parent(self.stop_signal)
        os.nice(self.nice)

    def _forget_gauges(self) -> None:
        """What a dead process last said of its queues is no longer so; its counters stay."""
        folder = self.environment.get("PROMETHEUS_MULTIPROC_DIR")
        if folder and self.process is not None:
            for left in Path(folder).glob(f"gauge_live*_{self.process.pid}.db"):
                left.unlink(missing_ok=True)

    def ask_to_stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)

    def kill(self) -> None:
        """Kill the whole session: a process that hangs may have children of its own."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait(5)

    def last_words(self) -> str:
        """Return the last line of its log, to be shown beside the news of its death."""
        with self.log_path.open("rb") as log:
            log.seek(max(0, self.log_path.stat().st_size - 4096))
            lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip()[:200] if lines else ""


@dataclass
class Supervisor:
    """The processes of one ``make up``: services first, then the product's own, in the order they are added."""

    say: Say
    services: list[Service] = field(default_factory=list)
    children: list[Child] = field(default_factory=list)
    _service_retry: dict[str, tuple[float, float]] = field(default_factory=dict)
    _logs_looked_at: float = 0.0

    def add_service(self, service: Service) -> None:
        """Start a service and watch it from here on."""
        # In the list first: a Ctrl-C while it starts must stop it too.
        self.services.append(service)
        service.start()

    def add(self, child: Child) -> None:
        """Start a process and watch it from here on."""
        self.children.append(child)
        child.start()

    def watch(self) -> None:
        """Look once: restart what has died, after a pause that grows while it keeps dying."""
        now = time.monotonic()
        for service in self.services:
            if not service.is_running:
                self._revive(service, now)
        for child in self.children:
            if child.is_running:
                if child.pause_s > RESTART_FIRST_S and now - child.started_at > STEADY_AFTER_S:
                    child.pause_s = RESTART_FIRST_S
            elif child.restart_at is None:
                self._tell_death(child, now)
            elif now >= child.restart_at:
                child.restarts += 1
                child.start()
        if now - self._logs_looked_at > 15:
            self._logs_looked_at = now
            bound_logs([c.log_path for c in self.children] + [s.log_path for s in self.services])

    def _tell_death(self, child: Child, now: float) -> None:
        code = (child.process.returncode if child.process is not None else 0) or 0
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        words = child.last_words()
        # What it had started itself must not go on beside its successor.
        child.kill()
        self.say(
            f"{child.name} {how}; it starts again in {child.pause_s:g} s."
            + (f" Last line: {words}" if words else "")
        )
        child.restart_at = now + child.pause_s
        child.pause_s = min(child.pause_s * 2, RESTART_MOST_S)

    def _revive(self, service: Service, now: float) -> None:
        due, pause = self._service_retry.get(service.name, (0.0, RESTART_FIRST_S))
        if now < due:
            return
        self.say(f"{service.name} has stopped; it starts again.")
        try:
            service.start()
        except ServiceError as error:
            self.say(f"{error} Trying again in {pause:g} s.")
            self._service_retry[service.name] = (now + pause, min(pause * 2, RESTART_MOST_S))
        else:
            self._service_retry.pop(service.name, None)

    def stop(self, *, children_within_s: float = 5.0, services_within_s: float = 4.0) -> None:
        """Stop the product's processes together, then the services in reverse; kill what does not heed in time."""
        for child in reversed(self.children):
            child.ask_to_stop()
        deadline = time.monotonic() + children_within_s
        while time.monotonic() < deadline and any(child.is_running for child in self.children):
            time.sleep(0.05)
        for child in self.children:
            if child.is_running:
                self.say(f"{child.name} did not stop in {children_within_s:g} s and was killed.")
            child.kill()
        until = time.monotonic() + services_within_s
        for service in reversed(self.services):
            service.stop(within_s=max(0.5, until - time.monotonic()))


def bound_logs(paths: Sequence[Path]) -> None:
    """Keep each log below its limit: what is over goes to ``<name>.1``, of which there is one.

    The file is copied and cut, because its writer holds it open (in append mode, so that it goes on at the start).
    """
    for path in paths:
        if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
            shutil.copyfile(path, path.with_suffix(path.suffix + ".1"))
            os.truncate(path, 0)

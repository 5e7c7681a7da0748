"""What every embedded service is made of: a child process, a free port, a log, a time to be ready in.

Not here: which service (postgres, valkey, broker), and who watches them (processes).
"""

from __future__ import annotations

import ctypes
import itertools
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

_PR_SET_PDEATHSIG = 1


class ServiceError(Exception):
    """A service cannot run; the message is one sentence with the remedy."""


def free_port(wanted: int | None = None, *, host: str = "127.0.0.1") -> int:
    """Return ``wanted`` if nobody listens there, else a port that is free now.

    From below the numbers that systems give to outgoing connections (Linux from 32768, others from 49152): one of
    those could be in use again before the service that it was found for listens on it.
    """
    ours = (20_000 + secrets.randbelow(12_768) for _ in range(50))
    for port in itertools.chain([wanted] if wanted else [], ours, [0]):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServiceError("No free port was found on this machine.")


def die_with_parent(by: signal.Signals = signal.SIGTERM) -> None:
    """Run in a child before exec: when the supervisor dies, however, the child is told to stop."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, by)


class Service:
    """One server process. ``start`` returns when it answers; ``stop`` when it is gone; both may be called twice."""

    name = "service"
    ready_within_s = 20.0
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or 0
        self.process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._was_started = False

    @property
    def log_path(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def prepare(self) -> None:
        """Make folders and configuration; a subclass adds its own."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    def environment(self) -> Mapping[str, str] | None:
        return None

    def is_ready(self) -> bool:
        raise NotImplementedError

    def start(self) -> Self:
        """Start and wait until the service answers. **Raises** ServiceError with the end of its log."""
        if self.is_running:
            return self
        self.port = self._take_port()
        self.prepare()
        if self._log is None:
            self._log = self.log_path.open("ab")
        self.process = subprocess.Popen(
            self.command(),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=self.environment(),
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509  # no threads run yet where services are started
        )
        wait_until(
            self.is_ready,
            within_s=self.ready_within_s,
            alive=lambda: self.is_running,
            on_failure=self._failed,
        )
        return self

    def _take_port(self) -> int:
        """Return a free port; at a restart only the one that others were told of will do."""
        port = free_port(self.port)
        if self._was_started and port != self.port:
            raise ServiceError(
                f"Port {self.port} of {self.name} is held by another program; stop that program."
            )
        self._was_started = True
        return port

    def _failed(self) -> ServiceError:
        self.stop()
        tail = self.log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
        said = " | ".join(tail) or "it said nothing"
        return ServiceError(f"{self.name} did not start: {said}. The whole log is {self.log_path}.")

    def stop(self, *, within_s: float = 8.0) -> None:
        """Stop in order; kill what has not stopped in time."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(within_s)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(5)
        self.process = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def wait_until(
    ready: Callable[[], bool],
    *,
    within_s: float,
    alive: Callable[[], bool],
    on_failure: Callable[[], ServiceError],
) -> None:
    """Ask every 20 ms until ready; give up when the process is gone or the time is over."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if ready():
            return
        if not alive():
            break
        time.sleep(0.02)
    raise on_failure()

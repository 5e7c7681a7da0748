"""Processes for the demo plant's tests: Forgeline's web server, and the demo plant as `make up` runs it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from forgeline.embedded.service import free_port

ROOT = Path(__file__).parents[2]


def until(condition: Callable[[], Any], within_s: float = 30.0) -> Any:
    """Wait for a condition and return what it says. **Raises** AssertionError when its time is over."""
    deadline = time.monotonic() + within_s
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


@contextmanager
def running_web(environment: Mapping[str, str], log: Path) -> Iterator[str]:
    """Run the web server and yield its address."""
    port = free_port()
    argv = [sys.executable, "-m", "uvicorn", "forgeline.conf.asgi:application", "--port", str(port)]
    with log.open("wb") as file:
        process = subprocess.Popen(argv, env=dict(environment), cwd=ROOT, stdout=file, stderr=file)
        try:
            until(lambda: _answers(port) or process.poll() is not None)
            assert process.poll() is None, log.read_text()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class DemoPlant:
    """`python -m demoplant` as a process."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self._environment = kept | {"PYTHONPATH": str(ROOT / "platform")} | dict(environment)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def said(self) -> str:
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""

    def start(self) -> None:
        with self._log.open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "demoplant"], env=self._environment, cwd="/", stdout=file, stderr=file
            )

    def says(self, words: str, within_s: float = 60.0) -> None:
        """Wait for words in its log."""
        until(lambda: words in self.said or self._is_over(), within_s)
        assert words in self.said, self.said

    def _is_over(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def stop(self) -> float:
        """Send SIGTERM, see it end well, and return the seconds that took."""
        assert self._process is not None
        begun = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(20) == 0, self.said
        return time.monotonic() - begun

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)


class Api:
    """Forgeline's REST API with a key."""

    def __init__(self, address: str, key: str) -> None:
        self._client = httpx.Client(
            base_url=f"{address}/api/v1",
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
            trust_env=False,
        )

    def ask(self, path: str, **query: Any) -> Any:
        answer = self._client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def list_all(self, path: str, **query: Any) -> list[dict[str, Any]]:
        answer = self.ask(path, page_size=1000, **query)
        assert not answer.get("next")
        return list(answer["results"])

    def close(self) -> None:
        self._client.close()

"""A running `make up`: its process, what it says when ready, and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any, Final

MARK: Final = "FORGELINE_SMOKE_MARK"
"""Every child inherits this variable, so that what is left behind is found by it."""


class SmokeError(Exception):
    """The smoke test failed; the message is the sentence for the log."""


class Plant:
    """One clone and the `make up` in it."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.folder = folder
        self.log = log
        self.mark = uuid.uuid4().hex
        self.process: subprocess.Popen[bytes] | None = None
        self.facts: dict[str, Any] = {}
        self._ports = {name: str(_free_port()) for name in ("FORGELINE_HTTP_PORT", "FORGELINE_MQTT_PORT")}

    def start(self, timeout_s: float) -> float:
        """Run `make up` until it says that it is ready; returns the seconds that took.

        **Raises** SmokeError when it ends before, or is not ready in time.
        """
        ready = self.folder / "var/run/up.json"
        ready.unlink(missing_ok=True)
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("FORGELINE", "VIRTUAL_ENV"))
        }
        environment = kept | self._ports | {MARK: self.mark}
        begun = time.monotonic()
        with self.log.open("ab") as log:
            # A session of its own: a Ctrl-C meant for the smoke test must not reach the plant behind its back.
            self.process = subprocess.Popen(
                ["make", "up"], cwd=self.folder, env=environment, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        while not ready.is_file():
            if self.process.poll() is not None:
                raise SmokeError(f"`make up` ended with {self.process.returncode} before it was ready")
            if time.monotonic() - begun > timeout_s:
                raise SmokeError(f"`make up` was not ready within {timeout_s:g} s")
            time.sleep(0.1)
        self.facts = json.loads(ready.read_text(encoding="utf-8"))
        return time.monotonic() - begun

    def ask(self, path: str) -> Any:
        """Return what the REST API answers to the printed key; ``path`` begins with /api/."""
        url = self.facts["address"].rstrip("/") + path
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self.facts['api_key']}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def ask_all(self, path: str) -> list[dict[str, Any]]:
        """Return every row of a list, page after page."""
        rows: list[dict[str, Any]] = []
        following: str | None = path
        while following:
            page = self.ask(following)
            if isinstance(page, list):
                return page
            rows += page["results"]
            following = page.get("next")
            if following and "://" in following:
                following = "/" + following.split("://", 1)[1].split("/", 1)[1]
        return rows

    def stop(self, timeout_s: float) -> float:
        """Send SIGTERM and wait; returns the seconds that took.

        **Raises** SmokeError when it does not end in time.
        """
        assert self.process is not None
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise SmokeError(f"`make up` still runs {timeout_s:g} s after SIGTERM") from error
        return time.monotonic() - begun

    def left_behind(self) -> list[str]:
        """Return the processes of this plant that still run: by the mark they inherited, else by their folder."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal() or int(entry.name) == os.getpid():
                continue
            try:
                command = (
                    (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                )
                environment = (entry / "environ").read_bytes().decode(errors="replace")
                places = [os.readlink(entry / "cwd"), os.readlink(entry / "exe")]
            except OSError:  # it ended while we looked, or it is the kernel's
                continue
            if self.mark in environment or any(str(self.folder) in text for text in [command, *places]):
                found.append(f"{entry.name} {command[:160]}")
        return found

    def kill(self) -> None:
        """End whatever is left, so that a failed run does not haunt the machine."""
        for line in self.left_behind():
            try:
                os.kill(int(line.split()[0]), signal.SIGKILL)
            except ProcessLookupError:
                continue


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

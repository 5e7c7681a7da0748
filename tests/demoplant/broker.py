"""A real mosquitto on a free port for the demo plant's tests: it can go away and come back."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from forgeline.embedded.service import free_port

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


class Broker:
    """mosquitto with sessions kept on disk; it lets everybody in, or with ``is_open`` false nobody."""

    def __init__(self, folder: Path, *, is_open: bool = True) -> None:
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous {str(is_open).lower()}\nuser root\n"
            f"persistence true\npersistence_location {folder}/\nmax_queued_messages 100000\n"
        )
        if not is_open:
            passwords = folder / "passwords"
            passwords.touch(mode=0o600)
            with self._config.open("a") as file:
                file.write(f"password_file {passwords}\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert MOSQUITTO
        self._process = subprocess.Popen(
            [MOSQUITTO, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("mosquitto does not answer")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


@contextmanager
def running_broker(folder: Path, *, is_open: bool = True) -> Iterator[Broker]:
    broker = Broker(folder, is_open=is_open)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()

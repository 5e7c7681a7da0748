"""Valkey from the wheel: a password, loopback, and what it keeps."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import redis

from forgeline.embedded.valkey import ValkeyServer
from tests.embedded.processes import wait_for


def test_it_asks_for_a_password_that_no_command_line_shows(tmp_path: Path) -> None:
    with ValkeyServer(tmp_path / "valkey") as server:
        assert redis.Redis.from_url(server.url).ping()
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(host="127.0.0.1", port=server.port).ping()
        assert server.process is not None
        shown = Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
        assert server.password.encode() not in shown
        assert (server.folder / "valkey.conf").stat().st_mode & 0o777 == 0o600


def test_what_was_written_survives_a_stop_and_a_kill(tmp_path: Path) -> None:
    with ValkeyServer(tmp_path / "valkey", password="x") as server:
        redis.Redis.from_url(server.url).set("kept", "stop")
    with ValkeyServer(tmp_path / "valkey", password="x") as server:
        port = server.port
        client = redis.Redis.from_url(server.url)
        assert client.get("kept") == b"stop"
        assert server.process is not None
        server.process.send_signal(signal.SIGKILL)
        wait_for(lambda: not server.is_running, "it to die")
        server.start()
        assert server.port == port
        assert client.get("kept") == b"stop"

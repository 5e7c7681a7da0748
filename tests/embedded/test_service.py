"""What all services share."""

from __future__ import annotations

import socket
from pathlib import Path

from forgeline.embedded.service import free_port


def test_a_port_is_none_that_an_outgoing_connection_may_get() -> None:
    first_outgoing = int(
        Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0]
    )
    assert all(1024 <= free_port() < first_outgoing for _ in range(100))


def test_a_busy_port_is_not_taken() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", free_port()))
        holder.listen()
        held = holder.getsockname()[1]
        assert free_port(held) != held
    assert free_port(held) == held

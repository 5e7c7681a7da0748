"""A socket that reads and writes in big pieces, so that paho's many small steps cost no system call each.

paho reads a packet byte by byte at first; each call lets another thread take the interpreter, and under load that wait
costs more than everything else (measured: 3 times the messages with this in between). Not here: MQTT.
"""

from __future__ import annotations

import contextlib
import select
import ssl
import time
from typing import Any

_READ_BYTES = 256 * 1024


class BufferedSocket:
    """Wraps a connected TCP or TLS socket; looks like one to paho (its SocketLike). Used by one thread."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._in = b""
        self._at = 0
        self._out = bytearray()

    def recv(self, size: int) -> bytes:
        """Return up to ``size`` bytes; raises as a non-blocking socket does when there are none."""
        at = self._at
        if at >= len(self._in):
            self._in, at = self._sock.recv(_READ_BYTES), 0
        self._at = at + size
        return self._in[at : at + size]

    def pending(self) -> int:
        """Return how many bytes can be read without waiting for the network."""
        waiting = len(self._in) - self._at
        if waiting > 0:
            return waiting
        return int(self._sock.pending()) if isinstance(self._sock, ssl.SSLSocket) else 0

    def send(self, data: bytes | bytearray) -> int:
        """Take all of it; ``flush`` sends it."""
        self._out += data
        return len(data)

    def flush(self) -> bool:
        """Send what waits; True where something waits still."""
        with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            while self._out:
                sent = self._sock.send(self._out)
                del self._out[:sent]
        return bool(self._out)

    def finish(self, timeout_s: float) -> None:
        """Send what waits and read until the peer closes: closing with bytes unread resets the connection, and takes
        with it what the peer has not read yet. **Raises** OSError.
        """
        deadline = time.monotonic() + timeout_s
        poller = select.poll()
        poller.register(self._sock, select.POLLOUT)
        while self.flush() and (left_s := deadline - time.monotonic()) > 0:
            poller.poll(left_s * 1000)
        poller.modify(self._sock, select.POLLIN)
        while (left_s := deadline - time.monotonic()) > 0 and poller.poll(left_s * 1000):
            with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                if not self._sock.recv(_READ_BYTES):
                    return

    @property
    def wants_write(self) -> bool:
        return bool(self._out)

    def close(self) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            self.flush()
        self._sock.close()

    def fileno(self) -> int:
        return int(self._sock.fileno())

    def setblocking(self, flag: bool) -> None:
        self._sock.setblocking(flag)

"""One request to one web address: to the machine that was judged, without redirects or proxies, bounded in time, size.

The standard library's client, because it logs nothing: a robot's address is a secret. Not here: bodies (robots).
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from forgeline.notifications.sending.address import Place, resolve
from forgeline.notifications.sending.outcome import SendError

TIMEOUT_S = 10.0
MAX_ANSWER = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said."""

    status: int
    body: bytes
    retry_after_s: float | None = None


def post(url: str, body: bytes, headers: Mapping[str, str], *, allow_private: bool) -> Answer:
    """Send one POST and return the answer, whatever its status; a redirect is an answer too.

    **Raises** SendError where no answer came.
    """
    return ask("POST", url, body, headers, allow_private=allow_private, timeout_s=TIMEOUT_S)


def ask(
    method: str,
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
    *,
    allow_private: bool,
    timeout_s: float,
) -> Answer:
    """Send one request and return the answer, whatever its status; a redirect is an answer too.

    Takes twice ``timeout_s`` at most. **Raises** SendError where no answer came.
    """
    place = resolve(url, allow_private=allow_private)
    connection = _connect(place, timeout_s)
    deadline = time.monotonic() + 2 * timeout_s
    # Each wait for bytes is bounded by the socket; the whole is bounded by this, whatever drips in.
    was_cut = threading.Event()
    guard = threading.Timer(2 * timeout_s, _cut, [connection, was_cut])
    guard.daemon = True
    guard.start()
    try:
        target = quote(place.target, safe="/?&=%+:;,@!$'()*~#[]-._")
        connection.request(method, target, body=body, headers={"User-Agent": "Forgeline", **headers})
        response = connection.getresponse()
        if was_cut.is_set():
            # Half a head reads like a whole one.
            raise SendError("no_answer", place.host)
        return Answer(response.status, _read(response, deadline), _seconds(response.getheader("Retry-After")))
    except TimeoutError as error:
        raise SendError("no_answer", place.host) from error
    except ssl.SSLError as error:
        raise SendError("tls_failed", f"{place.host}: {error.reason or error}") from error
    except (OSError, http.client.HTTPException) as error:
        raise SendError("not_reached", f"{place.host}: {type(error).__name__}") from error
    finally:
        guard.cancel()
        connection.close()


def _cut(connection: http.client.HTTPConnection, was_cut: threading.Event) -> None:
    was_cut.set()
    with contextlib.suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def _read(response: http.client.HTTPResponse, deadline: float) -> bytes:
    """Read at most MAX_ANSWER bytes; who drips them is left."""
    found = b""
    while len(found) < MAX_ANSWER and time.monotonic() < deadline:
        piece = response.read1(MAX_ANSWER - len(found))
        if not piece:
            break
        found += piece
    return found


def _seconds(word: str | None) -> float | None:
    return float(word) if word and word.isdecimal() else None


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _connect(place: Place, timeout_s: float) -> http.client.HTTPConnection:
    """Open a connection to the judged machine; the name is for TLS and the Host header alone."""
    connection = http.client.HTTPConnection(place.host, place.port, timeout=timeout_s)
    try:
        raw = socket.create_connection((place.ip, place.port), timeout=timeout_s)
    except TimeoutError as error:
        raise SendError("no_answer", place.host) from error
    except OSError as error:
        raise SendError("not_reached", f"{place.host}: {error.strerror or type(error).__name__}") from error
    if place.scheme == "http":
        connection.sock = raw
        return connection
    try:
        connection.sock = _tls().wrap_socket(raw, server_hostname=place.host)
    except (OSError, ValueError) as error:
        raw.close()
        said = getattr(error, "verify_message", "") or getattr(error, "reason", "") or type(error).__name__
        raise SendError("tls_failed", f"{place.host}: {said}") from error
    return connection

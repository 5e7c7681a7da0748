"""A program that listens, and an actor that may make webhooks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from forgeline.identity.policy import Actor, permissions_of
from tests.conftest import Company


@dataclass(frozen=True)
class Call:
    """One request that came."""

    headers: dict[str, str]
    body: bytes


@dataclass
class Program:
    """Answers as it is told; keeps what came."""

    url: str
    calls: list[Call] = field(default_factory=list)
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b""
    delay_s: float = 0.0
    refuses: set[bytes] = field(default_factory=set)
    """Words: a body that holds one is answered with 500."""

    def ids(self) -> list[str]:
        return [call.headers["webhook-id"] for call in self.calls]


@pytest.fixture
def program(settings: Any) -> Iterator[Program]:
    settings.NOTIFICATIONS = settings.NOTIFICATIONS | {"ALLOW_PRIVATE": True}
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with lock:
                heard.calls.append(Call({name.lower(): value for name, value in self.headers.items()}, body))
            time.sleep(heard.delay_s)
            status = 500 if any(word in body for word in heard.refuses) else heard.status
            self.send_response(status)
            for name, value in heard.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(heard.answer)))
            self.end_headers()
            self.wfile.write(heard.answer)

        def log_message(self, *_words: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    heard = Program(f"http://127.0.0.1:{server.server_address[1]}/hook")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield heard
    server.shutdown()
    server.server_close()


@pytest.fixture
def boss(live_company: Company) -> Actor:
    return Actor(
        live_company.tenant_id, "manager", user_id=live_company.manager.pk, label="Alice",
        permissions=permissions_of("manager"),
    )  # fmt: skip

"""A running web server and a client of it, and a server that answers as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from forgeline.assets import services as assets
from forgeline.tenancy.scoping import tenant_scope
from forgeline_client import Client
from tests.conftest import Company
from tests.demoplant.house import running_web


@pytest.fixture
def address(live_company: Company, child_environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    with running_web(child_environment, tmp_path / "web.log") as address:
        yield address


@pytest.fixture
def client(address: str, live_company: Company) -> Iterator[Client]:
    with Client(address, live_company.manager_key) as client:
        yield client


@pytest.fixture
def points(live_company: Company) -> list[int]:
    """Three numbers and a text of one machine."""
    with tenant_scope(live_company.tenant_id):
        site = assets.create_site(name="North")
        machine = assets.create_asset(site_id=site.pk, level="work_unit", name="Press")
        numbers = [assets.create_point(asset_id=machine.pk, key=f"n{n}").pk for n in range(3)]
        return [*numbers, assets.create_point(asset_id=machine.pk, key="batch", kind=4).pk]


@dataclass
class Moody:
    """A server that answers each request as the next of ``answers`` says, and keeps what it was asked."""

    address: str = ""
    answers: list[tuple[int, dict[str, str], Any]] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def moody() -> Iterator[Moody]:
    told = Moody()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            told.asked.append((self.command, self.path, dict(self.headers)))
            status, headers, body = told.answers.pop(0)
            raw = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(raw))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PATCH = answer  # noqa: N815  # the standard library's names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield told
    server.shutdown()
    server.server_close()

"""The web server in this process, and what tests ask of its live socket."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from django.conf import settings as django_settings
from django.test import Client
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from forgeline.assets import services as assets
from forgeline.conf.asgi import application
from forgeline.embedded.service import free_port
from forgeline.identity.policy import Actor, permissions_of
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company

HOUSE = "http://127.0.0.1"


@contextmanager
def running_server(port: int = 0) -> Iterator[int]:
    """Serve on a port, and yield it; at the end every socket is closed."""
    port = port or free_port()
    server = uvicorn.Server(
        uvicorn.Config(
            application, port=port, log_level="warning", lifespan="off", timeout_graceful_shutdown=1
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(10)


def cookie_of(company: Company) -> dict[str, str]:
    client = Client()
    client.force_login(company.manager)
    name = django_settings.SESSION_COOKIE_NAME
    return {"Cookie": f"{name}={client.cookies[name].value}"}


def open_socket(address: str, headers: dict[str, str], origin: str | None = None) -> ClientConnection:
    return connect(address, additional_headers=headers, origin=origin, proxy=None)  # type: ignore[arg-type]


def ask(socket: ClientConnection, **request: Any) -> None:
    socket.send(json.dumps(request))


def hear(socket: ClientConnection) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(socket.recv(timeout=10))
    return found


def closed_with(socket: ClientConnection) -> int:
    """Read until the other side closes; return its code."""
    try:
        while True:
            socket.recv(timeout=10)
    except ConnectionClosed as closed:
        assert closed.rcvd is not None
        return closed.rcvd.code


def make_machines(company: Company) -> tuple[int, int, str]:
    with tenant_scope(company.tenant_id):
        site = assets.create_site(name="North")
        one, two = (assets.create_asset(site_id=site.pk, level="line", name=name) for name in ("One", "Two"))
        return one.pk, two.pk, one.path


def boss_of(company: Company) -> Actor:
    return Actor(company.tenant_id, "owner", user_id=company.manager.pk, permissions=permissions_of("owner"))

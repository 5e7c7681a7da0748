"""The live socket: who opens it, what it hears, and that it closes when its key, session or membership ends."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import uvicorn
from django.conf import settings as django_settings
from django.test import Client
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from forgeline.assets import services as assets
from forgeline.base import clock
from forgeline.conf.asgi import application
from forgeline.embedded.service import free_port
from forgeline.identity import keys, partners, people
from forgeline.identity.models import Membership
from forgeline.identity.policy import Actor, permissions_of
from forgeline.realtime import consumers
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company, name_kind

HOUSE = "http://127.0.0.1"


@pytest.fixture
def address(live_company: Company, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[str]:
    """The web server, in this process, that asks again five times a second."""
    monkeypatch.setattr(consumers, "ASKED_AGAIN_S", 0.2)
    settings.ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(application, port=port, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"ws://127.0.0.1:{port}/ws/live/"
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


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_a_key_opens_it_without_an_origin_and_closes_it_when_revoked(
    live_company: Company, address: str, header: str
) -> None:
    one, _two, _path = make_machines(live_company)
    with tenant_scope(live_company.tenant_id):
        row, key = keys.make_key(name="x", actor=boss_of(live_company))
    with open_socket(address, {header: key if header == "X-API-Key" else f"Bearer {key}"}) as socket:
        ask(socket, op="subscribe", topics=[f"asset.{one}", "asset.999999", "nothing.1"])
        told = [hear(socket) for _ in range(3)]
        assert sorted(each["t"] for each in told) == ["refused", "refused", "subscribed"]
        assert told[-1]["topics"] == [f"asset.{one}"]
        keys.revoke_api_key(tenant_id=live_company.tenant_id, api_key_id=row.pk)
        assert closed_with(socket) == consumers.UNAUTHENTICATED


def test_strangers_are_kept_out(live_company: Company, address: str) -> None:
    key = {"Authorization": f"Bearer {live_company.viewer_key}"}
    for headers, origin in (
        ({}, None), (cookie_of(live_company), "http://evil.example"), (key, "http://evil.example"),
        (cookie_of(live_company), None),
    ):  # fmt: skip
        with pytest.raises(InvalidStatus) as caught:
            open_socket(address, headers, origin)
        assert caught.value.response.status_code == 403
    for headers, origin in (({}, HOUSE), ({"Authorization": "Bearer fl_nothing"}, None)):
        with open_socket(address, headers, origin) as socket:
            assert closed_with(socket) == consumers.UNAUTHENTICATED


def test_a_session_that_ends_takes_its_socket_along(live_company: Company, address: str) -> None:
    cookie = cookie_of(live_company)
    with open_socket(address, cookie, HOUSE) as socket:
        ask(socket, op="ping")
        assert hear(socket)["t"] == "pong"
        client = Client()
        client.cookies[django_settings.SESSION_COOKIE_NAME] = cookie["Cookie"].partition("=")[2]
        client.post("/sign-out/")
        assert closed_with(socket) == consumers.UNAUTHENTICATED


def test_a_member_who_is_limited_loses_what_lies_outside_and_one_who_is_kept_out_everything(
    live_company: Company, address: str
) -> None:
    one, two, path = make_machines(live_company)
    with open_socket(address, cookie_of(live_company), HOUSE) as socket:
        topics = [f"asset.{one}", f"asset.{two}"]
        ask(socket, op="subscribe", topics=topics)
        assert hear(socket)["topics"] == topics
        with tenant_scope(live_company.tenant_id):
            member = Membership.objects.get(user=live_company.manager)
            Membership.objects.filter(pk=member.pk).update(branches=[path])
        assert hear(socket) == {"topic": f"asset.{two}", "t": "refused"}
        ask(socket, op="subscribe", topics=[f"asset.{two}"])
        assert hear(socket)["t"] == "refused"
        with tenant_scope(live_company.tenant_id):
            people.deactivate(member.pk, actor=boss_of(live_company))
        assert closed_with(socket) == consumers.UNAUTHENTICATED


def test_a_partner_whose_grant_is_taken_back_hears_nothing_more(
    live_company: Company, live_stranger: Company, address: str
) -> None:
    one, _two, _path = make_machines(live_company)
    name_kind(live_stranger.tenant_id, "partner")
    with tenant_scope(live_company.tenant_id):
        until = clock.now() + timedelta(days=1)
        grant = partners.grant_partner(
            partner="charlie", role="viewer", expires_at=until, actor=boss_of(live_company)
        )
    client = Client()
    client.force_login(live_stranger.manager)
    client.post("/companies/", {"company": str(live_company.tenant_id)})
    name = django_settings.SESSION_COOKIE_NAME
    with open_socket(address, {"Cookie": f"{name}={client.cookies[name].value}"}, HOUSE) as socket:
        ask(socket, op="subscribe", topics=[f"asset.{one}"])
        assert hear(socket)["topics"] == [f"asset.{one}"]
        with tenant_scope(live_company.tenant_id):
            partners.revoke_grant(grant.pk, actor=boss_of(live_company))
        assert closed_with(socket) == consumers.UNAUTHENTICATED

"""The live socket: who opens it, what it hears, and that it closes when its key, session or membership ends."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.test import Client
from uvicorn.protocols.utils import ClientDisconnected
from websockets.exceptions import InvalidStatus

from forgeline.base import clock
from forgeline.identity import keys, partners, people
from forgeline.identity.models import Membership
from forgeline.realtime import consumers
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company, name_kind
from tests.realtime.sockets import (
    HOUSE,
    ask,
    boss_of,
    closed_with,
    cookie_of,
    hear,
    make_machines,
    open_socket,
)


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


def test_a_page_that_has_gone_ends_the_watch_and_the_sender_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server says it by an error of the next send, before it says it to disconnect()."""

    async def gone(**_told: object) -> None:
        raise ClientDisconnected

    async def nobody() -> None:
        return None

    async def run() -> None:
        consumer = consumers.LiveConsumer()
        monkeypatch.setattr(consumer, "send", gone)
        monkeypatch.setattr(consumer, "close", gone)
        monkeypatch.setattr(consumer, "_find_actor", nobody)
        await consumer._ask_again()
        consumer._waiting, consumer._ready = {}, asyncio.Event()
        consumer.take("asset.1", b"{}")
        await consumer._send_frames()

    monkeypatch.setattr(consumers, "ASKED_AGAIN_S", 0)
    asyncio.run(asyncio.wait_for(run(), 5))

"""The first hour: states worked out from what exists, kept once reached; whose steps they are; put away and back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from forgeline.assets import services as assets
from forgeline.assets.models import Point
from forgeline.billing import subscriptions
from forgeline.billing.models import Subscription
from forgeline.identity import people
from forgeline.identity.models import Membership, Role
from forgeline.identity.policy import Actor, permissions_of
from forgeline.modules.registry import list_first_steps
from forgeline.telemetry import ingest
from forgeline.tenancy.scoping import tenant_scope
from forgeline.web.first_hour import FirstHour, read_first_hour
from forgeline.web.models import StepRecord
from tests.conftest import Company
from tests.demoplant.house import until

SignIn = Callable[[Any], Client]


@pytest.fixture(autouse=True)
def _fresh_ingest() -> Iterator[None]:
    yield
    ingest.reset()


def _actor(company: Company, role: str = "owner", **more: Any) -> Actor:
    return Actor(
        company.tenant_id,
        role,
        user_id=company.manager.pk,
        label="Alice",
        permissions=permissions_of(role),
        **more,
    )


def _read(company: Company, role: str = "owner") -> FirstHour:
    with tenant_scope(company.tenant_id):
        hour = read_first_hour(_actor(company, role))
    assert hour is not None
    return hour


def _done(company: Company) -> list[str]:
    return [step.key for step in _read(company).steps if step.done_at]


def test_each_step_is_done_by_what_it_asks_for(live_company: Company) -> None:
    company = live_company
    with tenant_scope(company.tenant_id):
        Membership.objects.exclude(user=company.manager).delete()
    assert _done(company) == []
    assert _read(company).next.address == "/setup/plants/new/"  # type: ignore[union-attr]
    with tenant_scope(company.tenant_id):
        site = assets.create_site(name="Works")
    assert _done(company) == ["web.plant"]
    assert _read(company).next.address == f"/setup/plants/{site.pk}/assets/new/"  # type: ignore[union-attr]
    with tenant_scope(company.tenant_id):
        machine = assets.create_asset(
            site_id=site.pk, level="work_unit", name="Press 7", profile="press", with_points=True
        )
    assert _done(company) == ["web.plant", "web.machine"]
    with tenant_scope(company.tenant_id):
        device = assets.create_device(name="PLC7", key="PLC7", asset_id=machine.pk)
        assets.create_credential(device_id=device.pk)
        point = Point.objects.filter(asset=machine, key="power").get()
    assert _done(company)[-1] == "connectors.source"
    waiting = _read(company).next
    assert (waiting.key, waiting.address) == ("web.value", f"/machines/{machine.pk}/")  # type: ignore[union-attr]
    sent = APIClient(headers={"Authorization": f"Bearer {company.manager_key}"}).post(
        "/api/v1/samples/",
        {"point": [point.pk], "ts": [time.time_ns() // 1_000_000], "value": [41.5]}, format="json",
    )  # fmt: skip
    assert sent.json()["accepted"] == 1
    # The latest values are at most a second old.
    until(lambda: _done(company)[-1] == "web.value")
    with tenant_scope(company.tenant_id):
        people.invite(email="li@example.com", role="operator", actor=_actor(company))
    assert _done(company)[-1] == "web.colleague"
    assert [step.key for step in _read(company).steps if not step.done_at] == ["web.alarm"]


def test_what_was_done_once_stays_done(company: Company) -> None:
    with tenant_scope(company.tenant_id):
        site = assets.create_site(name="Works")
    first = {step.key: step.done_at for step in _read(company).steps}
    with tenant_scope(company.tenant_id):
        assets.retire_site(site_id=site.pk)
    again = {step.key: step.done_at for step in _read(company).steps}
    assert first["web.plant"] == again["web.plant"] is not None


def test_a_plan_is_a_step_where_plans_are_sold(company: Company) -> None:
    assert "web.plan" not in {step.key for step in _read(company).steps}
    with tenant_scope(company.tenant_id):
        subscriptions.start_trial(currency="CNY", zone="Asia/Shanghai")
    assert "web.plan" not in _done(company)
    with tenant_scope(company.tenant_id):
        Subscription.objects.update(title="Alice Stamping Ltd")
        subscriptions.change_plan("professional", "month", at_once=True)
    assert "web.plan" in _done(company)


def test_steps_are_for_those_who_may_do_them(company: Company, sign_in: SignIn) -> None:
    assert {step.key for step in _read(company, "engineer").steps if not step.may_do} == {"web.colleague"}
    with tenant_scope(company.tenant_id):
        assert read_first_hour(_actor(company, "viewer")) is None
        assert read_first_hour(_actor(company, "engineer", branches=("/3/",))) is None
    viewer = sign_in(company.viewer)
    assert b"first-hour" not in viewer.get("/").content
    assert viewer.get("/start/").status_code == 403
    with tenant_scope(company.tenant_id):
        Membership.objects.filter(user=company.viewer).update(role=Role.ENGINEER)
    assert "For a manager" not in sign_in(company.manager).get("/start/").content.decode()


def test_put_away_it_comes_back_when_asked_for(company: Company, sign_in: SignIn) -> None:
    client, other = sign_in(company.manager), sign_in(company.viewer)
    with tenant_scope(company.tenant_id):
        Membership.objects.filter(user=company.viewer).update(role=Role.ENGINEER)
    assert b"first-hour" in client.get("/").content
    assert client.post("/start/", {"dismiss": "1"})["Location"] == "/"
    assert b"first-hour" not in client.get("/").content
    # One person's wish is not another's.
    assert b"first-hour" in other.get("/").content
    client.post("/start/", {"back": "1"})
    assert b"first-hour" in client.get("/").content


def test_steps_are_left_out_and_taken_up(company: Company, sign_in: SignIn) -> None:
    client = sign_in(company.manager)
    keys = [step.key for step in list_first_steps()]
    for key in keys:
        assert client.post("/start/", {"skip": key}).status_code == 302
    assert b"first-hour" not in client.get("/").content
    assert _read(company).is_over
    client.post("/start/", {"unskip": "web.alarm"})
    assert [step.key for step in _read(company).steps if not step.is_over] == ["web.alarm"]
    client.post("/start/", {"skip": "nothing.such"})
    with tenant_scope(company.tenant_id):
        assert not StepRecord.objects.filter(key="nothing.such").exists()


def test_one_companys_hour_is_not_anothers(company: Company, stranger: Company) -> None:
    with tenant_scope(company.tenant_id):
        assets.create_site(name="Works")
    assert "web.plant" in _done(company)
    assert "web.plant" not in _done(stranger)
    with tenant_scope(stranger.tenant_id):
        assert {row.tenant_id for row in StepRecord.objects.all()} <= {stranger.tenant_id}


def test_an_empty_house_leads_to_the_first_hour(db: None) -> None:
    client = Client()
    given = {"company": "Works", "name": "Mei", "email": "mei@example.com", "password": "three-grey-presses"}
    assert client.post("/first-owner/", given)["Location"] == "/start/"
    page = client.get("/start/")
    assert page.status_code == 200
    assert "Make the plant" in page.content.decode()

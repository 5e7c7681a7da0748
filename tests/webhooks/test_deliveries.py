"""Events on their way: signed, in order of their subject, tried again, given up, replayed, to no private place."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from rest_framework.test import APIClient

from forgeline.alarms.models import Alarm, EntryKind, JournalEntry
from forgeline.alarms.outside import tell_programs
from forgeline.assets import services as assets
from forgeline.base import clock, valkey
from forgeline.base.errors import ConflictError, ForbiddenError, InvalidInputError
from forgeline.identity.policy import Actor, permissions_of
from forgeline.notifications.models import Notice
from forgeline.tenancy.scoping import tenant_scope
from forgeline.webhooks import sending, services
from forgeline.webhooks.models import Attempt, Delivery, Endpoint, Event, State
from tests.conftest import Company
from tests.webhooks.conftest import Call, Program

GUIDE = Path(__file__).parents[2] / "platform/docs/webhooks.md"


@pytest.fixture
def is_genuine() -> Callable[[dict[str, str], bytes, str], bool]:
    """The receiver's side, as the guide has it."""
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # our own guide
    found: Callable[[dict[str, str], bytes, str], bool] = names["is_genuine"]
    return found


def make(company: Company, boss: Actor, program: Program, *events: str) -> tuple[Endpoint, str]:
    with tenant_scope(company.tenant_id):
        return services.create_endpoint(name="ERP", url=program.url, events=events or ("*",), actor=boss)


def work(company: Company, endpoint: Endpoint, at: datetime | None = None) -> int:
    moment = at or clock.now()
    return sending.work(company.tenant_id, endpoint.pk, now=lambda: moment)


def types_of(calls: list[Call]) -> list[str]:
    return [json.loads(call.body)["type"] for call in calls]


def states(company: Company) -> list[str]:
    with tenant_scope(company.tenant_id):
        return list(Delivery.objects.order_by("id").values_list("state", flat=True))


def test_a_change_is_told_signed_and_in_order(
    live_company: Company, boss: Actor, program: Program, is_genuine: Callable[..., bool]
) -> None:
    endpoint, secret = make(live_company, boss, program, "assets.*")
    with tenant_scope(live_company.tenant_id):
        device = assets.create_device(name="Meter", key="m-1")
        assets.update_device(device_id=device.pk, name="Meter 2")
        assets.retire_device(device_id=device.pk)
    assert sending.list_due() == [(live_company.tenant_id, endpoint.pk)]
    assert work(live_company, endpoint) == 3
    assert types_of(program.calls) == ["assets.device.made", "assets.device.changed", "assets.device.changed"]
    for call in program.calls:
        assert is_genuine(call.headers, call.body, secret)
        assert not is_genuine(call.headers, call.body + b" ", secret)
        assert not is_genuine(call.headers, call.body, secret.replace("w", "v") + "AAAA")
    told = json.loads(program.calls[1].body)
    assert told["subject"] == f"assets.device:{device.pk}"
    assert told["data"]["changes"] == {"name": ["Meter", "Meter 2"]}
    assert sending.list_due() == []


def test_what_is_not_wanted_or_not_done_is_not_told(
    live_company: Company, boss: Actor, program: Program
) -> None:
    endpoint, _secret = make(live_company, boss, program, "assets.device.made")
    with tenant_scope(live_company.tenant_id):
        assets.create_site(name="North")
        with transaction.atomic():
            assets.create_device(name="", key="undone")
            transaction.set_rollback(True)
        assets.create_device(name="", key="done")
    work(live_company, endpoint)
    assert [json.loads(call.body)["data"]["changes"]["key"] for call in program.calls] == [[None, "done"]]


def test_alarms_are_told(live_company: Company, boss: Actor, program: Program) -> None:
    endpoint, _secret = make(live_company, boss, program, "alarms.*")
    rule = {"name": {"en": "Hot"}, "condition": {"kind": "limit", "point": "t", "level": "H", "limit": 75.0}}
    with tenant_scope(live_company.tenant_id):
        site = assets.create_site(name="North")
        press = assets.create_asset(site_id=site.pk, level="work_unit", name="Press")
        alarm = Alarm.objects.create(asset=press, key="hot", definition=rule, since_us=1, changed_us=1)
        told = [
            JournalEntry(alarm=alarm, kind=kind, happened_at=clock.now(), value=80.0, is_quiet=is_quiet)
            for kind, is_quiet in (
                (EntryKind.RAISED, False),
                (EntryKind.COMMENTED, False),
                (EntryKind.CLEARED, True),
            )
        ]
        tell_programs(told)
    work(live_company, endpoint)
    (call,) = program.calls
    body = json.loads(call.body)
    assert (body["type"], body["data"]["machine"], body["data"]["value"]) == (
        "alarms.alarm.raised",
        "Press",
        80.0,
    )


def test_the_next_of_a_subject_waits_and_others_pass(
    live_company: Company, boss: Actor, program: Program
) -> None:
    endpoint, _secret = make(live_company, boss, program, "assets.device.*")
    with tenant_scope(live_company.tenant_id):
        one = assets.create_device(name="one", key="one")
        two = assets.create_device(name="two", key="two")
        assets.update_device(device_id=one.pk, name="one again")
        assets.update_device(device_id=two.pk, name="two again")
    program.refuses = {b'"one"'}
    now = clock.now()
    assert work(live_company, endpoint, now) == 2
    assert states(live_company) == ["waiting", "sent", "waiting", "sent"]
    program.refuses = set()
    assert work(live_company, endpoint, now) == 0, "not before its time"
    assert work(live_company, endpoint, now + timedelta(seconds=10)) == 2
    assert states(live_company) == ["sent"] * 4
    first = f"evt_{_event_of(live_company, 0)}"
    assert program.ids().count(first) == 2, "the same id each time"


def _event_of(company: Company, at: int) -> int:
    with tenant_scope(company.tenant_id):
        return int(Delivery.objects.order_by("id")[at].event_id)


def test_it_is_tried_for_a_day_then_given_up_the_endpoint_stopped_and_people_told(
    live_company: Company, boss: Actor, program: Program
) -> None:
    endpoint, _secret = make(live_company, boss, program, "assets.device.*")
    program.status, program.answer = 503, b"<b>not now</b>" * 1000
    with tenant_scope(live_company.tenant_id):
        assets.create_device(name="", key="one")
    at = clock.now()
    for _ in range(20):
        work(live_company, endpoint, at)
        with tenant_scope(live_company.tenant_id):
            row = Delivery.objects.get()
            if row.state == State.FAILED:
                break
            assert row.due_at > at
            at = row.due_at
    with tenant_scope(live_company.tenant_id):
        endpoint.refresh_from_db()
        assert (endpoint.is_enabled, endpoint.stopped_because) == (False, "failing")
        tries = list(Attempt.objects.all())
        assert 10 <= len(tries) <= 16
        assert {(each.status, each.reason, len(each.answer)) for each in tries} == {(503, "refused", 2000)}
        assert Notice.objects.get().kind == "webhook.stopped"
        assets.create_device(name="", key="two")
        assert list(Delivery.objects.values_list("state", flat=True)) == [State.FAILED] * 2, (
            "nothing is put in its way"
        )
        with pytest.raises(ConflictError):
            services.ping(endpoint.pk, actor=boss)
        services.update_endpoint(endpoint.pk, is_enabled=True, actor=boss)
        program.status = 200
        # With what happened while it was stopped.
        assert services.replay(endpoint.pk, since=at - timedelta(days=2), actor=boss) == 2
    assert work(live_company, endpoint) == 2
    with tenant_scope(live_company.tenant_id):
        services.update_endpoint(endpoint.pk, is_enabled=False, actor=boss)
        assets.create_device(name="", key="three")
        assert Delivery.objects.count() == 4, "what a person switched off is kept nothing for"


@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [
        (302, {"Location": "http://127.0.0.1:1/"}, "redirected"),
        (404, {}, "refused"),
        (429, {"Retry-After": "600"}, "refused"),
    ],
)
def test_what_is_no_success_is_tried_again(
    live_company: Company, boss: Actor, program: Program, status: int, headers: dict[str, str], reason: str
) -> None:
    endpoint, _secret = make(live_company, boss, program, "assets.device.*")
    program.status, program.headers = status, headers
    now = clock.now()
    with tenant_scope(live_company.tenant_id):
        assets.create_device(name="", key="one")
    work(live_company, endpoint, now + timedelta(seconds=1))
    assert len(program.calls) == 1
    with tenant_scope(live_company.tenant_id):
        row = Delivery.objects.get()
        assert (row.state, row.tries.get().reason) == (State.WAITING, reason)
        if "Retry-After" in headers:
            assert row.due_at > now + timedelta(minutes=9)


def test_gone_is_gone(live_company: Company, boss: Actor, program: Program) -> None:
    endpoint, _secret = make(live_company, boss, program, "assets.device.*")
    program.status = 410
    with tenant_scope(live_company.tenant_id):
        assets.create_device(name="", key="one")
    work(live_company, endpoint)
    with tenant_scope(live_company.tenant_id):
        endpoint.refresh_from_db()
    assert endpoint.stopped_because == "gone"


def test_what_a_dead_worker_left_is_sent_under_the_same_id(
    live_company: Company, boss: Actor, program: Program
) -> None:
    endpoint, _secret = make(live_company, boss, program, "assets.device.*")
    with tenant_scope(live_company.tenant_id):
        assets.create_device(name="", key="one")
    now = clock.now()
    with tenant_scope(live_company.tenant_id):
        (parcel,) = sending.claim(endpoint.pk, now)
    sending.send(parcel)  # and dies before it writes down
    assert work(live_company, endpoint, now) == 0
    assert work(live_company, endpoint, now + timedelta(minutes=3)) == 1
    assert len(set(program.ids())) == 1
    with tenant_scope(live_company.tenant_id):
        sending.write_down(sending.Outcome(parcel, 1, 500, "refused"), now)
    assert states(live_company) == ["sent"], "the dead one's word counts no more"


def test_a_new_secret_signs_beside_the_former_for_a_day(
    live_company: Company, boss: Actor, program: Program, is_genuine: Callable[..., bool]
) -> None:
    endpoint, old = make(live_company, boss, program)
    with tenant_scope(live_company.tenant_id):
        endpoint, new = services.rotate_secret(endpoint.pk, actor=boss)
        services.ping(endpoint.pk, actor=boss)
    work(live_company, endpoint)
    with tenant_scope(live_company.tenant_id):
        services.ping(endpoint.pk, actor=boss)
    work(live_company, endpoint, clock.now() + timedelta(days=2))
    pings = [call for call in program.calls if b"webhooks.ping" in call.body]
    assert [is_genuine(pings[0].headers, pings[0].body, key) for key in (old, new)] == [True, True]
    assert [is_genuine(pings[-1].headers, pings[-1].body, key) for key in (old, new)] == [False, True]
    with tenant_scope(live_company.tenant_id):
        endpoint.refresh_from_db()
        assert new not in f"{endpoint.secret_sealed}{endpoint.former_sealed}"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/x", "https://localhost/x", "https://169.254.169.254/latest", "https://[::ffff:10.0.0.1]/",
     "https://2130706433/", "https://0x7f.1/", "https://user:pw@example.com/", "ftp://example.com/", "https://[::1]/",
     "https://10.1.2.3/", "http://example.com/", "not an address"],
)  # fmt: skip
def test_no_private_address_is_taken(company: Company, url: str) -> None:
    boss = Actor(company.tenant_id, "manager", permissions=permissions_of("manager"))
    with tenant_scope(company.tenant_id):
        with pytest.raises(InvalidInputError) as caught:
            services.create_endpoint(name="x", url=url, events=["*"], actor=boss)
        assert caught.value.data["fields"]["url"]
        assert not Endpoint.objects.exists()


def test_an_address_that_turns_private_later_is_not_told(
    live_company: Company, boss: Actor, program: Program, settings: Any
) -> None:
    endpoint, _secret = make(live_company, boss, program, "assets.device.*")
    settings.NOTIFICATIONS = settings.NOTIFICATIONS | {"ALLOW_PRIVATE": False}
    with tenant_scope(live_company.tenant_id):
        Endpoint.objects.update(url=program.url.replace("http:", "https:"))
        assets.create_device(name="", key="one")
    work(live_company, endpoint)
    assert program.calls == []
    with tenant_scope(live_company.tenant_id):
        assert Attempt.objects.get().reason == "address_private"


@pytest.mark.parametrize(
    "events", [[], ["nothing.here"], ["*.*"], ["alarms.%"], ["x" * 80], ["alarms.*"] * 1 + ["; --"]]
)
def test_only_events_that_there_are(company: Company, events: list[str]) -> None:
    boss = Actor(company.tenant_id, "manager", permissions=permissions_of("manager"))
    with tenant_scope(company.tenant_id), pytest.raises(InvalidInputError):
        services.create_endpoint(name="x", url="https://example.com/x", events=events, actor=boss)


def test_an_operator_makes_none(company: Company) -> None:
    actor = Actor(company.tenant_id, "operator", permissions=permissions_of("operator"))
    with tenant_scope(company.tenant_id), pytest.raises(ForbiddenError):
        services.create_endpoint(name="x", url="https://example.com/x", events=["*"], actor=actor)


def test_old_events_go(live_company: Company, boss: Actor, program: Program) -> None:
    endpoint, _secret = make(live_company, boss, program, "assets.device.*")
    with tenant_scope(live_company.tenant_id):
        assets.create_device(name="", key="one")
        Event.objects.update(happened_at=clock.now() - timedelta(days=31))
    work(live_company, endpoint)
    assert sending.trim() == 1
    with tenant_scope(live_company.tenant_id):
        assert not Delivery.objects.exists()


def test_the_pages_and_the_api_do_it_all(
    live_company: Company, boss: Actor, program: Program, sign_in: Callable[[Any], Client]
) -> None:
    client = sign_in(live_company.manager)
    page = client.post(
        "/company/webhooks/", {"name": "ERP", "url": program.url, "events": ["assets.device.made"]}
    )
    assert "whsec_" in page.content.decode()
    with tenant_scope(live_company.tenant_id):
        endpoint = Endpoint.objects.get()
    address = f"/company/webhooks/{endpoint.pk}/"
    assert "Nothing was told yet" in client.get(address).content.decode()
    client.post(address, {"ping": "1"})
    work(live_company, endpoint)
    shown = client.get(address).content.decode()
    assert "204" in shown
    api = APIClient(headers={"Authorization": f"Bearer {live_company.manager_key}"})
    (row,) = api.get(f"/api/v1/webhook-deliveries/?endpoint={endpoint.pk}").json()["results"]
    assert (row["type"], row["state"], row["tries"][0]["status"]) == ("webhooks.ping", "sent", 204)
    assert api.post(
        f"/api/v1/webhooks/{endpoint.pk}/replay/", {"deliveries": [row["id"]]}, format="json"
    ).json() == {"replayed": 1}
    for wrong in (
        {}, {"deliveries": [row["id"], 999_999]},
        {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, {"since": "2026-01-02T00:00:00"},
    ):  # fmt: skip
        assert api.post(f"/api/v1/webhooks/{endpoint.pk}/replay/", wrong, format="json").status_code == 400, (
            wrong
        )
    client.post(address, {"off": "1"})
    assert "switched off" in client.get(address).content.decode()
    client.post(address, {"on": "1"})
    assert client.post(address, {"save": "1", "name": "", "url": "x", "events": []}).status_code == 422
    assert "whsec_" in client.post(address, {"rotate": "1"}).content.decode()
    assert "alarms.alarm.raised" in {each["key"] for each in api.get("/api/v1/event-types/").json()}
    assert sign_in(live_company.viewer).get(address).status_code == 403
    client.post(address, {"delete": "1"})
    with tenant_scope(live_company.tenant_id):
        assert not Endpoint.objects.exists()


def test_an_endpoint_that_takes_nothing_has_one_batch_a_turn_and_one_turn_at_a_time(
    live_company: Company, boss: Actor, program: Program
) -> None:
    endpoint, _secret = make(live_company, boss, program, "assets.*")
    with tenant_scope(live_company.tenant_id):
        for number in range(3 * sending.BATCH):
            assets.create_device(name="", key=f"m-{number}")
    program.status = 500
    assert work(live_company, endpoint) == 0
    assert len(program.calls) == sending.BATCH
    program.status = 204
    with sending.turn_of(endpoint.pk):
        assert (work(live_company, endpoint), len(program.calls)) == (0, sending.BATCH)
    assert work(live_company, endpoint) == 2 * sending.BATCH
    assert work(live_company, endpoint, clock.now() + timedelta(minutes=1)) == sending.BATCH


def test_a_turn_that_took_too_long_does_not_end_its_successors(
    live_company: Company, boss: Actor, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, _secret = make(live_company, boss, program, "assets.device.made")
    with tenant_scope(live_company.tenant_id):
        assets.create_device(name="Meter", key="m-1")
    program.delay_s = 1.0
    monkeypatch.setattr(sending, "TURN_S", 0.2)
    with ThreadPoolExecutor(1) as pool:
        successor = pool.submit(_take_over, endpoint.pk, program)
        assert work(live_company, endpoint) == 1
        assert successor.result(timeout=10)
        assert sending.turn_of(endpoint.pk).locked()


def _take_over(endpoint_id: int, program: Program) -> bool:
    """Take the turn, for longer, once the first has asked the program and its own is over."""
    deadline = time.monotonic() + 10
    while not program.calls and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    return bool(valkey.client().lock(sending.turn_of(endpoint_id).name, timeout=60).acquire(blocking=False))

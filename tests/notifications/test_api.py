"""REST: channels without their secrets, rosters, routes, the log, and a person's own bell and wishes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from forgeline.base import clock
from forgeline.notifications.models import Channel
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.notifications.conftest import Mailbox, Robot, make_route
from tests.notifications.test_road import announce

Work = Callable[..., int]
PRIVATE = "The address leads into a private network, which this installation does not allow"
HOOK = "https://oapi.dingtalk.com/robot/send?access_token=SesameHook"


@pytest.fixture
def api(company: Company) -> APIClient:
    return APIClient(headers={"Authorization": f"Bearer {company.manager_key}"})


def made(api: APIClient, path: str, body: Any) -> Any:
    answer = api.post(f"/api/v1/{path}/", body, format="json")
    assert answer.status_code == 201, answer.content
    return answer.json()


def faults(api: APIClient, path: str, body: Any) -> dict[str, list[str]]:
    answer = api.post(f"/api/v1/{path}/", body, format="json")
    assert answer.status_code == 400, answer.content
    fields: dict[str, list[str]] = answer.json()["data"]["fields"]
    return fields


def test_channel_never_shows_its_address_or_secret_again(company: Company, api: APIClient) -> None:
    body = {
        "name": "group",
        "kind": "dingtalk",
        "address": HOOK,
        "secret": "SECsesame",
        "language": "zh-hans",
    }
    channel = made(api, "channels", body)
    assert channel["hint"] == "oapi.dingtalk.com …Hook"
    assert channel["has_secret"] is True
    changed = api.patch(f"/api/v1/channels/{channel['id']}/", {"name": "group 2"}, format="json")
    assert changed.json()["has_secret"] is True
    for answer in (changed, api.get("/api/v1/channels/"), api.get(f"/api/v1/channels/{channel['id']}/")):
        assert b"SesameHook" not in answer.content
        assert b"SECsesame" not in answer.content
    with tenant_scope(company.tenant_id):
        row = Channel.objects.get()
        assert "esame" not in row.address_sealed + row.secret_sealed
    answer = api.post("/api/v1/channels/", body | {"name": "group 2"}, format="json")
    assert (answer.status_code, answer.json()["key"]) == (409, "notifications.taken")


@pytest.mark.parametrize(
    ("kind", "address", "sentence"),
    [
        ("dingtalk", "http://oapi.dingtalk.com/x", "The address must begin with https://"),
        ("webhook", "https://192.168.1.4/in", PRIVATE),
        ("webhook", "https://localhost/in", PRIVATE),
        ("slack", HOOK, "This is an address of DingTalk, not of Slack; choose the other kind."),
        ("feishu", "not an address", "This is no web address; copy it as a whole, beginning with https://"),
        ("email", "not a mailbox", "Enter a valid email address."),
    ],
)  # fmt: skip
def test_bad_address_is_a_clear_sentence(api: APIClient, kind: str, address: str, sentence: str) -> None:
    assert faults(api, "channels", {"name": "x", "kind": kind, "address": address}) == {"address": [sentence]}


def test_channel_of_another_kind_needs_its_own_address(api: APIClient) -> None:
    channel = made(api, "channels", {"name": "group", "kind": "dingtalk", "address": HOOK})
    answer = api.patch(f"/api/v1/channels/{channel['id']}/", {"kind": "slack"}, format="json")
    assert answer.json()["data"]["fields"] == {
        "address": ["Another kind needs its own address; enter it too."]
    }


def test_test_message_says_what_came_of_it(api: APIClient, robot: Robot) -> None:
    channel = made(
        api, "channels", {"name": "group", "kind": "wecom", "address": robot.url, "language": "zh-hans"}
    )
    good = api.post(f"/api/v1/channels/{channel['id']}/test/").json()
    assert good == {
        "is_sent": True, "detail": "",
        "sentence": "The other side has taken the test message; look whether it arrived.",
    }  # fmt: skip
    assert "测试消息" in robot.calls[0].body["markdown"]["content"]
    robot.answers.append((200, b'{"errcode": 93000, "errmsg": "invalid webhook url"}', {}))
    bad = api.post(f"/api/v1/channels/{channel['id']}/test/").json()
    assert bad == {
        "is_sent": False,
        "sentence": "The other side refused it",
        "detail": "93000 invalid webhook url",
    }
    log = api.get("/api/v1/deliveries/?form=test").json()["results"]
    assert [row["state"] for row in log] == ["failed", "sent"]
    tries = api.get(f"/api/v1/deliveries/{log[0]['id']}/").json()["tries"]
    assert [each["detail"] for each in tries] == ["93000 invalid webhook url"]
    assert "SesameHook" not in json.dumps(log)


def test_roster_is_made_changed_and_asked(company: Company, api: APIClient) -> None:
    body = {
        "name": "nights", "zone": "Asia/Shanghai", "pattern": "rotation", "turn_days": 7, "turns_from": "2026-03-02",
        "turns_at": "08:00", "entries": [{"user": company.viewer.pk}, {"user": company.manager.pk}],
    }  # fmt: skip
    roster = made(api, "rosters", body)
    duty = api.get(f"/api/v1/rosters/{roster['id']}/duty/?at=2026-03-09T00:00:00Z").json()
    assert duty["names"] == ["Alice"]
    assert duty["until"] == "2026-03-16T00:00:00.000000Z"
    stand_in = {
        "user": company.viewer.pk, "starts_at": "2026-03-09T00:00:00Z", "ends_at": "2026-03-10T00:00:00Z",
    }  # fmt: skip
    changed = api.patch(f"/api/v1/rosters/{roster['id']}/", {"stand_ins": [stand_in]}, format="json").json()
    assert len(changed["entries"]) == 2
    assert api.get(f"/api/v1/rosters/{roster['id']}/duty/?at=2026-03-09T00:00:00Z").json()["names"] == ["Bob"]
    for at in ("yesterday", "9999-12-31T23:59:59Z", "2026-03-09T00:00:00"):
        assert api.get(f"/api/v1/rosters/{roster['id']}/duty/?at={at}").status_code == 400


def test_faults_of_rosters_and_routes_are_told_by_field(
    company: Company, stranger: Company, api: APIClient
) -> None:
    assert "zone" in faults(api, "rosters", {"name": "x", "zone": "Shanghai"})
    assert "turns_from" in faults(api, "rosters", {"name": "x", "pattern": "rotation"})
    assert "entries" in faults(api, "rosters", {"name": "x", "entries": [{"user": company.viewer.pk}]})
    assert "plant" in faults(api, "rosters", {"name": "x", "plant": 4711})
    foreign = {"user": stranger.viewer.pk, "weekdays": [1]}
    assert "entries" in faults(api, "rosters", {"name": "x", "entries": [foreign]})
    step = {"after_minutes": 0, "user": company.viewer.pk}
    assert "kinds" in faults(api, "routes", {"name": "x", "kinds": ["alarm raised"], "steps": [step]})
    assert "steps" in faults(api, "routes", {"name": "x", "steps": []})
    assert "steps" in faults(
        api, "routes", {"name": "x", "steps": [{"after_minutes": 5, "user": company.viewer.pk}]}
    )
    assert "steps" in faults(api, "routes", {"name": "x", "steps": [{"after_minutes": 0}]})
    assert "steps" in faults(
        api, "routes", {"name": "x", "steps": [{"after_minutes": 0, "user": stranger.viewer.pk}]}
    )
    assert "steps" in faults(api, "routes", {"name": "x", "steps": [{"after_minutes": 0, "channel": 4711}]})


def test_steps_stand_in_the_order_of_their_delays(company: Company, api: APIClient) -> None:
    steps = [
        {"after_minutes": 20, "user": company.manager.pk},
        {"after_minutes": 0, "user": company.viewer.pk},
    ]
    route = made(api, "routes", {"name": "x", "steps": steps})
    assert [step["after_minutes"] for step in route["steps"]] == [0, 20]


def test_bell_and_wishes_are_a_persons_own(
    live_company: Company, mailbox: Mailbox, work: Work, sign_in: Callable[[Any], Client]
) -> None:
    make_route(live_company, (0, live_company.viewer), (0, live_company.manager))
    announce(live_company)
    work(live_company, clock.now())
    viewer, manager = sign_in(live_company.viewer), sign_in(live_company.manager)
    (ring,) = viewer.get("/api/v1/bell/").json()["results"]
    assert ring["title"]["en"] == "Press 1 is too hot"
    assert (ring["read_at"], ring["answered_by"]) == (None, "")
    # Somebody else's ring is not his to mark.
    answer = manager.post("/api/v1/bell/read/", {"ids": [ring["id"]]}, content_type="application/json")
    assert answer.json() == {"marked": 0}
    assert viewer.post("/api/v1/bell/read/", {}, content_type="application/json").json() == {"marked": 1}
    assert viewer.get("/api/v1/bell/").json()["results"][0]["read_at"]
    wishes = {"quiet_from": "22:00:00", "quiet_to": "06:00:00", "digest_minutes": 60}
    answer = viewer.put("/api/v1/preferences/", wishes, content_type="application/json")
    assert answer.status_code == 200, answer.content
    assert viewer.get("/api/v1/preferences/").json()["quiet_from"] == "22:00:00"
    assert manager.get("/api/v1/preferences/").json()["quiet_from"] is None


def test_program_has_no_bell_and_is_told_so(company: Company, api: APIClient) -> None:
    assert api.get("/api/v1/bell/").json()["results"] == []
    answer = api.put("/api/v1/preferences/", {"digest_minutes": 60}, format="json")
    assert (answer.status_code, answer.json()["key"]) == (400, "notifications.no_person")


def test_log_is_filtered(live_company: Company, mailbox: Mailbox, work: Work) -> None:
    make_route(live_company, (0, live_company.viewer))
    announce(live_company)
    announce(live_company, subject="trial:2")
    work(live_company, clock.now())
    api = APIClient(headers={"Authorization": f"Bearer {live_company.manager_key}"})
    assert len(api.get("/api/v1/deliveries/").json()["results"]) == 4
    rows = api.get("/api/v1/deliveries/?subject=trial:2&via=email").json()["results"]
    assert [(row["subject"], row["via"], row["state"]) for row in rows] == [("trial:2", "email", "sent")]


def test_longer_lists_ask_the_database_no_more_often(company: Company, api: APIClient) -> None:
    def grow(first: int, count: int) -> None:
        for number in range(first, first + count):
            channel = made(
                api, "channels", {"name": f"c{number}", "kind": "email", "address": "a@example.com"}
            )
            entry = {"user": company.viewer.pk, "weekdays": [1]}
            roster = made(api, "rosters", {"name": f"r{number}", "entries": [entry]})
            steps = [
                {"after_minutes": 0, "roster": roster["id"]},
                {"after_minutes": 5, "channel": channel["id"]},
            ]
            made(api, "routes", {"name": f"w{number}", "steps": steps})

    def count(name: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            assert api.get(f"/api/v1/{name}/").status_code == 200
        return len(asked)

    names = ("channels", "rosters", "routes")
    grow(0, 1)
    short = [count(name) for name in names]
    grow(1, 9)
    assert [count(name) for name in names] == short

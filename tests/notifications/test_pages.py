"""The pages: who is told is set up by forms, a person sees what he was told, a link answers without signing in."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from forgeline.base import clock
from forgeline.notifications import providers, queries
from forgeline.notifications.models import Channel, Delivery, Escalation, Preference, Roster, Route
from forgeline.notifications.secrets import unseal
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.notifications.conftest import Mailbox, Robot, make_channel, make_message, make_route, text_of
from tests.notifications.test_road import announce

Work = Callable[..., int]
SignIn = Callable[[Any], Client]
SETUP = [f"/company/messages/{path}" for path in
         ("", "routes/new/", "rosters/", "rosters/new/", "channels/", "channels/new/", "log/")]  # fmt: skip


@pytest.mark.parametrize(
    "path", ["/notifications/", "/notifications/bell/", "/notifications/preferences/", *SETUP]
)
def test_every_page_opens_and_set_up_is_for_managers(company: Company, sign_in: SignIn, path: str) -> None:
    assert sign_in(company.manager).get(path).status_code == 200
    answer = sign_in(company.viewer).get(path)
    assert answer.status_code == (403 if path in SETUP else 200)
    # The bell asks from a page that is open: a sign-in page would be put into it.
    assert Client().get(path).status_code == (204 if path.endswith("/bell/") else 302)


def test_roster_route_and_channel_are_made_by_forms(company: Company, sign_in: SignIn) -> None:
    client = sign_in(company.manager)
    answer = client.post(
        "/company/messages/channels/new/",
        {"name": "Hall 2", "kind": "dingtalk", "address": "https://oapi.dingtalk.com/robot/send?access_token=Sesame77",
         "secret": "SECsesame", "language": "zh-hans", "most_in_10_min": "15", "is_enabled": "on"},
    )  # fmt: skip
    assert answer.status_code == 302, answer.content.decode()
    with tenant_scope(company.tenant_id):
        channel = Channel.objects.get()
    assert unseal(channel.secret_sealed) == "SECsesame"
    assert "esame" not in channel.address_sealed
    page = client.get(answer["Location"]).content.decode()
    assert "oapi.dingtalk.com …me77" in page
    assert "Sesame77" not in page
    assert "SECsesame" not in page
    # Saved again without an address: the stored one stays.
    kept = {"name": "Hall 2", "kind": "dingtalk", "language": "en", "most_in_10_min": "9"}
    assert client.post(answer["Location"], kept).status_code == 302
    with tenant_scope(company.tenant_id):
        channel.refresh_from_db()
    assert unseal(channel.address_sealed).endswith("Sesame77")
    assert unseal(channel.secret_sealed) == "SECsesame"

    answer = client.post(
        "/company/messages/rosters/new/",
        {"name": "Electricians", "pattern": "weekly", "zone": "Asia/Shanghai"},
    )
    assert answer.status_code == 302, answer.content.decode()
    with tenant_scope(company.tenant_id):
        roster = Roster.objects.get()
    answer = client.post(
        f"/company/messages/rosters/{roster.pk}/",
        {"name": "Electricians", "pattern": "weekly", "zone": "Asia/Shanghai",
         "entries-TOTAL_FORMS": "2", "entries-INITIAL_FORMS": "0",
         "entries-0-user_id": str(company.viewer.pk), "entries-0-weekdays": ["1", "2", "3", "4", "5", "6", "7"],
         "entries-0-starts_at": "00:00", "entries-0-ends_at": "00:00", "entries-0-holidays": "any",
         "stand_ins-TOTAL_FORMS": "1", "stand_ins-INITIAL_FORMS": "0"},
    )  # fmt: skip
    assert answer.status_code == 302, answer.content.decode()
    page = client.get("/company/messages/rosters/").content.decode()
    assert "<b>Bob</b>" in page
    assert client.get(f"/company/messages/rosters/{roster.pk}/").content.decode().count('title="Bob"') == 7

    answer = client.post(
        "/company/messages/routes/new/",
        {"name": "Alarms", "min_priority": "high", "kinds": ["alarm.raised", "alarm.burst"],
         "repeat_minutes": "30", "is_enabled": "on",
         "steps-TOTAL_FORMS": "4", "steps-INITIAL_FORMS": "0",
         "steps-0-target": f"r{roster.pk}", "steps-0-after_minutes": "0",
         "steps-1-target": f"c{channel.pk}", "steps-1-after_minutes": "10"},
    )  # fmt: skip
    assert answer.status_code == 302, answer.content.decode()
    assert "Many alarms at once</span>" in client.get("/company/messages/").content.decode()
    with tenant_scope(company.tenant_id):
        route = Route.objects.get()
        assert [(step.after_minutes, str(step.roster or step.channel)) for step in route.steps.all()] == [
            (0, "Electricians"), (10, "Hall 2"),
        ]  # fmt: skip
    # What a route needs is not deleted under its feet.
    answer = client.post(f"/company/messages/rosters/{roster.pk}/", {"deed": "delete"}, follow=True)
    assert "It is still in use by: Alarms" in answer.content.decode()


def test_wishes_are_kept_and_faults_told(company: Company, sign_in: SignIn) -> None:
    client = sign_in(company.viewer)
    given = {"by_email": "on", "language": "zh-hans", "zone": "Europe/Berlin", "quiet_from": "22:00",
             "digest_minutes": "60", "most_in_10_min": "5"}  # fmt: skip
    answer = client.post("/notifications/preferences/", given)
    assert answer.status_code == 422
    assert "Quiet hours need both times, or none." in answer.content.decode()
    assert client.post("/notifications/preferences/", given | {"quiet_to": "06:00"}).status_code == 302
    with tenant_scope(company.tenant_id):
        row = Preference.objects.get()
    assert (row.zone, row.digest_minutes, row.quiet_lets_critical) == ("Europe/Berlin", 60, False)
    company.viewer.refresh_from_db()
    assert company.viewer.language == "zh-hans"


def test_bell_counts_and_is_read(
    live_company: Company, sign_in: SignIn, mailbox: Mailbox, work: Work
) -> None:
    make_route(live_company, (0, live_company.viewer))
    announce(live_company)
    work(live_company, clock.now())
    client = sign_in(live_company.viewer)
    assert "1 new message" in client.get("/notifications/bell/").content.decode()
    assert "Press 1 is too hot" in client.get("/notifications/").content.decode()
    assert client.post("/notifications/", {"read": "all"}).status_code == 302
    assert "No new messages" in client.get("/notifications/bell/").content.decode()
    assert "No messages yet" in sign_in(live_company.manager).get("/notifications/").content.decode()


def test_what_comes_again_is_one_entry_of_the_inbox(
    live_company: Company, sign_in: SignIn, mailbox: Mailbox, work: Work
) -> None:
    make_route(live_company, (0, live_company.viewer))
    for number in (1, 2, 3):
        announce(live_company, subject=f"alarm:{number}", path="/alarms/7/")
    announce(live_company, subject="alarm:9", path="/alarms/9/")
    work(live_company, clock.now())
    client = sign_in(live_company.viewer)
    shown = client.get("/notifications/").content.decode()
    assert (shown.count("Press 1 is too hot"), shown.count("3 times")) == (2, 1)
    assert "4 new messages" in client.get("/notifications/bell/").content.decode()
    ids = re.findall(r'name="read" value="([\d,]+)"', shown)
    assert [len(each.split(",")) for each in ids] == [1, 3]
    client.post("/notifications/", {"read": "nonsense"})
    client.post("/notifications/", {"read": ids[1]})
    assert "1 new message" in client.get("/notifications/bell/").content.decode()


def _answers(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int | None, str]]:
    heard: list[tuple[str, int | None, str]] = []
    monkeypatch.setitem(providers._ANSWERS, "trial", lambda *words: heard.append(words))
    return heard


def _link(text: str) -> str:
    found = re.search(r"https?://[^/]+(/notifications/answer/[^\s\"\\)]+/)", text)
    assert found, text
    return found.group(1)


def test_link_answers_by_one_click_without_signing_in(
    live_company: Company, mailbox: Mailbox, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = _answers(monkeypatch)
    make_route(live_company, (0, live_company.viewer), (10, live_company.manager))
    began = clock.now()
    announce(live_company)
    work(live_company, began)
    path = _link(text_of(mailbox.letters[0]))
    client = Client(enforce_csrf_checks=True)
    # A mail scanner looks, twice; that answers nothing.
    for _ in range(2):
        page = client.get(path)
        assert page.status_code == 200
        assert "Press 1 is too hot" in page.content.decode()
        assert "You answer as <b>Bob</b>" in page.content.decode()
    assert heard == []
    done = client.post(path)
    assert "Answered by Bob" in done.content.decode()
    assert heard == [("trial:42", live_company.viewer.pk, "Bob")]
    # A second click, and the escalation later: nothing more.
    assert client.post(path).status_code == 200
    assert len(heard) == 1
    letters = len(mailbox.to("alice@example.com"))
    work(live_company, began + timedelta(minutes=30))
    assert len(mailbox.to("alice@example.com")) == letters
    with tenant_scope(live_company.tenant_id):
        assert Escalation.objects.get().ended_by == "Bob"


def test_link_of_a_group_asks_for_a_name(
    live_company: Company, robot: Robot, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = _answers(monkeypatch)
    make_route(live_company, (0, make_channel(live_company, robot.url, language="zh-hans")))
    announce(live_company)
    work(live_company, clock.now())
    path = _link(robot.calls[0].body["markdown"]["text"])
    client = Client()
    assert client.post(path).status_code == 422
    assert heard == []
    page = client.post(path, {"name": "李伟"}).content.decode()
    assert heard == [("trial:42", None, "李伟")]
    assert "李伟" in page
    assert "1号冲床温度过高" in page


def test_forged_expired_and_foreign_links_do_nothing(
    live_company: Company,
    live_stranger: Company,
    mailbox: Mailbox,
    work: Work,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from forgeline.notifications.links import Ticket, make_token

    heard = _answers(monkeypatch)
    make_route(live_company, (0, live_company.viewer))
    announce(live_company)
    work(live_company, clock.now())
    with tenant_scope(live_company.tenant_id):
        delivery = Delivery.objects.get(via="email")
    good = make_token(Ticket(live_company.tenant_id, delivery.pk))
    client = Client()
    payload, _, signature = good.partition(".")
    for forged in (good[:-2] + "xx", payload + "." + signature[::-1], good + "A", "x", "a.b.c"):
        assert client.post(f"/notifications/answer/{forged}/").status_code == 404
    # The same number, signed for another company: there is no such delivery there.
    other = make_token(Ticket(live_stranger.tenant_id, delivery.pk))
    assert client.post(f"/notifications/answer/{other}/").status_code == 410
    monkeypatch.setattr("forgeline.notifications.links.VALID_FOR", timedelta(seconds=-1))
    assert client.post(f"/notifications/answer/{good}/").status_code == 410
    assert heard == []
    with tenant_scope(live_company.tenant_id):
        assert Delivery.objects.get(via="email").notice.settled_at is None


def test_who_left_the_company_answers_nothing(
    live_company: Company, mailbox: Mailbox, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = _answers(monkeypatch)
    make_route(live_company, (0, live_company.viewer))
    announce(live_company)
    work(live_company, clock.now())
    live_company.viewer.is_active = False
    live_company.viewer.save()
    assert Client().post(_link(text_of(mailbox.letters[0]))).status_code == 410
    assert heard == []


def test_log_shows_what_went_and_what_did_not(
    live_company: Company, sign_in: SignIn, mailbox: Mailbox, work: Work
) -> None:
    mailbox.refused.add("bob@example.com")
    make_route(live_company, (0, live_company.viewer), (0, live_company.manager))
    announce(live_company)
    work(live_company, clock.now())
    page = sign_in(live_company.manager).get("/company/messages/log/").content.decode()
    assert "The mail server refused this mailbox" in page
    assert "550 no such mailbox here" in page
    failed = sign_in(live_company.manager).get("/company/messages/log/?state=failed").content.decode()
    assert "Alice" not in failed.split("<tbody>")[1].split("</tbody>")[0]
    other = sign_in(live_company.manager).get("/company/messages/log/?subject=trial:43").content.decode()
    assert "Nothing here yet" in other
    with tenant_scope(live_company.tenant_id):
        assert [row.to_name for row in queries.list_told("trial:42").filter(via="email")] == ["Bob", "Alice"]


def test_message_of_a_stranger_is_seen_by_nobody_else(
    live_company: Company, live_stranger: Company, sign_in: SignIn, mailbox: Mailbox, work: Work
) -> None:
    make_route(live_stranger, (0, live_stranger.manager))
    with tenant_scope(live_stranger.tenant_id):
        from forgeline.notifications import services

        services.announce(make_message(title={"en": "Secret casting"}))
    assert work(live_company, clock.now()) == 0
    work(live_stranger, clock.now())
    for path in ("/notifications/", "/company/messages/log/", "/company/messages/"):
        assert "Secret casting" not in sign_in(live_company.manager).get(path).content.decode()
    assert "Secret casting" in sign_in(live_stranger.manager).get("/company/messages/log/").content.decode()


def test_plant_is_named_in_the_readers_language(
    live_company: Company, mailbox: Mailbox, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    _answers(monkeypatch)
    place = providers.Place("Stamping works", "Asia/Shanghai", {"zh-hans": "冲压厂"})
    providers.register_places(lambda: {7: place})
    live_company.viewer.language = "zh-hans"
    live_company.viewer.save()
    make_route(live_company, (0, live_company.viewer), (0, live_company.manager))
    announce(live_company, site_id=7)
    work(live_company, clock.now())
    chinese, english = (text_of(mailbox.to(f"{name}@example.com")[0]) for name in ("bob", "alice"))
    assert "工厂：冲压厂" in chinese
    assert "2026-03-02 16:30:00 (Asia/Shanghai)" in chinese
    assert "Plant: Stamping works" in english
    # The page is in the message's language, and in another where its reader chooses one.
    client = Client()
    assert "我来处理" in client.get(_link(chinese)).content.decode()
    client.cookies["django_language"] = "en"
    page = client.get(_link(chinese)).content.decode()
    assert "I take care of it" in page
    assert "Press 1 is too hot" in page
    assert "Stamping works" in page

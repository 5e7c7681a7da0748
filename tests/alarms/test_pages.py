"""The alarms' pages by HTTP: constant queries, bad addresses, other companies, files, versions.

Not here: how they look and move (tests/browser).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from forgeline.alarms.models import Alarm, EntryKind, JournalEntry, Rule
from forgeline.assets import services as assets
from forgeline.base import clock
from forgeline.tenancy.scoping import tenant_scope
from forgeline.web.alarm_rows import count_by_machine
from tests.conftest import Company

HOT = {
    "name": {"en": "Too hot", "zh-hans": "温度过高"},
    "condition": {"kind": "limit", "point": "bearing_temperature", "level": "H", "limit": 80.0},
    "priority": "high",
}


@pytest.fixture
def client(company: Company, sign_in: Callable[[Any], Client]) -> Client:
    return sign_in(company.manager)


def make_machine(company: Company, name: str = "Press 7") -> int:
    with tenant_scope(company.tenant_id):
        site = assets.create_site(name=f"Works of {name}", zone="Asia/Shanghai")
        machine = assets.create_asset(
            site_id=site.pk, level="work_unit", name=name, profile="press", with_points=True
        )
    return int(machine.pk)


def make_alarm(company: Company, asset_id: int, key: str = "too_hot", **fields: Any) -> int:
    with tenant_scope(company.tenant_id):
        alarm = Alarm.objects.create(
            asset_id=asset_id, key=key, since_us=0, changed_us=0, raised_at=clock.now(), value=86.4,
            **{"definition": HOT, "is_active": True, "is_acknowledged": False, **fields},
        )  # fmt: skip
        JournalEntry.objects.create(alarm=alarm, kind=EntryKind.RAISED, happened_at=clock.now(), value=86.4)
    return int(alarm.pk)


def count_queries(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


@pytest.mark.parametrize(
    "path", ["/alarms/", "/alarms/?view=all", "/alarms/journal/", "/alarms/rules/", "/alarms/analysis/"]
)
def test_pages_ask_as_much_for_many_as_for_few(company: Company, client: Client, path: str) -> None:
    make_alarm(company, make_machine(company, "Press 1"))
    few = count_queries(client, path)
    with tenant_scope(company.tenant_id):
        site = assets.create_site(name="Big", zone="Asia/Shanghai")
        machines = [
            assets.create_asset(
                site_id=site.pk, level="work_unit", name=f"Press {n}", profile="press", with_points=True
            )
            for n in range(2, 12)
        ]
    for machine in machines:
        for number in range(4):
            make_alarm(company, machine.pk, f"rule{number}")
    with CaptureQueriesContext(connection) as queries:
        client.get(path)
    assert len(queries) <= few, [query["sql"][:150] for query in queries]


def test_the_overview_marks_machines_with_one_query(company: Company) -> None:
    machine_id = make_machine(company)
    for key, fields in (
        ("one", {}), ("two", {"is_acknowledged": True}), ("gone", {"is_active": False, "is_acknowledged": True}),
        ("quiet", {"is_suppressed": True}),
    ):  # fmt: skip
        make_alarm(company, machine_id, key, **fields)
    with tenant_scope(company.tenant_id), CaptureQueriesContext(connection) as queries:
        found = count_by_machine([machine_id, make_machine(company, "Press 8")])
        asked = len([query for query in queries if 'FROM "alarms_alarm"' in query["sql"]])
    assert (found, asked) == ({machine_id: (2, "high")}, 1)


@pytest.mark.parametrize(
    "path",
    [
        "/alarms/?view=nonsense&plant=x&priority=zzz&q=%00", "/alarms/?plant=99999999999999999999",
        "/alarms/journal/?from=2026-02-31&to=zz&kind=none&before=9999999999999999999&at=x&plant=7",
        "/alarms/journal/?from=9999-12-31&to=9999-12-31", "/alarms/journal/?before=1&at=9999999999999999",
        "/alarms/rules/?plant=12&q=%27%3B--", "/alarms/analysis/?plant=x&week=2026-W99",
        "/alarms/analysis/?plant=99999&week=2099-W01", "/alarms/analysis/?week=2001-W01",
        "/alarms/journal/?csv&from=0001-01-01",
    ],
)  # fmt: skip
def test_a_wrong_address_shows_a_page(company: Company, client: Client, path: str) -> None:
    make_alarm(company, make_machine(company))
    assert client.get(path).status_code == 200


def test_what_belongs_to_others_is_not_there(company: Company, stranger: Company, client: Client) -> None:
    machine_id = make_machine(stranger)
    alarm_id = make_alarm(stranger, machine_id)
    with tenant_scope(stranger.tenant_id):
        rule = Rule.objects.create(asset_id=machine_id, key="too_hot", definition=HOT)
    assert b"Too hot" not in client.get("/alarms/?view=all").content
    for path in (
        f"/alarms/{alarm_id}/", f"/alarms/rules/{rule.pk}/", f"/alarms/rules/edit/?asset={machine_id}",
        f"/alarms/rules/edit/?asset={machine_id}&key=too_hot", "/alarms/rules/trials/1/",
    ):  # fmt: skip
        assert client.get(path).status_code == 404, path
    told = client.post("/alarms/answer/", {"alarm": [alarm_id], "deed": "acknowledge"}, follow=True)
    assert "There is nothing here that you may see." in told.content.decode()
    client.post(f"/alarms/rules/{rule.pk}/change/", {"deed": "remove"})
    with tenant_scope(stranger.tenant_id):
        assert not Alarm.objects.get(pk=alarm_id).is_acknowledged
        assert Rule.objects.filter(pk=rule.pk).exists()


def test_answers_go_back_only_to_this_house(company: Company, client: Client) -> None:
    alarm_id = make_alarm(company, make_machine(company))
    given = {"alarm": [alarm_id], "deed": "acknowledge", "next": "https://elsewhere.example/"}
    assert client.post("/alarms/answer/", given)["Location"] == "/alarms/"
    given["next"] = "/alarms/?view=all"
    assert client.post("/alarms/answer/", given)["Location"] == "/alarms/?view=all"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"deed": "acknowledge"}, "Tick the alarms first."),
        ({"deed": "acknowledge:x"}, "Tick the alarms first."),
        ({"deed": "dance", "alarm": "own"}, "Choose what to do with them."),
        ({"deed": "shelve", "alarm": "own", "minutes": "60"}, "Say why"),
        ({"deed": "shelve", "alarm": "own", "minutes": "99999", "text": "x"}, "up to 7 days"),
        ({"deed": "shelve", "alarm": "own", "minutes": "soon", "text": "x"}, "up to 7 days"),
        ({"deed": "comment", "alarm": "own", "text": " "}, "Write something."),
        ({"deed": "assign", "alarm": "own", "user": "999999"}, "no such person"),
    ],
)
def test_a_bad_answer_changes_nothing_and_says_why(
    company: Company, client: Client, given: dict[str, str], sentence: str
) -> None:
    alarm_id = make_alarm(company, make_machine(company))
    given = {key: str(alarm_id) if value == "own" else value for key, value in given.items()}
    assert sentence in client.post("/alarms/answer/", given, follow=True).content.decode()
    with tenant_scope(company.tenant_id):
        alarm = Alarm.objects.get(pk=alarm_id)
        assert (alarm.is_acknowledged, alarm.shelved_until, alarm.entries.count()) == (False, None, 1)


def test_a_refused_answer_comes_back_as_it_was_given_once(company: Company, client: Client) -> None:
    asset_id = make_machine(company)
    first, second, third = (make_alarm(company, asset_id, key) for key in ("too_hot", "too_cold", "stuck"))
    given = {
        "deed": "shelve",
        "alarm": [first, third],
        "minutes": "480",
        "text": " ",
        "user": str(company.viewer.pk),
    }
    shown = client.post("/alarms/answer/", given, follow=True).content.decode()
    ticked = {int(pk) for pk in re.findall(r'value="(\d+)" form="answers"[^>]* checked', shown)}
    assert ticked == {first, third}
    assert '<option value="480" selected>' in shown
    assert f'<option value="{company.viewer.pk}" selected>' in shown
    again = client.get("/alarms/").content.decode()
    assert " checked" not in again
    assert '<option value="60" selected>' in again

    given |= {"text": "The oil is on its way"}
    shown = client.post("/alarms/answer/", given, follow=True).content.decode()
    assert "2 alarms shelved." in shown
    given = {"deed": "comment", "alarm": [second], "text": "<b>Seen</b>"}
    assert "Remark written on 1 alarm." in client.post("/alarms/answer/", given, follow=True).content.decode()


def test_a_shelved_alarm_says_why_and_until_when(company: Company, client: Client) -> None:
    alarm_id = make_alarm(company, make_machine(company))
    given = {"deed": "shelve", "alarm": str(alarm_id), "minutes": "60", "text": "The oil is on its way"}
    client.post("/alarms/answer/", given)
    shown = client.get("/alarms/?view=shelved").content.decode()
    assert re.search(r"until \d\d-\d\d \d\d:\d\d · The oil is on its way", shown)


def test_nothing_in_the_file_is_taken_for_a_formula(company: Company, client: Client) -> None:
    alarm_id = make_alarm(company, make_machine(company, "=cmd|' /C calc'!A0"))
    with tenant_scope(company.tenant_id):
        JournalEntry.objects.create(
            alarm_id=alarm_id, kind=EntryKind.COMMENTED, happened_at=clock.now(), text="@SUM(A1)", value=-4.5
        )
    answer = client.get("/alarms/journal/?csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert {row["Machine"][0] for row in rows} == {"'"}
    assert sorted(row["Text"] for row in rows) == ["", "'@SUM(A1)"]
    assert sorted(row["Value"] for row in rows) == ["-4.5", "86.4"]


def test_the_journal_pages_on_without_a_hole(company: Company, client: Client) -> None:
    alarm_id = make_alarm(company, make_machine(company))
    at = clock.now() - timedelta(hours=1)
    with tenant_scope(company.tenant_id):
        # Many at one instant: paging by time alone would lose some.
        JournalEntry.objects.bulk_create(
            JournalEntry(alarm_id=alarm_id, kind=EntryKind.COMMENTED, happened_at=at, text=f"remark {n:03d}.")
            for n in range(250)
        )
    seen, path = set(), "/alarms/journal/?kind=commented"
    while path:
        context = client.get(path).context
        found = {row["entry"].text for row in context["rows"]}
        assert not seen & found
        seen |= found
        older = context["older"]
        path = older and f"/alarms/journal/?kind=commented&before={older['before']}&at={older['at']}"
    assert len(seen) == 250


@pytest.mark.parametrize(
    ("search", "is_found"),
    [
        ("too_h", True),
        ("过高", True),
        ("TOO HOT", True),
        ("press 7", True),
        ("七号", True),
        ("100%", False),
        ("hans", False),
    ],
)
def test_alarms_are_found_by_name_in_both_languages(
    company: Company, client: Client, search: str, is_found: bool
) -> None:
    machine_id = make_machine(company)
    make_alarm(company, machine_id)
    with tenant_scope(company.tenant_id):
        assets.update_asset(asset_id=machine_id, names={"zh-hans": "七号压力机"})
    for path in ("/alarms/", "/alarms/journal/"):
        assert bool(client.get(path, {"q": search}).context["rows"]) is is_found, path


def test_a_flood_is_told_with_what_came_first(company: Company, client: Client) -> None:
    machine_id = make_machine(company)
    first = make_alarm(company, machine_id, "first")
    other = make_alarm(company, machine_id, "other")
    at = clock.now() - timedelta(minutes=5)
    with tenant_scope(company.tenant_id):
        JournalEntry.objects.filter(alarm_id=first).update(happened_at=at)
        for number in range(8):
            JournalEntry.objects.create(
                alarm_id=other, kind=EntryKind.RAISED, happened_at=at + timedelta(seconds=number + 1)
            )
        # Nobody was told of this one, so it burdens nobody.
        JournalEntry.objects.create(
            alarm_id=other, kind=EntryKind.RAISED, happened_at=at + timedelta(seconds=20), is_quiet=True
        )
    assert client.get("/alarms/").context["floods"] == []
    with tenant_scope(company.tenant_id):
        JournalEntry.objects.create(
            alarm_id=other, kind=EntryKind.RAISED, happened_at=at + timedelta(seconds=30)
        )
    page = client.get("/alarms/")
    assert "A flood: 11 alarms within 10 minutes at Works of Press 7" in page.content.decode()
    assert [flood["first"] for flood in page.context["floods"]] == [first]


def test_a_week_tells_its_bad_actor_and_leads_to_the_change(company: Company, client: Client) -> None:
    machine_id = make_machine(company)
    with tenant_scope(company.tenant_id):
        site_id = Alarm.objects.get(pk=make_alarm(company, machine_id, "bearing_hot")).asset.site_id
        alarm = Alarm.objects.get(key="bearing_hot")
        begin = clock.now() - timedelta(minutes=40)
        JournalEntry.objects.all().delete()
        # Twenty times for two seconds, ten seconds apart: an off-delay joins them.
        for number in range(20):
            raised = begin + timedelta(seconds=12 * number)
            JournalEntry.objects.create(alarm=alarm, kind=EntryKind.RAISED, happened_at=raised)
            JournalEntry.objects.create(
                alarm=alarm, kind=EntryKind.CLEARED, happened_at=raised + timedelta(seconds=2)
            )
        Alarm.objects.update(is_active=False)
    page = client.get(f"/alarms/analysis/?plant={site_id}")
    [actor] = page.context["actors"]
    assert (actor["count"], actor["percent"]) == (20, "100")
    assert len(page.context["days"]) == 7
    assert actor["suggestion"]["after"] < 5
    assert actor["try_at"] in page.content.decode().replace("&amp;", "&")
    editor = client.get(actor["try_at"])
    what = actor["suggestion"]["what"]
    assert float(editor.context["form"][what].value()) == actor["suggestion"]["to"]


def test_words_of_people_are_shown_as_words(company: Company, client: Client) -> None:
    machine_id = make_machine(company, "<b>Press</b>")
    alarm_id = make_alarm(company, machine_id)
    client.post(
        "/alarms/answer/", {"alarm": [alarm_id], "deed": "comment", "text": "<script>alert(1)</script>"}
    )
    client.post(
        f"/alarms/rules/edit/?asset={machine_id}",
        {
            "name_en": "<i>Hot</i>",
            "key": "hot",
            "kind": "limit",
            "point": "bearing_temperature",
            "level": "H",
            "limit": "80",
            "priority": "high",
            "sure": "on",
        },
    )
    for path in ("/alarms/", f"/alarms/{alarm_id}/", "/alarms/journal/", "/alarms/rules/"):
        page = client.get(path).content.decode()
        assert "<script>alert(1)" not in page
        assert "<b>Press" not in page
        assert "<i>Hot" not in page


def test_the_gravest_of_a_priority_stands_first(company: Company, client: Client) -> None:
    machine_id = make_machine(company)
    for key, severity, priority in (
        ("usual", None, "high"), ("grave", 999, "high"), ("slight", 1, "high"), ("lower", 1000, "medium")
    ):  # fmt: skip
        make_alarm(company, machine_id, key, definition={**HOT, "severity": severity, "priority": priority})
    rows = client.get("/alarms/").context["rows"]
    assert [row.alarm.key for row in rows] == ["grave", "usual", "slight", "lower"]
    assert [row.alarm.severity for row in rows] == [999, 700, 1, 1000]

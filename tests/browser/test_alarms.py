"""Alarms in a browser, judged by the real judge: a rule is written, an alarm comes, people answer it."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from forgeline.alarms import services
from forgeline.alarms.models import Alarm, EntryKind, JournalEntry, Rule
from forgeline.identity.policy import Actor, permissions_of
from forgeline.telemetry import ingest
from forgeline.telemetry.sample import SampleBatch
from forgeline.tenancy.scoping import tenant_scope
from tests.browser.conftest import Floor, Sender, sign_in
from tests.demoplant.house import ROOT, until

pytestmark = pytest.mark.browser


@pytest.fixture
def judge(child_environment: dict[str, str], floor: Floor) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "run_alarms"], env=child_environment, cwd=ROOT
    )
    yield
    process.terminate()
    process.wait(20)


def _manager(floor: Floor) -> Actor:
    return Actor(
        floor.company.tenant_id, "manager", user_id=floor.company.manager.pk, label="Alice",
        permissions=permissions_of("manager"),
    )  # fmt: skip


def _write_rule(floor: Floor, *, limit: float = 80.0, priority: str = "high") -> None:
    """A rule of the machine that comes at once."""
    with tenant_scope(floor.company.tenant_id):
        services.publish_rule(
            {
                "name": {"en": "Too hot", "zh-hans": "温度过高"},
                "condition": {"kind": "limit", "point": "bearing_temperature", "level": "H", "limit": limit},
                "priority": priority,
                "operator_bounds": {"lowest": 70, "highest": 90},
                "instruction": {"en": "Look at the oil."},
            },
            key="too_hot", asset_id=floor.machine_id, actor=_manager(floor),
        )  # fmt: skip


def _alarm(floor: Floor) -> Alarm | None:
    with tenant_scope(floor.company.tenant_id):
        found: Alarm | None = Alarm.objects.filter(key="too_hot").first()
        return found


def _raise(floor: Floor, sender: Sender) -> Alarm:
    """Write the rule, send what breaks it, and return the alarm once the judge has raised it."""
    _write_rule(floor)
    sender.send(floor.points["bearing_temperature"], 86.4)
    until(lambda: _alarm(floor) is not None)
    alarm = _alarm(floor)
    assert alarm is not None
    return alarm


def _kinds(floor: Floor) -> list[str]:
    with tenant_scope(floor.company.tenant_id):
        rows = JournalEntry.objects.filter(alarm__key="too_hot").order_by("pk")
        return list(rows.values_list("kind", flat=True))


def test_alarm_comes_live_is_heard_and_answered_by_keys(
    open_page: Callable[..., Any], floor: Floor, sender: Sender, judge: None
) -> None:
    _write_rule(floor)
    hot = floor.points["bearing_temperature"]
    page = open_page(width=1920, height=1080)
    sign_in(page, "alice@example.com")
    page.click("nav >> text=Alarms")
    page.wait_for_selector("text=No alarm is open")
    page.wait_for_selector("[data-live-pill][data-state=live]")
    page.evaluate("document.addEventListener('forgeline:sounded', () => { window.heard = true; })")
    page.click("[data-sound]")
    page.wait_for_selector("[data-sound][aria-pressed=true]")

    sender.send(hot, 86.4)
    row = page.locator("tr[data-alarm]")
    row.wait_for()
    assert row.inner_text().count("Too hot") == 1
    assert "86.40 °C, above the limit of 80 °C" in row.inner_text()
    assert row.get_attribute("data-life") == "unacknowledged"
    page.wait_for_function("window.heard === true")

    page.click("h1")
    page.keyboard.press("j")
    page.keyboard.press("a")
    page.wait_for_selector(".notice:has-text('1 alarm acknowledged.')")
    page.wait_for_selector("tr[data-life=acknowledged]")
    sender.send(hot, 60.0)
    page.wait_for_selector("text=No alarm is open")
    assert _kinds(floor) == [EntryKind.RAISED, EntryKind.ACKNOWLEDGED, EntryKind.CLEARED]
    assert page.faults == []


def test_an_alarm_tells_what_to_do_and_keeps_what_people_said(
    open_page: Callable[..., Any], floor: Floor, sender: Sender, judge: None
) -> None:
    alarm = _raise(floor, sender)
    page = open_page()
    sign_in(page, "alice@example.com")
    page.goto(f"/alarms/{alarm.pk}/")
    page.wait_for_selector("text=Look at the oil.")
    page.wait_for_selector("#chart canvas")
    page.fill("#answer-text", "Mechanic is on the way")
    page.click("button:has-text('Comment')")
    page.wait_for_selector(".entries:has-text('Mechanic is on the way')")
    page.click("button:has-text('Shelve for')")
    page.wait_for_selector(".notice.bad:has-text('Say why')")
    page.fill("#answer-text", "Known, part is ordered")
    page.click("button:has-text('Shelve for')")
    page.wait_for_selector("dd:has-text('Known, part is ordered')")
    page.click("button:has-text('Take off the shelf')")
    page.wait_for_selector("text=Active, not acknowledged")
    page.select_option("#answer-user", label="Alice")
    page.click("button:has-text('Give to')")
    page.wait_for_selector("dt:has-text('Sees to it')")

    page.fill("#limit", "85")
    page.fill("#note", "Summer")
    page.click("button:has-text('Move')")
    page.wait_for_selector(".notice:has-text('The limit is now 85')")
    with tenant_scope(floor.company.tenant_id):
        rule = Rule.objects.get(key="too_hot")
        assert (rule.number, rule.definition["condition"]["limit"]) == (2, 85.0)
        assert rule.versions.get(number=2).note == "Summer"

    page.goto("/alarms/journal/?q=too_hot")
    page.wait_for_selector("tr:has-text('Raised')")
    answer = page.request.get("/alarms/journal/?q=too_hot&csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.body().decode("utf-8-sig"))))
    assert [row["What"] for row in rows][::-1] == [
        "Raised", "Comment", "Shelved", "Taken off the shelf", "Assigned"
    ]  # fmt: skip
    assert (rows[-1]["Machine"], rows[-1]["Value"], rows[-2]["Person"]) == ("Press 7", "86.4", "Alice")
    assert page.faults == []


def test_a_rule_is_written_tried_and_published_and_goes_back(
    open_page: Callable[..., Any], floor: Floor, sender: Sender
) -> None:
    page = open_page(width=1920, height=1080)
    sign_in(page, "alice@example.com")
    page.goto(f"/alarms/rules/edit/?asset={floor.machine_id}")
    # States are ticked by their words; a limit offers what has numbers alone.
    page.select_option("select[name=kind]", "state")
    page.select_option("select[name=point]", "state")
    assert not page.is_visible("input[name=codes]")
    assert not page.is_visible("input[value='lubrication_low:1']")
    page.check("input[value='state:9']")
    page.wait_for_selector("#checked:has-text('Aborted')")
    page.select_option("select[name=kind]", "limit")
    assert page.locator("select[name=point] option[value=state]").is_disabled()
    assert page.input_value("select[name=point]") != "state"
    page.fill("input[name=name_en]", "Too hot")
    page.select_option("select[name=point]", "bearing_temperature")
    page.wait_for_selector("#checked:has-text('This is needed.')")
    assert not page.is_visible("textarea[name=expression]")
    page.fill("input[name=limit]", "80")
    page.wait_for_selector("#checked:has-text('Main bearing temperature above 80 °C')")
    # Nothing is stored yet: nothing can be said of it, so nothing stands in its way.
    page.click("button:has-text('7 days')")
    page.wait_for_selector("#trial:has-text('Nothing was stored')")
    page.click("button:has-text('Publish')")
    page.wait_for_selector(".notice:has-text('Published')")
    page.wait_for_selector("a:has-text('Too hot')")

    _store_noise(floor)
    page.click("a:has-text('Too hot')")
    page.fill("input[name=limit]", "60")
    page.fill("input[name=note]", "Earlier")
    page.click("button:has-text('Publish')")
    page.wait_for_selector("#trial:has-text('would have fired 2,000 times')")
    with tenant_scope(floor.company.tenant_id):
        assert Rule.objects.get(key="too_hot").number == 1
    # What would calm it is offered, and put into the form by one click.
    page.click("button:has-text('Take the delay')")
    assert float(page.input_value("input[name=on_delay_s]")) >= 5
    page.click("button:has-text('7 days')")
    page.wait_for_selector("#trial:not(:has-text('2,000 times'))")
    page.fill("input[name=on_delay_s]", "0")
    page.check("input[name=sure]")
    page.click("button:has-text('Publish')")
    page.wait_for_selector(".notice:has-text('Published')")
    page.click("a:has-text('Version 2')")
    page.wait_for_selector("li:has-text('Earlier')")
    page.click("button:has-text('Back to this')")
    page.wait_for_selector("li:has-text('Version 3'):has-text('stands now')")
    with tenant_scope(floor.company.tenant_id):
        rule = Rule.objects.get(key="too_hot")
        assert (rule.number, rule.definition["condition"]["limit"]) == (3, 80.0)
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("button:has-text('Take it away')")
    page.wait_for_selector(".notice:has-text('taken away')")
    assert page.locator("a:has-text('Too hot')").count() == 0
    page.faults = [fault for fault in page.faults if "422" not in fault]
    assert page.faults == []


def _store_noise(floor: Floor) -> None:
    """A value that jumps over 60 and back, two thousand times within the last day."""
    now = time.time_ns() // 1000
    stamps = [now - (4_000 - number) * 20_000_000 for number in range(4_000)]
    values = [50.0 if number % 2 else 70.0 for number in range(4_000)]
    batch = SampleBatch.from_columns([floor.points["bearing_temperature"]] * 4_000, stamps, values)
    assert ingest.ingest_batch(batch).accepted == 4_000


def test_who_only_looks_can_answer_and_change_nothing(
    open_page: Callable[..., Any], floor: Floor, sender: Sender, judge: None
) -> None:
    alarm = _raise(floor, sender)
    page = open_page()
    sign_in(page, floor.company.viewer.email)
    page.goto("/alarms/")
    page.wait_for_selector("text=Too hot")
    assert page.locator("[data-pick], button[name=deed]").count() == 0
    page.goto(f"/alarms/{alarm.pk}/")
    page.wait_for_selector("text=Look at the oil.")
    assert page.locator("button[name=deed], #limit").count() == 0
    page.goto("/alarms/rules/")
    assert page.locator("a:has-text('New rule')").count() == 0
    assert page.goto(f"/alarms/rules/edit/?asset={floor.machine_id}").status == 403
    token = page.evaluate("document.body.getAttribute('hx-headers')")
    header = {"X-CSRFToken": token.split('"')[3], "Referer": page.url}
    for path in ("/alarms/answer/", f"/alarms/{alarm.pk}/limit/", "/alarms/rules/try/"):
        answer = page.request.post(path, headers=header, form={"alarm": str(alarm.pk), "deed": "acknowledge"})
        assert answer.status == 403, path
    assert _kinds(floor) == [EntryKind.RAISED]

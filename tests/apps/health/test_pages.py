"""The pages of maintenance: each opens, each button does what it says, each refusal is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.health.pages.plans import read_line, write_line
from tests.apps.health.conftest import Api, Order
from tests.apps.health.test_faults import PNG
from tests.conftest import Company

SignIn = Callable[[Any], Client]


@pytest.fixture
def boss_page(company: Company, sign_in: SignIn) -> Client:
    return sign_in(company.manager)


def _said(client: Client, address: str, body: dict[str, Any] | None = None, status: int = 200) -> str:
    answer = client.get(address) if body is None else client.post(address, body, follow=True)
    assert answer.status_code == status, (address, answer.status_code)
    return str(answer.content.decode())


ADDRESSES = (
    "/health/", "/health/calendar/", "/health/calendar/?month=-3", "/health/orders/", "/health/orders/?state=all&q=x",
    "/health/orders/new/", "/health/plans/", "/health/plans/new/", "/health/parts/", "/health/parts/?low=1&q=x",
    "/health/parts/new/", "/health/routes/", "/health/routes/new/", "/health/machines/", "/health/figures/",
    "/health/figures/?days=365", "/health/terms/", "/health/files.csv?what=plans",
)  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_page_opens_with_and_without_anything_to_show(
    api: Api, boss_page: Client, plant: int, machine: int, new_order: Order, address: str
) -> None:
    _said(boss_page, address)
    new_order("in_progress", priority="urgent")
    api.post("maintenance-plans/adopt/", {"asset": machine})
    api.post("spare-parts/", {"plant": plant, "number": "S-1", "name": "Seal", "stock": "1", "minimum": "2"})
    _said(boss_page, address)


def test_a_viewer_sees_and_changes_nothing(
    company: Company, sign_in: SignIn, machine: int, new_order: Order
) -> None:
    row = new_order("approved")
    client = sign_in(company.viewer)
    for address in (
        "/health/",
        f"/health/orders/{row['id']}/",
        f"/health/machines/{machine}/",
        "/health/plans/",
    ):
        _said(client, address)
    for address in ("/health/orders/new/", "/health/plans/new/", "/health/terms/"):
        _said(client, address, status=403)
    said = _said(client, f"/health/orders/{row['id']}/move/", {"to": "in_progress"})
    assert "Your role does not allow this" in said
    assert "Approved" in said


def test_an_order_is_done_on_its_page(
    api: Api, boss_page: Client, plant: int, machine: int, company: Company
) -> None:
    part = api.post(
        "spare-parts/", {"plant": plant, "number": "S-1", "name": "Seal", "stock": "2", "unit_cost": "10"}
    )
    said = _said(
        boss_page, "/health/orders/new/",
        {"asset_id": machine, "title": "Grinding noise", "kind": "corrective", "priority": "high"},
    )  # fmt: skip
    assert "#1 Grinding noise" in said
    pk = api.get("work-orders/")["results"][0]["id"]
    address = f"/health/orders/{pk}/"
    _said(boss_page, f"{address}move/", {"to": "approved"})
    plan = {
        "plan": "1", "priority": "urgent", "assignee_id": company.manager.pk, "planned_at": "2025-03-02T08:00",
        "due_at": "2025-03-03T16:00", "external_cost": "0",
    }  # fmt: skip
    said = _said(boss_page, address, plan)
    assert "overdue since 2025-03-03" in said
    # By the plant's clock: Shanghai is eight hours ahead.
    assert api.get(f"work-orders/{pk}/")["due_at"].startswith("2025-03-03T08:00")
    _said(boss_page, f"{address}move/", {"to": "in_progress"})
    _said(boss_page, address, {"labour": "1", "minutes": "30", "person": "Wang"})
    _said(boss_page, address, {"part": part["id"], "quantity": "1"})
    said = _said(boss_page, address, {"part": part["id"], "quantity": "5"})
    assert "1 in stock, 5 wanted" in said
    assert "Book whole minutes" in _said(
        boss_page, address, {"labour": "1", "minutes": "1.5", "person": "Wang"}
    )
    for many in ("1e9", "1e300", "nan"):
        assert "at most 99999999" in _said(boss_page, address, {"part": part["id"], "quantity": many})
    _said(boss_page, address, {"photo": "1", "file": SimpleUploadedFile("a.png", PNG)})
    said = _said(boss_page, address, {"photo": "1", "file": SimpleUploadedFile("a.exe", b"MZ\x90\x00")})
    assert "Only photos" in said
    found = {
        "found": "1",
        "remedy": "Bearing greased",
        "down_from": "2025-03-02T08:00",
        "down_to": "2025-03-02T07:00",
    }
    assert "cannot run again before" in _said(boss_page, address, found, status=422)
    _said(boss_page, address, {**found, "down_to": "2025-03-02T09:30"})
    said = _said(boss_page, f"{address}move/", {"to": "done", "back": "/health/"})
    assert "Grinding noise" in said
    row = api.get(f"work-orders/{pk}/")
    assert (row["state"], row["labour_minutes"], row["parts_cost"]) == ("done", 30, "10.00")
    assert row["down_to"].startswith("2025-03-02T01:30")
    said = _said(boss_page, f"{address}move/", {"to": "approved"})
    assert "from there it cannot become" in said


def test_what_was_written_of_a_finding_is_kept_by_whatever_button_is_pressed(
    api: Api, boss_page: Client, new_order: Order
) -> None:
    row = new_order()
    address = f"/health/orders/{row['id']}/"
    for to in ("approved", "in_progress"):
        _said(boss_page, f"{address}move/", {"to": to})

    def carry(**more: str) -> dict[str, str]:
        words = {"remedy": "", "down_from": "", "down_to": "", "downtime_reason_id": "", **more}
        return {f"found-{name}": word for name, word in words.items()}

    _said(
        boss_page, address, {"labour": "1", "minutes": "30", "person": "Wang", **carry(remedy="Belt slipped")}
    )
    kept = api.get(f"work-orders/{row['id']}/")
    assert (kept["remedy"], kept["labour_minutes"]) == ("Belt slipped", 30)
    # What cannot be is refused, stays in its field, and the button's deed is not done.
    slip = carry(remedy="Belt tightened", down_from="1990-01-01T14:00", down_to="2025-03-02T09:30")
    for target, deed in (
        (address, {"labour": "1", "minutes": "10", "person": "Wang"}),
        (f"{address}move/", {"to": "done"}),
    ):
        said = _said(boss_page, target, {**deed, **slip}, status=422)
        assert "longer than 366 days is out of use; look at the year" in said
        assert "Belt tightened</textarea>" in said
        assert 'data-found="written"' in said
        # Its forms lead to the order, wherever it came back from.
        assert said.count(f'method="post" action="{address}"') >= 3
    kept = api.get(f"work-orders/{row['id']}/")
    assert (kept["remedy"], kept["labour_minutes"], kept["state"]) == ("Belt slipped", 30, "in_progress")
    whole = carry(remedy="Belt tightened", down_from="2025-03-02T08:00", down_to="2025-03-02T09:30")
    _said(boss_page, f"{address}move/", {"to": "done", **whole})
    said = _said(boss_page, f"{address}move/", {"to": "verified"})
    kept = api.get(f"work-orders/{row['id']}/")
    assert (kept["remedy"], kept["state"]) == ("Belt tightened", "verified")
    # What was found and how long it stood is read there afterwards too.
    for word in ("Belt tightened", "2025-03-02 08:00", "2025-03-02 09:30"):
        assert word in said


def test_a_step_leads_back_to_our_own_pages_alone(boss_page: Client, new_order: Order) -> None:
    row = new_order()
    answer = boss_page.post(
        f"/health/orders/{row['id']}/move/", {"to": "approved", "back": "https://evil.example/"}
    )
    assert answer["Location"] == f"/health/orders/{row['id']}/"


def test_a_plan_by_an_alarm_names_its_rule_and_takes_those_of_the_machine(
    api: Api, boss_page: Client, machine: int
) -> None:
    body = {
        "asset_id": machine,
        "name": "Grease",
        "trigger": "condition",
        "lead_days": "3",
        "priority": "medium",
    }
    refused = _said(boss_page, "/health/plans/new/", {**body, "alarm_key": "nothing_of_this"}, status=422)
    assert '<option value="bearing_hot">Bearing hot</option>' in refused
    said = _said(boss_page, "/health/plans/new/", {**body, "alarm_key": "bearing_hot"})
    assert "on the alarm Bearing hot" in said
    (plan,) = api.get("maintenance-plans/")["results"]
    assert 'value="bearing_hot" selected' in _said(boss_page, f"/health/plans/{plan['id']}/")


def test_a_checklist_is_written_in_lines_and_read_back() -> None:
    for line in ("Look for leaks", "! Look for leaks", "! Oil pressure | bar | 2 | 4", "Gap | mm |  | 0.5"):
        assert write_line(read_line(line)) == line
    assert read_line("Oil | bar | 2")["high"] is None


def test_a_plan_is_made_changed_and_taken_away_on_its_page(api: Api, boss_page: Client, machine: int) -> None:
    body = {
        "asset_id": machine, "name": "Grease", "trigger": "calendar", "every": "1", "every_unit": "month",
        "first_on": "2999-01-05", "lead_days": "3", "priority": "medium", "is_enabled": "on",
        "checklist": "! Oil pressure | bar | 2 | 4\nLook",
    }  # fmt: skip
    wrong = _said(boss_page, "/health/plans/new/", {**body, "checklist": "Oil | bar | low | 4"}, status=422)
    assert "is no number" in wrong
    said = _said(boss_page, "/health/plans/new/", body)
    assert "Grease" in said
    (plan,) = api.get("maintenance-plans/")["results"]
    assert plan["checklist"][0] == {
        "text": "Oil pressure", "kind": "value", "unit": "bar", "low": 2.0, "high": 4.0, "opens_follow_up": True,
    }  # fmt: skip
    address = f"/health/plans/{plan['id']}/"
    assert "! Oil pressure | bar | 2 | 4" in _said(boss_page, address)
    _said(boss_page, address, {**body, "save": "1", "every": "3"})
    assert api.get(f"maintenance-plans/{plan['id']}/")["every"] == 3.0
    _said(boss_page, address, {"delete": "1"})
    assert api.get("maintenance-plans/")["results"] == []


def test_a_pass_is_walked_stop_by_stop_without_leaving_the_page(
    api: Api, boss_page: Client, plant: int, machine: int
) -> None:
    body = {
        "site_id": plant,
        "name": "Walk",
        "every_hours": "24",
        "items": "[Press 1]\nLeaks\nOil pressure | bar | 2 | 6",
    }
    assert "There is no machine" in _said(
        boss_page, "/health/routes/new/", {**body, "items": "[Press 9]\nx"}, status=422
    )
    _said(boss_page, "/health/routes/new/", body)
    (route,) = api.get("inspection-routes/")["results"]
    assert [item["text"] for item in route["items"]] == ["Leaks", "Oil pressure"]
    said = _said(boss_page, "/health/routes/", {"route": route["id"]})
    assert "0 / 2" in said
    run = api.get("inspections/")["results"][0]["id"]
    assert "walks this route now" in _said(boss_page, "/health/routes/", {"route": route["id"]})
    address = f"/health/inspections/{run}/"
    leaks, pressure = (item["id"] for item in route["items"])
    part = boss_page.post(
        address, {"item": leaks, "result": "ok"}, headers={"HX-Request": "true"}
    ).content.decode()
    assert f'id="stop{leaks}"' in part
    assert "1 / 2" in part
    assert "<html" not in part
    part = boss_page.post(
        address, {"item": pressure, "value": ""}, headers={"HX-Request": "true"}
    ).content.decode()
    assert "Enter the measured value" in part
    part = boss_page.post(
        address, {"item": pressure, "value": "1,5"}, headers={"HX-Request": "true"}
    ).content.decode()
    assert "Work order #1" in part
    assert "finished" in _said(boss_page, address, {"finish": "done"})
    _said(boss_page, f"/health/routes/{route['id']}/", {"delete": "1"})
    assert "1.5 bar" in _said(boss_page, address)


def test_a_part_is_booked_on_its_page(api: Api, boss_page: Client, plant: int) -> None:
    _said(
        boss_page, "/health/parts/new/",
        {"site_id": plant, "number": "S-1", "name": "Seal", "stock": "3", "minimum": "1", "unit_cost": "5"},
    )  # fmt: skip
    (part,) = api.get("spare-parts/")["results"]
    address = f"/health/parts/{part['id']}/"
    assert "3 in stock, 4 wanted" in _said(
        boss_page, address, {"book": "1", "kind": "issue", "quantity": "4"}, status=422
    )
    _said(boss_page, address, {"book": "1", "kind": "receipt", "quantity": "2"})
    assert api.get(f"spare-parts/{part['id']}/")["stock"] == "5.000"
    _said(boss_page, address, {"retire": "1"})
    assert api.get("spare-parts/")["results"] == []


def test_a_machine_keeps_its_papers_and_gets_its_label(api: Api, boss_page: Client, machine: int) -> None:
    address = f"/health/machines/{machine}/"
    said = _said(
        boss_page,
        address,
        {"save": "1", "manufacturer": "Demo", "severity": "9", "occurrence": "5", "detection": "5"},
    )
    assert "A · 225" in said
    said = _said(boss_page, address, {"file": SimpleUploadedFile("手册.pdf", b"%PDF-1.4")})
    assert "手册.pdf" in said
    file = api.get("machine-documents/")["results"][0]["id"]
    assert boss_page.get(f"/health/files/{file}/").content == b"%PDF-1.4"
    said = _said(boss_page, address, {"label": "first"})
    assert "http://testserver/health/report/" in said
    assert "would lead phones nowhere" not in said
    # Asked for on the server's own screen, a label would lead every phone to itself.
    here = {"HTTP_HOST": "localhost:8000"}
    for page in (address, "/health/machines/"):
        assert "would lead phones nowhere" in boss_page.get(page, **here).content.decode()
    _said(boss_page, address, {"delete": file})
    assert api.get("machine-documents/")["results"] == []
    assert boss_page.get(f"/health/files/{file}/").status_code == 404
    assert "4" in _said(boss_page, address, {"adopt": "1"})
    assert len(api.get("maintenance-plans/")["results"]) == 4


def test_terms_reasons_and_files_have_a_page(api: Api, boss_page: Client, machine: int) -> None:
    address = "/health/terms/"
    _said(boss_page, address, {"terms": "1", "labour_rate": "95", "currency": "eur", "horizon_days": "14"})
    terms = api.get("maintenance-terms/")
    assert (terms["labour_rate"], terms["currency"]) == ("95.00", "EUR")
    said = _said(boss_page, address, {"reason": "1", "name": "Tool broken"})
    assert "Tool broken" in said
    pk = api.get("downtime-reasons/")["results"][0]["id"]
    _said(boss_page, address, {"retire": pk})
    assert api.get("downtime-reasons/")["results"] == []
    text = "machine,title,kind\nPress 1,换皮带,corrective\n"
    for encoding in ("utf-8-sig", "gb18030"):
        file = SimpleUploadedFile("x.csv", text.encode(encoding))
        assert "Taken in: 1 made" in _said(
            boss_page, address, {"import": "1", "what": "work-orders", "file": file}
        )
    file = SimpleUploadedFile("x.csv", b"\xff\xfe\x00\xff")
    assert "no text" in _said(boss_page, address, {"import": "1", "what": "parts", "file": file}, status=422)
    assert {row["title"] for row in api.get("work-orders/")["results"]} == {"换皮带"}


def test_the_overview_and_the_machine_tell_what_is_due(
    api: Api, boss_page: Client, machine: int, new_order: Order
) -> None:
    assert "Work orders due" not in _said(boss_page, "/")
    row = new_order("approved")
    api.patch(f"work-orders/{row['id']}/", {"due_at": "2025-01-05T08:00:00Z"})
    said = _said(boss_page, "/")
    assert "Work orders due" in said
    assert "1 is overdue" in said
    said = _said(boss_page, f"/machines/{machine}/")
    assert f"#{row['number']} Oil leak" in said

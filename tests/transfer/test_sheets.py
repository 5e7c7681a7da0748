"""Tables in and out: every fault by its cell, all or nothing, round trips, encodings, files that mean harm."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from openpyxl import Workbook, load_workbook
from rest_framework.test import APIClient

from forgeline.assets.models import Asset, Device, Point, Site
from forgeline.entitlements import rights
from forgeline.identity.models import Invitation, Membership
from forgeline.jobs.models import File
from forgeline.tenancy.scoping import tenant_scope
from forgeline.transfer.sheets import reading
from tests.conftest import Company
from tests.transfer.conftest import upload

Through = Callable[[Any], Any]

ASSETS = """Path,Level,Device profile,Name in Chinese,Time zone,Make points
Plant 1,plant,,一厂,Asia/Shanghai,
Plant 1/Line 1,line,,,,
Plant 1/Line 1/Press 7,work_unit,press,七号压力机,,yes
"""


def send(client: APIClient, kind: str, name: str, body: bytes | str, *, dry_run: bool = True) -> Any:
    raw = body.encode() if isinstance(body, str) else body
    given = {"upload": upload(client, name, raw), "dry_run": dry_run}
    return client.post(f"/api/v1/imports/{kind}/", given, format="json")


def plant(client: APIClient, work_off: Through) -> None:
    job = work_off(send(client, "assets", "assets.csv", ASSETS, dry_run=False))
    assert job["state"] == "done", job


def xlsx(rows: list[list[Any]]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_trial_stores_nothing_and_its_application_all(
    client: APIClient, work_off: Through, live_company: Company
) -> None:
    tried = work_off(send(client, "assets", "assets.csv", ASSETS))
    assert (tried["state"], tried["result"]["made"], tried["result"]["fault_count"]) == ("done", 3, 0)
    assert tried["result"]["sentences"] == ["No fault in 3 rows. Nothing is stored yet."]
    with tenant_scope(live_company.tenant_id):
        assert not Site.objects.exists()
    other = client.post("/api/v1/imports/points/", {"job": tried["id"]}, format="json")
    assert (other.status_code, "another kind" in other.json()["title"]) == (400, True)
    applied = work_off(client.post("/api/v1/imports/assets/", {"job": tried["id"]}, format="json"))
    assert (applied["state"], applied["result"]["made"]) == ("done", 3)
    with tenant_scope(live_company.tenant_id):
        press = Asset.objects.get(name="Press 7")
        assert (press.parent and press.parent.name, press.profile, press.names["zh-hans"]) == (
            "Line 1", "press", "七号压力机",
        )  # fmt: skip
        assert Point.objects.filter(asset=press).count() > 3
    again = work_off(send(client, "assets", "assets.csv", ASSETS, dry_run=False))
    assert (again["result"]["made"], again["result"]["changed"], again["result"]["same"]) == (0, 0, 3)


def test_every_fault_is_told_by_its_cell_and_nothing_is_stored(
    client: APIClient, work_off: Through, live_company: Company
) -> None:
    plant(client, work_off)
    body = (
        "machine,key,unit,kind,role,valid_min,valid_max,decimals,device\n"
        "Plant 1/Line 1/Press 7,good,kW,gauge,power.active,0,400,1,\n"
        "Plant 1/Line 2/Press 7,a,kW,,,,,,\n"
        ",b,kW,,,,,,\n"
        "Plant 1/Line 1/Press 7,c,furlong,flux,,x,1,12,\n"
        "Plant 1/Line 1/Press 7,d,bar,gauge,power.active,9,1,,nobody\n"
        "Plant 1/Line 1/Press 7,e,=1+1,,,,,,,extra\n"
        "Plant 1/Line 1/Press 7,f,bar,gauge,power.active,9,1,,\n"
    )
    for dry_run, state in ((True, "done"), (False, "failed")):
        job = work_off(send(client, "points", "points.csv", body, dry_run=dry_run))
        told = {fault["cell"]: fault["sentence"] for fault in job["result"]["faults"]}
        assert job["state"] == state
        assert set(told) == {
            "A3", "A4", "C5", "D5", "F5", "H5", "C6", "G6", "I6", "C7", "J7", "C8", "G8",
        }  # fmt: skip
        assert "no Line 2 in Plant 1" in told["A3"]
        assert told["A4"] == "This is needed; fill it in."
        assert told["F5"] == "Write a number, such as 12.5."
        assert told["C7"] == "Here stands a formula; put its value in its place."
        assert told["C8"].startswith("This unit does not fit the role")
        assert job["result"]["fault_count"] == len(job["result"]["faults"])
        with tenant_scope(live_company.tenant_id):
            assert not Point.objects.filter(key="good").exists()
    assert job["result"]["key"] == "transfer.faults"


@pytest.mark.parametrize(
    ("kind", "body", "cells"),
    [
        (
            "points",
            "machine,key,kind,unit,expected_interval_s\nNowhere/X,kk,gauge,furlong,-5\n",
            {"A2", "D2", "E2"},
        ),
        ("users", "email,role,branches\nbad,king,Nowhere\n", {"A2", "B2", "C2"}),
        ("users", "email,role\na@b.cn,viewer\nA@b.cn,viewer\n", {"A3"}),
        ("devices", "key,name\nm1,One\nm2,Two\nm1,Three\n", {"A4"}),
        ("devices", "key,machine\nm1,Nowhere/X\n,Nowhere/X\n", {"B2", "A3", "B3"}),
        ("assets", "path,level,zone\nP,plant,Asia/Shanghai\nP,plant,Asia/Tokyo\n", {"A3"}),
    ],
)
def test_all_faults_of_a_row_are_told_at_once_and_a_row_that_comes_again(
    client: APIClient, work_off: Through, kind: str, body: str, cells: set[str]
) -> None:
    faults = work_off(send(client, kind, "table.csv", body))["result"]["faults"]
    assert {fault["cell"] for fault in faults} == cells, faults


@pytest.mark.parametrize("kind", ["assets", "devices", "points"])
@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_what_is_exported_can_be_imported_as_it_is(
    client: APIClient, work_off: Through, live_company: Company, kind: str, form: str, language: str
) -> None:
    plant(client, work_off)
    with tenant_scope(live_company.tenant_id):
        press = Asset.objects.get(name="Press 7")
        Device.objects.create(asset=press, name="-Meter", key="+m1")
        Point.objects.create(
            asset=press, name="@x", key="=x", labels={"0": "Off", "1": {"en": "On"}}, unit="bar"
        )
    if kind == "points":
        # A key that looks like a formula is shown as text; as text it comes back.
        with tenant_scope(live_company.tenant_id):
            Point.objects.filter(key="=x").update(key="-x")
    file = client.get(f"/api/v1/imports/{kind}/export/?as={form}", headers={"Accept-Language": language})
    assert file.status_code == 200
    job = work_off(send(client, kind, f"{kind}.{form}", file.content))
    assert job["state"] == "done"
    assert (job["result"]["faults"], job["result"]["made"], job["result"]["changed"]) == ([], 0, 0)
    assert job["result"]["same"] > 0


@pytest.mark.parametrize("kind", ["assets", "devices", "points", "users"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_templates_explain_themselves_and_hold_nothing_to_store(
    client: APIClient, work_off: Through, kind: str, language: str
) -> None:
    headers = {"Accept-Language": language}
    book = load_workbook(io.BytesIO(client.get(f"/api/v1/imports/{kind}/template/", headers=headers).content))
    sheet, columns = book.worksheets
    assert sheet.cell(2, 1).value.startswith("#")
    assert columns.max_row == sheet.max_column + 1
    text = client.get(f"/api/v1/imports/{kind}/template/?as=csv", headers=headers).content
    assert text.startswith(b"\xef\xbb\xbf")
    has_chinese = re.search("[\u4e00-\u9fff]", text.decode()) is not None
    assert has_chinese == (language == "zh-hans")
    job = work_off(send(client, kind, "template.csv", text))
    assert (job["result"]["rows"], job["result"]["can_apply"]) == (0, False)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_files_as_excel_writes_them(
    client: APIClient, work_off: Through, live_company: Company, encoding: str, delimiter: str
) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(
        [["路径", "级别"], ["一厂", "plant"], ["一厂/冲压线", "产线"]]
    )
    text = out.getvalue().replace("路径", "path").replace("级别", "level").replace("产线", "line")
    job = work_off(send(client, "assets", "资产.csv", text.encode(encoding), dry_run=False))
    assert job["state"] == "done", job
    with tenant_scope(live_company.tenant_id):
        assert Asset.objects.get().name == "冲压线"


def test_people_are_invited_once_all_is_stored(
    client: APIClient, work_off: Through, live_company: Company
) -> None:
    body = "E-mail,Role\nli@example.com,engineer\nbob@example.com,Operator\nnobody,viewer\nwang@example.com,owner\n"
    tried = work_off(send(client, "users", "people.csv", body))
    assert [fault["cell"] for fault in tried["result"]["faults"]] == ["A4", "5"]
    assert mail.outbox == []
    good = "\n".join(body.splitlines()[:3])
    job = work_off(send(client, "users", "people.csv", good, dry_run=False))
    assert (job["state"], job["result"]["made"], job["result"]["changed"]) == ("done", 1, 1)
    [letter] = mail.outbox
    assert letter.to == ["li@example.com"]
    assert "/invitations/" in letter.body
    with tenant_scope(live_company.tenant_id):
        assert Invitation.objects.get().email == "li@example.com"
        assert Membership.objects.get(user=live_company.viewer).role == "operator"


def test_a_plan_that_is_full_is_told_before_anything_is_stored(
    client: APIClient, work_off: Through, live_company: Company
) -> None:
    with tenant_scope(live_company.tenant_id):
        rights.set_rights(limits={"devices": 2}, modules=None)
    job = work_off(send(client, "devices", "d.csv", "key\na\nb\nc\n", dry_run=False))
    assert (job["state"], [fault["cell"] for fault in job["result"]["faults"]]) == ("failed", ["4"])
    with tenant_scope(live_company.tenant_id):
        assert not Device.objects.exists()


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("xl/sheet1.xml", "w") as part:
        for _ in range(110):
            part.write(b"0" * (1 << 20))
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("empty.csv", b""),
        ("bomb.xlsx", bomb()),
        ("text.xlsx", b"key\na\n"),
        ("half.xlsx", xlsx([["key"], ["a"]])[:-200]),
        ("other.zip", b"PK\x05\x06" + bytes(18)),
        ("old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)),
        ("picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
        ("wide.csv", ",".join("abcdefgh" * 20).encode()),
        ("long.csv", b"key\n" + b"x" * 5000),
        ("many.csv", b"key\n" + b"a\n" * 10_001),
        ("large.csv", b"key\n" + b"aaaaaaaaa\n" * 1_100_000),
    ],
)
def test_files_that_are_no_table_are_refused_at_once(
    client: APIClient, live_company: Company, name: str, body: bytes
) -> None:
    answer = send(client, "devices", name, body)
    assert (answer.status_code, answer.json()["key"]) == (400, "transfer.unreadable")
    assert answer.json()["title"].endswith((".", ")"))
    assert client.get("/api/v1/jobs/").json()["results"] == []
    with tenant_scope(live_company.tenant_id):
        assert not Device.objects.exists()


def test_a_sheet_that_lies_about_its_size_is_read_as_far_as_it_goes(tmp_path: Any) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(xlsx([["key"], ["a"], [None], ["b"]]))
    table = reading.read_table(path, "x.xlsx")
    assert [(row.number, row.cells) for row in table.rows] == [(2, ["a"]), (4, ["b"])]


def test_formulas_of_a_workbook_are_told(client: APIClient, work_off: Through) -> None:
    job = work_off(send(client, "devices", "x.xlsx", xlsx([["key", "name"], ["a", "=HYPERLINK(1)"]])))
    assert [fault["cell"] for fault in job["result"]["faults"]] == ["B2"]


def test_strange_requests(client: APIClient, live_company: Company) -> None:
    for kind, body, status in (
        ("nothing", {"upload": 1}, 404), ("assets", {}, 400), ("assets", {"upload": 99}, 404),
        ("assets", {"job": 99}, 404),
    ):  # fmt: skip
        assert client.post(f"/api/v1/imports/{kind}/", body, format="json").status_code == status
    assert client.get("/api/v1/imports/assets/export/?as=pdf").status_code == 400
    viewer = APIClient(headers={"Authorization": f"Bearer {live_company.viewer_key}"})
    assert viewer.get("/api/v1/imports/").status_code == 403
    with tenant_scope(live_company.tenant_id):
        assert not File.objects.exists()


def test_somebody_kept_out_meanwhile_changes_nothing(
    live_company: Company, client: APIClient, work_off: Through
) -> None:
    from forgeline.identity.models import ApiKey

    answer = send(client, "devices", "d.csv", "key\na\n", dry_run=False)
    with tenant_scope(live_company.tenant_id):
        ApiKey.objects.filter(role="manager").update(role="viewer")
    job = work_off(answer)
    viewer = APIClient(headers={"Authorization": f"Bearer {live_company.viewer_key}"})
    assert job.get("status") == 404
    assert viewer.get("/api/v1/jobs/").json()["results"] == []
    with tenant_scope(live_company.tenant_id):
        assert not Device.objects.exists()


def test_choices_are_told_with_their_words(client: APIClient, work_off: Through) -> None:
    body = "path,level,profile\nPlant 1,plant,\nPlant 1/Press,work_unit,turbine\n"
    job = work_off(send(client, "assets", "a.csv", body))
    [fault] = job["result"]["faults"]
    assert "press (Press)" not in fault["sentence"]
    assert "cnc (" in fault["sentence"]

"""Labels and fault reports without signing in; files by their content."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.health import storing
from forgeline.entitlements import rights
from forgeline.tenancy.scoping import tenant_scope
from tests.apps.health.conftest import Api
from tests.conftest import Company
from tests.isolation.attack import STEM

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 64


@pytest.fixture
def address(api: Api, machine: int) -> str:
    # What the tests before tried is not counted.
    cache.clear()
    link = api.post(f"machine-records/{machine}/label/", {})["link"]
    return str(link).removeprefix("http://testserver")


def test_anybody_with_the_label_reports_a_fault_and_sees_the_machine_alone(
    company: Company, api: Api, made: dict[str, Any], address: str
) -> None:
    page = Client().get(address)
    said = page.content.decode()
    assert page.status_code == 200
    assert "Press 1" in said
    for word in ("Alice", "Works of", "Hall", "Line", STEM):
        assert word not in said
    assert (page["Referrer-Policy"], page["X-Robots-Tag"]) == ("same-origin", "noindex")
    photo = SimpleUploadedFile("leak.png", PNG, content_type="text/html")
    given = {
        "title": "Oil on the floor",
        "text": "Under the ram",
        "name": "Wang",
        "is_down": "on",
        "photo": photo,
    }
    # The company's language, not the reporter's, is what everybody reads afterwards.
    chinese = Client(enforce_csrf_checks=True, headers={"Accept-Language": "zh-CN"})
    answer = chinese.post(address, given)
    assert "#1" in answer.content.decode()
    order = api.get("work-orders/")["results"][0]
    assert (order["title"], order["state"], order["priority"]) == ("Oil on the floor", "requested", "urgent")
    assert order["requested_by"] == "Label on the machine: Wang"
    assert order["down_from"] is not None
    (file,) = api.get("machine-documents/", work_order=order["id"])["results"]
    assert (file["kind"], file["content_type"], file["name"]) == ("photo", "image/png", "leak.png")


def test_the_page_speaks_chinese_to_who_reads_it(address: str) -> None:
    said = Client(headers={"Accept-Language": "zh-CN"}).get(address).content.decode()
    assert "出了什么问题" in said


def test_what_is_no_photo_makes_no_order(api: Api, address: str) -> None:
    for content in (b"<svg onload=alert(1)>", b"MZ\x90\x00", b"%PDF-1.7", b"\x89PNG" + b"\x00" * 10):
        photo = SimpleUploadedFile("x.png", content, content_type="image/png")
        answer = Client().post(address, {"title": "Broken", "photo": photo})
        assert answer.status_code == 400
        assert "photos (JPEG, PNG, WebP)" in answer.content.decode()
    assert api.get("work-orders/")["results"] == []


def test_a_renewed_or_unknown_label_and_a_retired_machine_open_nothing(
    company: Company, api: Api, machine: int, address: str
) -> None:
    assert Client().get("/health/report/x/").status_code == 404
    new = api.post(f"machine-records/{machine}/label/", {"is_new": True})["link"]
    assert Client().get(address).status_code == 404
    fresh = str(new).removeprefix("http://testserver")
    assert Client().get(fresh).status_code == 200
    with tenant_scope(company.tenant_id):
        rights.switch_module("health", is_on=False)
    assert Client().get(fresh).status_code == 404
    with tenant_scope(company.tenant_id):
        rights.switch_module("health", is_on=True)
    api.delete(f"assets/{machine}/")
    assert Client().get(fresh).status_code == 404
    assert Client().post(fresh, {"title": "Broken"}).status_code == 404


def test_reports_are_bounded_by_address_and_by_machine(api: Api, address: str) -> None:
    answers = [
        Client().post(address, {"title": f"Fault {n}"}, REMOTE_ADDR="192.0.2.1").status_code
        for n in range(12)
    ]
    assert answers == [200] * 10 + [429] * 2
    answers = [
        Client().post(address, {"title": f"Fault {n}"}, REMOTE_ADDR=f"192.0.2.{n + 10}").status_code
        for n in range(10)
    ]
    assert answers == [200] * 10
    assert len(api.get("work-orders/")["results"]) == 20
    refused = Client().post(address, {"title": "One more"}, REMOTE_ADDR="192.0.2.99")
    assert refused.status_code == 429
    cache.clear()
    refused = Client().post(address, {"title": "One more"}, REMOTE_ADDR="192.0.2.99")
    assert refused.status_code == 409
    assert "maintenance knows" in refused.content.decode()


def test_a_label_is_a_pdf(api: Api, company: Company, sign_in: Any, machine: int, address: str) -> None:
    if not (settings.FONTS / "NotoSansHans-Regular.otf").is_file():
        pytest.skip("the fonts are not there")
    answer = api.client.get(f"/api/v1/machine-records/{machine}/label/")
    assert answer.content.startswith(b"%PDF-")
    # Whoever tries the product on its own screen sees the sheet all the same; the pages warn.
    here = {"HTTP_HOST": "localhost:8000"}
    sheet = sign_in(company.manager).post("/health/machines/labels.pdf", {"asset": machine}, **here)
    assert (sheet.status_code, sheet.content[:5]) == (200, b"%PDF-")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\xd8\xff\xe0rest", "image/jpeg"), (PNG, "image/png"), (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"%PDF-1.4\n", "application/pdf"), (b"Just words\n", "text/plain"), ("润滑油".encode(), "text/plain"),
        (b"<!DOCTYPE html><script>", ""), (b"<svg xmlns=", ""), (b"MZ\x90\x00", ""), (b"", ""), (b"\xff\xfe\x00", ""),
        (b"PK\x03\x04[Content_Types].xml xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (b"PK\x03\x04evil.exe", ""),
    ],
)  # fmt: skip
def test_a_file_is_what_its_content_says(content: bytes, kind: str) -> None:
    assert storing.sniff(content) == kind


def test_a_document_is_kept_outside_of_the_web_root_and_served_so_that_nothing_runs(
    company: Company, api: Api, machine: int
) -> None:
    body = {
        "asset": machine,
        "name": "../../etc/manual\x07.pdf",
        "content": base64.b64encode(b"%PDF-1.4").decode(),
    }
    row = api.post("machine-documents/", body)
    assert row["name"] == "manual.pdf"
    (path,) = [each for each in (settings.VAR / "files").rglob("*") if each.is_file()]
    assert path.parts[-3] == str(company.tenant_id)
    assert path.stat().st_mode & 0o777 == 0o600
    answer = api.client.get(f"/api/v1/machine-documents/{row['id']}/content/")
    assert answer.content == b"%PDF-1.4"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["X-Content-Type-Options"] == "nosniff"
    for content in (base64.b64encode(b"<html>").decode(), "no base64!", ""):
        api.post("machine-documents/", {**body, "content": content}, status=400)
    assert len(api.get("machine-documents/")["results"]) == 1


def test_a_form_that_uploads_too_much_is_refused_before_it_is_kept(
    company: Company, sign_in: Any, machine: int
) -> None:
    client = sign_in(company.manager)
    file = SimpleUploadedFile("x.pdf", b"%PDF-" + b"a" * (13 << 20))
    assert client.post(f"/health/machines/{machine}/", {"file": file}).status_code in {400, 413}
    file = SimpleUploadedFile("x.pdf", b"%PDF-" + b"a" * (10 << 20))
    page = client.post(f"/health/machines/{machine}/", {"file": file}, follow=True)
    assert "at most 10 MB" in page.content.decode()


def test_criticality_is_severity_by_occurrence_by_detection(api: Api, machine: int, viewer_api: Api) -> None:
    row = api.patch(f"machine-records/{machine}/", {"severity": 8, "occurrence": 5})
    assert (row["risk_number"], row["grade"]) == (None, "")
    row = api.patch(f"machine-records/{machine}/", {"detection": 6})
    assert (row["risk_number"], row["grade"]) == (240, "A")
    api.patch(f"machine-records/{machine}/", {"severity": 11}, status=400)
    viewer_api.patch(f"machine-records/{machine}/", {"severity": 1}, status=403)
    assert viewer_api.get(f"machine-records/{machine}/")["grade"] == "A"

"""The page of sample exports: a part of the plant, its points, a span, a format; faults are told by their field."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from forgeline.assets.models import Point
from forgeline.base import clock
from forgeline.jobs import working
from forgeline.jobs.models import Job
from forgeline.telemetry import ingest
from forgeline.telemetry.sample import SampleBatch
from forgeline.tenancy.scoping import tenant_scope
from forgeline.web.views import sample_export
from tests.api.conftest import make_machine
from tests.conftest import Company

PAGE = "/transfer/samples/"
SPAN = {"since": "2026-01-01T00:00", "until": "2026-01-02T00:00", "form": "csv"}


@pytest.fixture
def page(live_company: Company) -> Client:
    """Somebody who only looks: who sees a chart may take its samples along."""
    client = Client()
    client.force_login(live_company.viewer)
    return client


def jobs_of(company: Company) -> list[Job]:
    with tenant_scope(company.tenant_id):
        return list(Job.objects.all())


def test_a_file_is_written_by_the_plants_clock_and_fetched(
    client: APIClient, page: Client, live_company: Company
) -> None:
    machine = make_machine(client)
    power = machine["points"]["power"]["id"]
    now = clock.now_us() // 1_000_000 * 1_000_000
    # Shanghai is eight hours ahead: the last two seconds of the span and the first one after it.
    ingest.ingest_batch(
        SampleBatch.from_columns([power] * 3, [now - 2_000_000, now - 1_000_000, now], [1, 2, 3])
    )
    until = clock.from_us(now + 8 * 3_600_000_000).strftime("%Y-%m-%dT%H:%M:%S")
    shown = page.get(PAGE).content.decode()
    assert "Works of Press 1 › Line › Press 1" in shown
    assert shown.count("checked") >= len(machine["points"])
    answer = page.post(PAGE, {"points": [power], "since": "2026-01-01T00:00", "until": until, "form": "csv"})
    assert answer.status_code == 302, answer.content.decode()
    [job] = jobs_of(live_company)
    while working.work():
        pass
    told = page.get(answer["Location"]).content.decode()
    assert "2 samples of 1 points." in told
    with tenant_scope(live_company.tenant_id):
        [made] = job.files.all()
    body: Any = page.get(f"/jobs/{job.pk}/files/{made.pk}/")
    packed = zipfile.ZipFile(io.BytesIO(b"".join(body.streaming_content)))
    [name] = [name for name in packed.namelist() if name.endswith(".csv")]
    assert [line.split(",")[4] for line in packed.read(name).decode("utf-8-sig").splitlines()[1:]] == [
        "1.0",
        "2.0",
    ]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"points": []}, "Tick at least one point."),
        ({"points": ["x"]}, "Select a valid choice"),
        ({"points": ["999999999"]}, "Select a valid choice"),
        ({"until": "2026-01-01T00:00"}, "The interval is empty"),
        ({"until": ""}, "This field is required"),
        ({"since": "yesterday"}, "Enter a valid date/time"),
        ({"form": "xlsx"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_stands_by_its_field(
    client: APIClient, page: Client, live_company: Company, given: dict[str, Any], sentence: str
) -> None:
    power = make_machine(client)["points"]["power"]["id"]
    answer = page.post(PAGE, {"points": [power], **SPAN, **given})
    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert jobs_of(live_company) == []


def test_the_ends_of_time_are_a_span_like_any_other(
    client: APIClient, page: Client, live_company: Company
) -> None:
    power = make_machine(client)["points"]["power"]["id"]
    ends = {"since": "0001-01-01T00:00", "until": "9999-12-31T23:59"}
    assert page.post(PAGE, {"points": [power], **SPAN, **ends}).status_code == 302
    while working.work():
        pass
    [job] = jobs_of(live_company)
    assert job.state == "done", job.message


def test_pages_without_a_plant_without_points_and_with_too_many_say_what_to_do(
    client: APIClient,
    page: Client,
    live_company: Company,
    live_stranger: Company,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs = APIClient(headers={"Authorization": f"Bearer {live_stranger.manager_key}"})
    stranger = make_machine(theirs)["points"]["power"]["id"]
    assert "No plant yet" in page.get(PAGE).content.decode()
    site = client.post("/api/v1/plants/", {"name": "Bare", "zone": "Asia/Shanghai"}, format="json").json()[
        "id"
    ]
    assert "Bare has no points in use." in page.get(PAGE).content.decode()
    make_machine(client)
    assert "Bare has no points in use." in page.get(f"{PAGE}?part=/{site}/").content.decode()
    with tenant_scope(live_company.tenant_id):
        path = Point.objects.select_related("asset").first().asset.path  # type: ignore[union-attr]
    assert "Write the file" in page.get(f"{PAGE}?part={path}").content.decode()
    # A point of another company is no choice.
    assert (
        "Select a valid choice"
        in page.post(f"{PAGE}?part={path}", {"points": [stranger], **SPAN}).content.decode()
    )
    monkeypatch.setattr(sample_export, "MOST_POINTS", 3)
    assert "Choose a smaller part" in page.get(f"{PAGE}?part={path}").content.decode()

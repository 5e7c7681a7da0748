"""Over REST: the analysis of a span, bad actors of a week, weeks that are kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from forgeline.alarms.analysis import reports
from forgeline.alarms.models import Alarm, EntryKind, JournalEntry
from forgeline.base import clock
from forgeline.tenancy.scoping import tenant_scope
from tests.api.conftest import client_of, make_machine
from tests.conftest import Company
from tests.telemetry.conftest import quiet_ingest

__all__ = ["client_of", "quiet_ingest"]

ClientOf = Callable[[str], APIClient]
LONG_AGO = timedelta(days=7, hours=12)


@pytest.fixture
def machine(quiet_ingest: None, live_company: Company, client_of: ClientOf) -> dict[str, Any]:
    """A press whose alarm came twelve times within a minute, a quarter of an hour and a week and a half day ago."""
    made = make_machine(client_of(live_company.manager_key))
    now = clock.now()
    long_ago = (now - LONG_AGO).replace(minute=0, second=0, microsecond=0)
    definition = {
        "name": {"en": "power high"}, "priority": "high",
        "condition": {"kind": "limit", "point": "power", "level": "H", "limit": 80.0},
    }  # fmt: skip
    with tenant_scope(live_company.tenant_id):
        alarm = Alarm.objects.create(
            asset_id=made["machine"]["id"], key="power_high", definition=definition, since_us=0, changed_us=0,
            raised_at=now,
        )  # fmt: skip
        JournalEntry.objects.bulk_create(
            JournalEntry(alarm=alarm, kind=kind, happened_at=begin + timedelta(seconds=number * 5 + at))
            for begin in (now - timedelta(minutes=15), long_ago)
            for number in range(12)
            for kind, at in ((EntryKind.RAISED, 0), (EntryKind.CLEARED, 2))
        )
    body = {"asset": made["machine"]["id"], "key": "power_high", "definition": definition}
    assert (
        client_of(live_company.manager_key).post("/api/v1/alarm-rules/", body, format="json").status_code
        == 201
    )
    return made


def test_analysis_of_a_span(live_company: Company, client_of: ClientOf, machine: dict[str, Any]) -> None:
    client = client_of(live_company.viewer_key)
    answer = client.get("/api/v1/alarm-analysis/")
    assert answer.status_code == 200, answer.content
    [found] = answer.json()["results"]
    assert (found["plant"], found["zone"]) == (machine["plant"]["id"], "Asia/Shanghai")
    assert found["kpis"]["alarms"]["value"] == 12
    assert found["kpis"]["peak_10_minutes"]["is_met"] is False
    [flood] = found["floods"]
    assert (flood["count"], flood["first"]["key"], flood["contributors"][0]["count"]) == (
        12,
        "power_high",
        12,
    )
    from_ms = clock.now_us() // 1000 - 9 * 86_400_000
    wide = client.get(f"/api/v1/alarm-analysis/?plant={machine['plant']['id']}&from={from_ms}")
    assert wide.json()["results"][0]["kpis"]["alarms"]["value"] == 24
    until = (clock.now() - timedelta(days=1)).isoformat()
    before = client.get("/api/v1/alarm-analysis/", {"to": until})
    assert before.json()["results"][0]["kpis"]["alarms"]["value"] == 12


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("alarm-analysis/?plant=999999", 404), ("alarm-analysis/?plant=x", 400),
        ("alarm-analysis/?plant=²", 400), ("alarm-analysis/?from=2026-01-31T08:00:00", 400),
        ("alarm-analysis/?from=2026-01-31T08:00:00Z&to=2026-01-30T08:00:00Z", 400),
        ("alarm-analysis/?to=0001-01-01T00:00:00%2B14:00", 400), ("alarm-analysis/?from=" + "9" * 400, 400),
        ("alarm-bad-actors/?week=soon", 400), ("alarm-bad-actors/?week=2199-W01", 400),
        ("alarm-bad-actors/?plant=999999", 404), ("alarm-reports/?week=2026-W60", 400),
        ("alarm-reports/7/", 404),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_told(
    live_company: Company, client_of: ClientOf, machine: dict[str, Any], address: str, code: int
) -> None:
    answer = client_of(live_company.manager_key).get(f"/api/v1/{address}")
    assert answer.status_code == code, answer.content
    assert answer["Content-Type"] == "application/problem+json"


def test_bad_actors_of_a_week(live_company: Company, client_of: ClientOf, machine: dict[str, Any]) -> None:
    week = clock.in_zone(clock.to_us(clock.now() - LONG_AGO), "Asia/Shanghai").isocalendar()
    client = client_of(live_company.manager_key)
    word = f"{week.year}-W{week.week:02d}"
    [row] = client.get(f"/api/v1/alarm-bad-actors/?week={word}").json()["results"]
    [actor] = row["bad_actors"]
    assert (actor["count"], actor["share"], row["report"]) == (12, 1.0, None)
    suggestion = actor["suggestion"]
    assert (suggestion["what"], suggestion["to"], suggestion["evidence"]) == ("off_delay_s", 5.0, "journal")
    assert actor["sentence"].startswith(
        "An off-delay of 5 s instead of 0 s would have left 1 of 12 alarms. Judged by the journal alone"
    )
    body = {
        "asset": machine["machine"]["id"],
        "key": actor["key"],
        "definition": suggestion["definition"],
        "number": actor["rule"]["number"],
    }
    assert client.post("/api/v1/alarm-rules/", body, format="json").status_code == 201


def test_reports_are_listed_and_read(
    live_company: Company, client_of: ClientOf, machine: dict[str, Any]
) -> None:
    assert reports.work() >= 1
    client = client_of(live_company.viewer_key)
    listed = client.get("/api/v1/alarm-reports/").json()["results"]
    oldest = listed[-1]
    assert (oldest["plant"], oldest["alarms"]) == (machine["plant"]["id"], 12)
    assert "bad_actors" not in oldest
    narrow = client.get(f"/api/v1/alarm-reports/?week={oldest['week']}&plant={oldest['plant']}").json()
    assert [row["id"] for row in narrow["results"]] == [oldest["id"]]
    report = client.get(f"/api/v1/alarm-reports/{oldest['id']}/").json()
    assert report["details"]["floods"][0]["count"] == 12
    assert report["bad_actors"][0]["sentence"].startswith("An off-delay of 5 s")
    assert client.post("/api/v1/alarm-reports/", {}, format="json").status_code == 405

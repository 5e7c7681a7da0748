"""What a tenant keeps: chosen within bounds, cut at once, refused at the door, deleted chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from forgeline.base.clock import from_us, now_us
from forgeline.base.errors import InvalidInputError
from forgeline.telemetry import followers, ingest, maintenance, metrics, queries
from forgeline.telemetry.engines.base import Resolution
from forgeline.telemetry.retention import get_retention, set_raw_days
from forgeline.telemetry.sample import SampleBatch
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.telemetry.conftest import Plant

DAY = 86_400_000_000
PATH = "/api/v1/retention/"


def _count(plant: Plant, point: int) -> int:
    with tenant_scope(plant.tenant_id):
        series = queries.read_series([point], now_us() - 29 * DAY, now_us(), resolution=Resolution.RAW)
    return len(series[0].columns["ts_us"])


def test_days_must_lie_within_what_the_service_keeps(plant: Plant) -> None:
    with tenant_scope(plant.tenant_id):
        assert get_retention().raw_days == 30
        for days in (0.5, -1, 31):
            with pytest.raises(InvalidInputError, match="1 to 30 days") as refused:
                set_raw_days(days)
            assert refused.value.key == "telemetry.retention_out_of_range"
        assert set_raw_days(7).raw_days == 7
        assert set_raw_days(30).chosen_days is None


def test_shorter_is_cut_at_once_refused_at_the_door_and_deleted_later(
    plant: Plant, foreign_plant: Plant
) -> None:
    mine, theirs = plant.add_point("p", expected_interval_s=60), foreign_plant.add_point("p")
    now = now_us()
    old = [now - 20 * DAY, now - 9 * DAY, now - DAY]
    ingest.ingest_batch(SampleBatch.from_columns([mine] * 3 + [theirs] * 3, old * 2, [1.0] * 6))
    assert (_count(plant, mine), _count(foreign_plant, theirs)) == (3, 3)
    with tenant_scope(plant.tenant_id):
        set_raw_days(7)
    assert (_count(plant, mine), _count(foreign_plant, theirs)) == (1, 3)
    ingest.tracker().refresh_points()
    late = ingest.ingest_batch(
        SampleBatch.from_columns([mine, theirs], [now - 8 * DAY, now - 8 * DAY], [2.0, 2.0])
    )
    assert late.list_rejected() == [(0, "telemetry.too_old")]
    maintenance.apply_retention(now_us=now)
    with tenant_scope(plant.tenant_id):
        set_raw_days(None)
    # Lengthening brings nothing back, and the neighbour lost nothing.
    assert (_count(plant, mine), _count(foreign_plant, theirs)) == (1, 4)


def test_a_range_beyond_what_is_kept_is_read_from_rollups(plant: Plant) -> None:
    point = plant.add_point("p", expected_interval_s=60)
    with tenant_scope(plant.tenant_id):
        begin = now_us() - 9 * DAY
        [before] = queries.read_series([point], begin, now_us())
        set_raw_days(7)
        [after] = queries.read_series([point], begin, now_us())
    assert (before.resolution, after.resolution) == (Resolution.RAW, Resolution.HOUR)


def test_the_api_reads_and_changes_it(client: Client, live_company: Company) -> None:
    manager = {"Authorization": f"Bearer {live_company.manager_key}"}
    viewer = {"Authorization": f"Bearer {live_company.viewer_key}"}

    def put(body: Any, headers: dict[str, str]) -> Any:
        return client.put(PATH, body, content_type="application/json", headers=headers)

    assert client.get(PATH, headers=viewer).json() == {"raw_days": None, "longest_days": 30.0}
    assert put({"raw_days": 7}, viewer).status_code == 403
    assert put({"raw_days": 7}, manager).json() == {"raw_days": 7.0, "longest_days": 30.0}
    for wrong in ({"raw_days": 99}, {"raw_days": "soon"}, {}):
        answer = put(wrong, manager)
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert put({"raw_days": None}, manager).json() == {"raw_days": None, "longest_days": 30.0}


def test_the_page_asks_before_it_deletes(live_company: Company, sign_in: Callable[[Any], Client]) -> None:
    page = sign_in(live_company.manager)
    assert b'value="30"' in page.get("/company/history/").content
    refused = page.post("/company/history/", {"raw_days": "7"})
    assert b"Tick this" in refused.content
    assert b"1 to 30 days" in page.post("/company/history/", {"raw_days": "99"}).content
    saved = page.post("/company/history/", {"raw_days": "7", "sure": "on"}, follow=True)
    assert b"now kept for 7 days" in saved.content
    with tenant_scope(live_company.tenant_id):
        assert get_retention().raw_days == 7
    assert sign_in(live_company.viewer).get("/company/history/").status_code == 403


def test_a_follower_that_slept_too_long_is_told_from_when(plant: Plant) -> None:
    now = now_us()
    lost = metrics.FOLLOWERS_LOST.labels("test.follower")
    with tenant_scope(plant.tenant_id):
        assert followers.take_place("test.follower:1", now_us=now).missed_from_us is None
        with connection.cursor() as cursor:
            cursor.execute("UPDATE telemetry_follower SET moved_at = %s", [from_us(now - 2 * DAY)])
        before = lost._value.get()
        assert followers.take_place("test.follower:1", now_us=now).missed_from_us == now - 2 * DAY
        assert lost._value.get() == before + 1
    maintenance.trim_commit_log(now_us=now)
    assert metrics.FOLLOWER_LAG.labels("test.follower")._value.get() == pytest.approx(2 * 86_400, abs=60)

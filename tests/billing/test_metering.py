"""What is used is counted once, by the hour, as the commit log and the other logs have it; and the month's quota."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client

from forgeline.base.clock import from_us, now_us
from forgeline.billing import metering, quota, subscriptions
from forgeline.billing.models import Plan, Usage
from forgeline.entitlements import rights
from forgeline.entitlements.rights import rights_of
from forgeline.identity import calls
from forgeline.identity.keys import create_api_key
from forgeline.notifications.models import Notice
from forgeline.telemetry import followers, ingest, maintenance, queries, retention
from forgeline.telemetry.engines.base import Resolution
from forgeline.telemetry.sample import SampleBatch
from forgeline.tenancy.scoping import tenant_scope
from tests.telemetry.conftest import Plant, wait_for_followers

DAY = 86_400_000_000


def _store(plant: Plant, point: int, count: int, *, step: int = 0, from_us_: int | None = None) -> None:
    first = (now_us() - 3_600_000_000 if from_us_ is None else from_us_) + step
    times = [first + n * 1_000_000 for n in range(count)]
    ingest.ingest_batch(SampleBatch.from_columns([point] * count, times, [float(n) for n in range(count)]))


def _recount(plant: Plant) -> int:
    with tenant_scope(plant.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(sum(inserted), 0) FROM telemetry_commit")
        return int(cursor.fetchone()[0])


def _counted(plant: Plant) -> int:
    with tenant_scope(plant.tenant_id):
        return sum(row.samples_stored for row in Usage.objects.all())


def test_samples_are_counted_once_and_each_company_has_its_own(plant: Plant, foreign_plant: Plant) -> None:
    mine, theirs = plant.add_point("p"), foreign_plant.add_point("p")
    base = now_us() - 600_000_000
    for step in range(5):
        _store(plant, mine, 100, from_us_=base + step * 100_000_000)
    _store(plant, mine, 100, from_us_=base)  # the same again: none is new
    _store(foreign_plant, theirs, 7, from_us_=base)
    wait_for_followers()
    metering.meter_all()
    assert (_counted(plant), _counted(foreign_plant)) == (500, 7)
    metering.meter_all()
    _store(plant, mine, 3, from_us_=base + 500_000_000)
    wait_for_followers()
    metering.meter_all()
    assert _counted(plant) == _recount(plant) == 503
    with tenant_scope(plant.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM telemetry_read_sample")
        assert cursor.fetchone()[0] == 503


def test_a_count_that_fails_is_taken_back_with_its_position(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = plant.add_point("p")
    _store(plant, point, 50)
    wait_for_followers()

    def fail(*_args: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(followers, "move", fail)
        with pytest.raises(RuntimeError):
            metering.meter(plant.tenant_id)
    assert _counted(plant) == 0
    metering.meter(plant.tenant_id)
    assert _counted(plant) == 50


def test_storage_is_shared_out_and_devices_count_while_they_send(plant: Plant, foreign_plant: Plant) -> None:
    mine, theirs = plant.add_point("p"), foreign_plant.add_point("p")
    _store(plant, mine, 300, from_us_=now_us() - 400_000_000)
    _store(foreign_plant, theirs, 100, from_us_=now_us() - 400_000_000)
    wait_for_followers()
    metering.meter_all()
    metering.measure_storage()
    shares = []
    for each in (plant, foreign_plant):
        with tenant_scope(each.tenant_id):
            shares.append(metering.sum_usage(from_us(now_us() - DAY), from_us(now_us() + DAY)).gb_days)
            metering.add_cpu(1.5)
            assert metering.sum_usage(from_us(now_us() - DAY), from_us(now_us() + DAY)).cpu_s == 1.5
    assert shares[0] == pytest.approx(3 * shares[1])
    assert sum(shares) * 24 == pytest.approx(maintenance.read_storage().used_bytes / 1e9, rel=0.05)


def test_calls_by_key_are_counted_and_told(plant: Plant) -> None:
    _row, key = create_api_key(tenant_id=plant.tenant_id, name="x", role="manager")
    answer = Client().get("/api/v1/assets/", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200
    assert answer["RateLimit-Policy"] == '"company";q=1000000;w=60'
    assert answer["RateLimit"].startswith('"company";r=99')
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    assert calls.read_calls(plant.tenant_id, hour) >= 1
    metering.meter_all()
    with tenant_scope(plant.tenant_id):
        assert metering.sum_usage(hour, hour + timedelta(hours=1)).api_calls >= 1


def test_calls_beyond_the_plan_are_refused_until_they_are_few_again(
    plant: Plant, foreign_plant: Plant
) -> None:
    keys = [
        create_api_key(tenant_id=each.tenant_id, name="x", role="manager")[1]
        for each in (plant, foreign_plant)
    ]
    with tenant_scope(plant.tenant_id):
        rights.set_rights(limits={"api_calls_per_minute": 7}, modules=None)
    client = Client()
    answers = [
        client.get("/api/v1/assets/", headers={"Authorization": f"Bearer {keys[0]}"}) for _n in range(9)
    ]
    assert [answer.status_code for answer in answers] == [200] * 7 + [429] * 2
    assert answers[-1].json()["key"] == "identity.too_many_calls"
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60
    assert answers[-1]["RateLimit"].startswith('"company";r=0')
    # The neighbour is served, and no sample is refused for quota.
    assert client.get("/api/v1/assets/", headers={"Authorization": f"Bearer {keys[1]}"}).status_code == 200
    point = plant.add_point("p")
    posted = client.post(
        "/api/v1/samples/", {"point": [point], "ts": [None], "value": [1.0]}, content_type="application/json",
        headers={"Authorization": f"Bearer {keys[0]}"},
    )  # fmt: skip
    assert posted.status_code < 300, posted.content


def test_a_suspended_company_finds_only_how_to_pay(plant: Plant) -> None:
    _row, key = create_api_key(tenant_id=plant.tenant_id, name="x", role="manager")
    with tenant_scope(plant.tenant_id):
        subscriptions.start_trial(currency="CNY", zone="Asia/Shanghai")
        rights.set_rights(limits={}, modules=None, access="suspended")
    point = plant.add_point("p")
    client = Client(headers={"Authorization": f"Bearer {key}"})
    shut = client.get("/api/v1/assets/")
    assert (shut.status_code, shut.json()["key"]) == (402, "entitlements.suspended")
    for path in ("subscription/", "invoices/", "plans/", "usage/"):
        assert client.get(f"/api/v1/{path}").status_code == 200
    body = {"point": [point], "ts": [None], "value": [1.0]}
    assert client.post("/api/v1/samples/", body, content_type="application/json").status_code < 300


def test_the_month_warns_at_each_step_once_and_stores_on_beyond(plant: Plant) -> None:
    point = plant.add_point("p", expected_interval_s=60.0)
    with tenant_scope(plant.tenant_id):
        Plan.objects.filter(key="starter").update(limits={"samples_per_month": 100})
        subscriptions.start_trial(currency="CNY", zone="Asia/Shanghai", plan="starter")
    told = []
    try:
        for count in (40, 12, 30, 9, 20):
            _store(plant, point, count, from_us_=now_us() - DAY + len(told) * 100_000_000)
            wait_for_followers()
            metering.meter_all()
            quota.review_all()
            quota.review_all()
            with tenant_scope(plant.tenant_id):
                told.append(sorted(Notice.objects.values_list("subject", flat=True)))
        month = f"{datetime.now(UTC):%Y-%m}"
        steps = [[f"quota:{month}-{step}" for step in each] for each in ([], ["50"], ["50", "80"])]
        assert told[:3] == steps
        assert [len(each) for each in told] == [0, 1, 2, 3, 4]
        since = rights_of(plant.tenant_id).excess_since
        assert since is not None
        with tenant_scope(plant.tenant_id):
            assert (
                metering.sum_usage(since - timedelta(days=2), since + timedelta(days=2)).samples_stored == 111
            )
    finally:
        Plan.objects.filter(key="starter").update(limits={"samples_per_month": 300_000_000})


def test_raw_samples_beyond_the_plan_go_after_a_week_and_their_hours_stay(plant: Plant) -> None:
    point = plant.add_point("p", expected_interval_s=60.0)
    now = now_us()
    before, beyond = now - 12 * DAY, now - 10 * DAY
    _store(plant, point, 30, from_us_=before)
    _store(plant, point, 40, from_us_=beyond)
    ingest.flush()
    with tenant_scope(plant.tenant_id):
        retention.begin_excess(from_us(now - 11 * DAY))
    maintenance.apply_retention(now_us=now)
    with tenant_scope(plant.tenant_id):
        raw = queries.read_columns([point], now - 13 * DAY, now)
        (hours,) = queries.read_series([point], now - 13 * DAY, now, resolution=Resolution.HOUR)
        retention.end_excess(from_us(now))
    assert len(raw.point_id) == 30
    assert sum(hours.columns["count"]) == 70
    maintenance.apply_retention(now_us=now + 8 * DAY)
    with tenant_scope(plant.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM telemetry_excess")
        assert cursor.fetchone()[0] == 0

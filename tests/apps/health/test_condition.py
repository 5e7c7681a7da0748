"""Machines that tell before they fail: hours judged once, episodes, advisories, findings, what a model is worth."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connections
from django.test import Client

from apps.health.models import Advisory, Condition, Episode, Terms, Watch
from apps.health.outlook import Bound, Limit
from apps.health.queries.condition import count_waiting, read_model
from apps.health.queries.watched import list_bounds, read_trends, read_watched
from apps.health.services import advisories
from apps.health.services.condition import HOURS_A_RUN, judge_machine, list_due
from demoplant.recorded import machine_temperature
from forgeline.alarms.plan import read_plan
from forgeline.assets.models import Point
from forgeline.base import clock
from forgeline.billing.models import Usage
from forgeline.identity.policy import Actor
from forgeline.notifications.models import Notice
from forgeline.telemetry import ingest
from forgeline.tenancy.scoping import tenant_scope
from tests.api.conftest import make_machine
from tests.apps.health.conftest import Api, api_of
from tests.conftest import Company

SignIn = Callable[[Any], Client]
NOW_ = timedelta(0)
DAY = 86_400


@pytest.fixture(autouse=True)
def _fresh_ingest() -> Iterator[None]:
    yield
    ingest.reset()


@pytest.fixture
def heat(company: Company, api: Api, machine: int) -> int:
    """A temperature every five minutes; other points of the machine are out of use."""
    return _make_heat(company, api, machine)


def _make_heat(company: Company, api: Api, machine: int) -> int:
    with tenant_scope(company.tenant_id):
        Point.objects.filter(asset_id=machine).update(retired_at=clock.now())
    row = api.post(
        "points/",
        {
            "asset": machine, "key": "heat", "name": "Heat", "unit": "Cel", "kind": "gauge",
            "expected_interval_s": 300, "decimals": 1,
        },
    )  # fmt: skip
    return int(row["id"])


def _floor(company: Company) -> tuple[Company, Api, int, int]:
    """A machine whose samples are really stored."""
    api = api_of(company.manager_key)
    machine = int(make_machine(api.client)["machine"]["id"])
    return company, api, machine, _make_heat(company, api, machine)


def _store(api: Api, point: int, values: Any, until: datetime) -> None:
    """Store values five minutes apart, the last one before ``until``."""
    end = int(until.timestamp()) // 300 * 300
    ts = [(end - (len(values) - n) * 300) * 1000 for n in range(len(values))]
    for first in range(0, len(values), 2000):
        part = slice(first, first + 2000)
        body = {
            "point": [point] * len(ts[part]),
            "ts": ts[part],
            "value": [float(each) for each in values[part]],
        }
        answer = api.post("samples/", body)
        assert answer["accepted"] == len(body["ts"]), answer


def _judge(company: Company, machine: int) -> int:
    """Judge all that is due, as the worker does."""
    done = 0
    while True:
        with tenant_scope(company.tenant_id, branches=()):
            count = judge_machine(machine, settle=NOW_)
        done += count
        if count < HOURS_A_RUN:
            return done


def _quiet(days: float, seed: int = 1) -> Any:
    rng = np.random.default_rng(seed)
    rows = int(days * 288)
    return 60 + 5 * np.sin(np.arange(rows) / 288 * 2 * np.pi) + rng.normal(0, 0.3, rows)


def test_the_recorded_failure_is_found_within_two_weeks_and_stands_on_the_page(
    live_company: Company, sign_in: SignIn
) -> None:
    """The demo plant's first press: days 3 to 17 of the recording, its shutdown of day 12 included."""
    company, api, machine, heat = _floor(live_company)
    values = machine_temperature().values[3 * 288 : 17 * 288 - 24]
    _store(api, heat, values, clock.now() - timedelta(minutes=30))
    assert _judge(company, machine) >= 13 * 24
    with tenant_scope(company.tenant_id):
        found = [row for row in Advisory.objects.all() if row.episode is not None]
        lowest = min(row.data["value"] for row in found)
        assert lowest < 40, "the shutdown falls to 21 degrees; healthy days stay above 60"
        assert Advisory.objects.count() == Episode.objects.count() <= 8
        assert not Notice.objects.filter(kind="health.advisory").exists(), "it came with the history"
        hours = Condition.objects.filter(index__isnull=False)
        assert hours.count() > 200
        worst = hours.order_by("index").first()
        assert worst is not None
        assert sum(part["lost"] for part in worst.parts) == pytest.approx(100 - worst.index, abs=0.1)  # type: ignore[operator]
        first = Condition.objects.order_by("hour").first()
        assert first is not None
        assert (first.index, first.reason) == (None, "warming_up")
        assert sum(Usage.objects.values_list("cpu_s", flat=True)) > 0
    client = sign_in(company.manager)
    page = client.get("/health/condition/advisories/").content.decode()
    assert "Heat shows what it has hardly ever shown" in page
    one = found[0].pk
    for address in (
        f"condition/advisories/{one}/",
        f"condition/{machine}/",
        "condition/",
        "condition/models/",
    ):
        assert client.get(f"/health/{address}").status_code == 200


def test_an_hour_is_judged_once_and_the_memory_goes_on(live_company: Company) -> None:
    company, api, machine, heat = _floor(live_company)
    _store(api, heat, _quiet(2), clock.now())
    done = _judge(company, machine)
    assert done >= 46
    assert _judge(company, machine) == 0
    with tenant_scope(company.tenant_id, branches=()):
        assert Condition.objects.count() == done
        assert machine not in list_due()
        watch = Watch.objects.get(asset_id=machine)
        assert watch.point_ids == [heat]
        assert len(bytes(watch.memory)) > 1000


def test_two_workers_share_no_hour(live_company: Company) -> None:
    company, api, machine, heat = _floor(live_company)
    _store(api, heat, _quiet(1.5), clock.now())
    _begin(company, machine)
    done: list[int] = []

    def work() -> None:
        try:
            with tenant_scope(company.tenant_id, branches=()):
                done.append(judge_machine(machine, settle=NOW_))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    with tenant_scope(company.tenant_id):
        assert Condition.objects.count() == sum(done)
        assert len(done) == 3


def test_old_hours_go_and_features_before_them(live_company: Company) -> None:
    company, api, machine, heat = _floor(live_company)
    now = clock.now().replace(minute=0, second=0, microsecond=0)
    with tenant_scope(company.tenant_id):
        for days in (401, 30, 20):
            at = now - timedelta(days=days)
            Condition.objects.create(
                asset_id=machine, hour=at, created_at=at, features={str(heat): {"level": 1.0}}
            )
    _store(api, heat, _quiet(0.2), now)
    assert _judge(company, machine) > 0
    with tenant_scope(company.tenant_id):
        kept = Condition.objects.filter(hour__lt=now - timedelta(days=15)).order_by("hour")
        assert [bool(row.features) for row in kept] == [False, True]


def _begin(company: Company, machine: int) -> None:
    with tenant_scope(company.tenant_id, branches=()):
        assert judge_machine(machine, settle=timedelta(days=1)) == 0


def test_a_history_that_is_still_coming_in_is_waited_for(live_company: Company) -> None:
    company, api, machine, heat = _floor(live_company)
    now = clock.now()
    _store(api, heat, _quiet(1), now)
    with tenant_scope(company.tenant_id, branches=()):
        assert judge_machine(machine, now=now) == 0
    _store(api, heat, _quiet(1), now - timedelta(days=1))
    with tenant_scope(company.tenant_id, branches=()):
        assert judge_machine(machine, now=now + timedelta(minutes=2)) == 0
        assert judge_machine(machine, now=now + timedelta(minutes=4)) == 0, "the oldest is two minutes old"
        assert judge_machine(machine, now=now + timedelta(minutes=5)) == HOURS_A_RUN


def test_a_machine_without_samples_has_no_score(
    company: Company, machine: int, heat: int, sign_in: SignIn
) -> None:
    assert _judge(company, machine) == 0
    page = sign_in(company.manager).get(f"/health/condition/{machine}/").content.decode()
    assert "Not enough evidence" in page


def test_a_trend_reaches_its_limit_in_so_many_days(
    company: Company, api: Api, machine: int, heat: int
) -> None:
    now = clock.now()
    rule = {
        "name": {"en": "Hot", "zh-hans": "过热"},
        "condition": {"kind": "limit", "point": "heat", "level": "H", "limit": 85.0}, "priority": "high",
    }  # fmt: skip
    api.post("alarm-rules/", {"asset": machine, "key": "hot", "definition": rule})
    with tenant_scope(company.tenant_id):
        point = Point.objects.get(pk=heat)
        noise = np.random.default_rng(2).normal(0, 0.3, 240)
        _hours(machine, heat, 70 + np.arange(240) / 24 + noise, now)
        bounds = list_bounds(read_watched(point.asset), read_plan(asset_ids=[machine]))
        assert bounds == [Bound(heat, True, (Limit(85.0, "H"),))]
        [told] = read_trends(machine, bounds, now)
        assert told["expected_s"] / DAY == pytest.approx(5, abs=1)
        assert told["low_s"] <= told["expected_s"] <= (told["high_s"] or 1e12)
        for _twice in range(2):
            advisories.open_for_trends(point.asset, [told], now)
        row = Advisory.objects.get()
        assert (row.kind, row.was_told) == ("trend", True)
        notice = Notice.objects.get(kind="health.advisory")
        assert "85.0" in notice.body["en"]
        assert "85.0" in notice.body["zh-hans"]
        Condition.objects.all().delete()
        _hours(machine, heat, 70 + noise, now)
        assert read_trends(machine, bounds, now)[0]["reason"] in (
            "no_trend", "trend_away", "beyond_horizon", "not_predictable",
        )  # fmt: skip


def _hours(machine: int, point: int, levels: Any, now: datetime) -> None:
    whole = now.replace(minute=0, second=0, microsecond=0)
    for n, level in enumerate(levels):
        Condition.objects.create(
            asset_id=machine, hour=whole - timedelta(hours=len(levels) - n), created_at=now,
            features={str(point): {"level": float(level)}},
        )  # fmt: skip


def _advise(machine: int, point: int, n: int = 0, **facts: Any) -> Advisory:
    """An episode with its advisory."""
    at = clock.now() - timedelta(hours=2, minutes=n)
    points = {str(point): {"score": 7.0, "value": 99.0, "at": at.isoformat()}}
    episode = Episode.objects.create(asset_id=machine, started_at=at, last_at=at, points=points)
    row = advisories.open_for_episode(episode.asset, episode)
    assert row is not None
    assert advisories.open_for_episode(episode.asset, episode) is None, "opened once"
    return row


def test_an_advisory_becomes_one_order_and_the_technician_says_what_was_found(
    company: Company, api: Api, machine: int, heat: int, boss: Actor
) -> None:
    api.patch("maintenance-terms/", {"cost_acting": "200.00", "cost_failure": "9000.00"})
    with tenant_scope(company.tenant_id):
        row = _advise(machine, heat)
        assert row.was_told
        assert Notice.objects.filter(kind="health.advisory").count() == 1
    told = api.post(f"advisories/{row.pk}/order/")
    order = told["work_order"]
    again = api.post(f"advisories/{row.pk}/order/", status=409)
    assert again["key"] == "health.advisory_ordered"
    for state in ("approved", "in_progress"):
        api.post(f"work-orders/{order}/move/", {"to": state})
    refused = api.post(f"work-orders/{order}/move/", {"to": "done"}, status=409)
    assert refused["key"] == "health.finding_open"
    assert refused["data"]["advisory"] == row.pk
    api.post(f"advisories/{row.pk}/finding/", {"finding": "maybe"}, status=400)
    told = api.post(f"advisories/{row.pk}/finding/", {"finding": "confirmed", "note": "Dry bearing"})
    assert (told["finding"], told["found_by"] != "") == ("confirmed", True)
    assert api.post(f"work-orders/{order}/move/", {"to": "done"})["state"] == "done"
    assert api.post(f"advisories/{row.pk}/order/", status=409)["key"] == "health.advisory_labelled"
    anomaly = api.get("health-models/")["models"][0]
    assert (anomaly["confirmed"], anomaly["precision"], anomaly["saved"]) == (1, 1.0, 9000.0)
    assert (anomaly["priced"], anomaly["leads"], anomaly["may_tell"]) == (1, 1, True)


def test_who_may_only_look_orders_and_labels_nothing(
    company: Company, viewer_api: Api, machine: int, heat: int
) -> None:
    with tenant_scope(company.tenant_id):
        row = _advise(machine, heat)
    assert viewer_api.get(f"advisories/{row.pk}/")["finding"] == ""
    viewer_api.post(f"advisories/{row.pk}/order/", status=403)
    viewer_api.post(f"advisories/{row.pk}/finding/", {"finding": "false"}, status=403)
    with tenant_scope(company.tenant_id):
        assert Advisory.objects.get(pk=row.pk).work_order is None


def test_a_model_that_is_wrong_more_often_than_right_calls_nobody(
    company: Company, machine: int, heat: int, boss: Actor, sign_in: SignIn
) -> None:
    with tenant_scope(company.tenant_id):
        for n in range(10):
            row = _advise(machine, heat, n)
            assert row.was_told, f"{n} labelled are too few to judge by"
            advisories.label_advisory(row.pk, "confirmed" if n < 4 else "false", actor=boss)
        figures = read_model("point_anomaly")
        assert (figures.recent, figures.may_tell) == (0.4, False)
        row = _advise(machine, heat, 10)
        assert not row.was_told, "it is listed, and nobody is told"
        advisories.label_advisory(row.pk, "confirmed", actor=boss)
        row = _advise(machine, heat, 11)
        advisories.label_advisory(row.pk, "confirmed", actor=boss)
        assert read_model("point_anomaly").recent == 0.5
        assert _advise(machine, heat, 12).was_told, "half of them right: it may again"
        Advisory.objects.filter(finding="confirmed").update(finding="other")
    assert "has lost the right" in sign_in(company.manager).get("/health/condition/models/").content.decode()


def test_by_rule_each_advisory_asks_for_its_order(company: Company, machine: int, heat: int) -> None:
    with tenant_scope(company.tenant_id):
        Terms.objects.create(orders_by_rule=True)
        row = _advise(machine, heat)
        assert row.work_order is not None
        assert (row.work_order.state, row.work_order.kind) == ("requested", "condition")


def test_the_page_has_the_button_and_the_finding(
    company: Company, machine: int, heat: int, sign_in: SignIn
) -> None:
    with tenant_scope(company.tenant_id):
        row = _advise(machine, heat)
    client = sign_in(company.manager)
    address = f"/health/condition/advisories/{row.pk}/"
    assert "Make a work order" in client.get(address).content.decode()
    assert "Work order #" in client.post(address, {"order": "1"}, follow=True).content.decode()
    assert client.post(address, {"finding": "nonsense"}).status_code == 422
    said = client.post(address, {"finding": "false", "note": "sensor loose"}, follow=True).content.decode()
    assert "sensor loose" in said
    assert "Make a work order" not in said


def test_what_was_over_before_it_was_found_stands_beneath_and_waits_for_nobody(
    company: Company, machine: int, heat: int, sign_in: SignIn
) -> None:
    with tenant_scope(company.tenant_id):
        row = _advise(machine, heat)
        assert count_waiting() == (1, 1)
        Advisory.objects.update(evidence_to=row.opened_at - timedelta(days=3))
        assert count_waiting() == (0, 0)
    said = sign_in(company.manager).get("/health/condition/advisories/").content.decode()
    assert said.index("1 found in samples of the past") < said.index(f"advisories/{row.pk}/")


def test_a_stranger_company_sees_nothing(
    company: Company, stranger: Company, machine: int, heat: int
) -> None:
    with tenant_scope(company.tenant_id):
        row = _advise(machine, heat)
        _hours(machine, heat, [60.0], clock.now())
    theirs = api_of(stranger.manager_key)
    assert theirs.get("advisories/")["results"] == []
    assert theirs.get("machine-conditions/")["results"] == []
    theirs.get(f"advisories/{row.pk}/", status=404)
    theirs.post(f"advisories/{row.pk}/finding/", {"finding": "false"}, status=404)

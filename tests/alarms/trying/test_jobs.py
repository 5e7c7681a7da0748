"""Trials behind a request: slices, a worker that is killed, a trial that is taken away, each company its own."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.db import connection

from forgeline.alarms.trying import jobs
from forgeline.alarms.trying.models import Trial
from forgeline.alarms.trying.service import try_rule
from forgeline.base import clock
from forgeline.base.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from forgeline.identity.policy import Actor
from forgeline.telemetry import ingest
from forgeline.telemetry.sample import SampleBatch
from forgeline.tenancy.scoping import tenant_scope
from tests.alarms.conftest import S, quiet_ingest
from tests.telemetry.conftest import Plant, make_plant

__all__ = ["quiet_ingest"]

ROOT = Path(settings.BASE_DIR)

DAYS = 12
RULE: dict[str, Any] = {
    "name": {"en": "hot"},
    "condition": {
        "kind": "limit",
        "point": "bearing_temperature",
        "level": "H",
        "limit": 80.0,
        "deadband": 1.0,
    },
}


def actor(plant: Plant, *permissions: str) -> Actor:
    return Actor(
        plant.tenant_id, "manager", permissions=frozenset(permissions or ("alarms.edit", "alarms.view"))
    )


@pytest.fixture
def plant(quiet_ingest: None) -> Plant:
    """Twelve days of oil that is hot for a while every few hours; and as much of another machine."""
    from forgeline.assets.models import Asset, Point

    plant = make_plant("Alice")
    with tenant_scope(plant.tenant_id):
        Asset.objects.update(profile="press")
        other = Asset.objects.create(
            site=plant.site, level="work_unit", name="Press 2", path="/", profile="press"
        )
        own = plant.add_point("bearing_temperature", unit="Cel", expected_interval_s=10)
        second = Point.objects.create(
            asset=other, key="bearing_temperature", name="oil", unit="Cel", expected_interval_s=10
        ).pk
    now_us = clock.now_us()
    ts = np.arange(now_us - DAYS * 86_400 * S, now_us, 10 * S, dtype=np.int64)
    value = 75 + 7 * np.sin(np.arange(len(ts)) / 300)
    for point, shift in ((own, 0.0), (second, 1.0)):
        for start in range(0, len(ts), 20_000):
            part = slice(start, start + 20_000)
            size = len(ts[part])
            ingest.ingest_batch(
                SampleBatch.from_columns([point] * size, ts[part], value[part] + shift), now_us=now_us
            )
    return plant


def ask(plant: Plant, **asked: Any) -> Trial:
    asked = {"days": DAYS, "actor": actor(plant), **asked}
    if "profile" not in asked:
        asked["asset_id"] = plant.machine.pk
    with tenant_scope(plant.tenant_id):
        return try_rule(asked.pop("raw", RULE), **asked)


def read(plant: Plant, trial: Trial) -> Trial:
    with tenant_scope(plant.tenant_id):
        return jobs.get_trial(trial.pk)


def later() -> datetime:
    return clock.now() + jobs.CLAIM_FOR + timedelta(seconds=1)


def test_week_is_answered_at_once(plant: Plant) -> None:
    trial = ask(plant, days=7)
    assert (trial.pk, trial.progress) == (None, 100)
    assert trial.result["total"]["new"]["alarms"] > 10
    with tenant_scope(plant.tenant_id):
        assert Trial.objects.count() == 0


def test_profile_is_worked_on_in_slices_and_told_when_all_of_it_is_there(plant: Plant) -> None:
    trial = ask(plant, profile="press")
    seen = []
    while read(plant, trial).finished_at is None:
        chosen = jobs._find_next(clock.now())
        assert chosen == (plant.tenant_id, trial.pk)
        jobs._Slice(*chosen, now=clock.now, slice_s=0.0).run()
        row = read(plant, trial)
        seen.append(row.progress)
        assert (row.result is None) == (row.finished_at is None)
    assert len(seen) > DAYS
    assert seen == sorted(seen)
    whole = ask(plant, profile="press")
    assert jobs.work() == 1
    found, other = read(plant, trial), read(plant, whole)
    assert found.result["total"] == other.result["total"]
    assert [machine["asset_name"] for machine in found.result["machines"]] == ["Press 1", "Press 2"]
    assert found.result["total"]["machines"] == 2
    assert found.result["total"]["new"]["alarms"] > 40
    days = found.result["total"]["new"]["days"]
    assert sum(day["alarms"] for day in days) == found.result["total"]["new"]["alarms"]
    assert found.result["sentences"][0].startswith("On 2 machines the rule would have fired")


SLOW_WORKER = """
import time, django
django.setup()
from forgeline.alarms.trying import jobs, machine
step = machine.MachineTrial.step
machine.MachineTrial.step = lambda self: (time.sleep(0.4), step(self))
jobs.work(slice_s=SLICE)
"""


@pytest.mark.parametrize("slice_s", [60.0, 1.5])
def test_worker_that_is_killed_leaves_no_half_result(
    plant: Plant, child_environment: dict[str, str], slice_s: float
) -> None:
    trial = ask(plant)
    script = SLOW_WORKER.replace("SLICE", str(slice_s))
    worker = subprocess.Popen([sys.executable, "-c", script], env=child_environment, cwd=ROOT)
    try:
        deadline = time.monotonic() + 60
        while read(plant, trial).progress < 20:
            assert time.monotonic() < deadline
            assert worker.poll() is None
            time.sleep(0.05)
    finally:
        worker.kill()
        worker.wait()
    row = read(plant, trial)
    assert row.finished_at is None
    assert row.result is None
    assert row.claimed_until is None or jobs.work() == 0
    assert jobs.work(now=later) == 1
    row = read(plant, trial)
    assert row.error == ""
    with tenant_scope(plant.tenant_id):
        Trial.objects.filter(pk=trial.pk).update(
            finished_at=None, result=None, started_at=None, worked_at=None
        )
    jobs.work(now=later)
    assert read(plant, trial).result == row.result


def test_trial_that_is_taken_away_stops(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    from forgeline.alarms.trying.machine import MachineTrial

    trial = ask(plant)
    steps = 0
    step = MachineTrial.step

    def count(self: MachineTrial) -> None:
        nonlocal steps
        steps += 1
        step(self)
        if steps == 3:
            jobs.remove(trial.pk)

    monkeypatch.setattr(MachineTrial, "step", count)
    monkeypatch.setattr(jobs, "SIGN_EVERY_S", 0.0)
    assert jobs.work() == 1
    assert steps == 3
    with pytest.raises(NotFoundError):
        read(plant, trial)


def test_one_trial_at_a_time_and_few_waiting(plant: Plant) -> None:
    waiting = [ask(plant) for _ in range(jobs.MOST_OPEN)]
    with pytest.raises(ConflictError, match="are not through yet"):
        ask(plant)
    with tenant_scope(plant.tenant_id):
        Trial.objects.filter(pk=waiting[-1].pk).update(claimed_until=later())
    assert jobs.work() == 0


def test_error_is_told(plant: Plant) -> None:
    raw = {**RULE, "condition": {**RULE["condition"], "point": "gas"}}
    with pytest.raises(InvalidInputError, match="no point gas"):
        ask(plant, raw=raw)
    plant.add_point("gas")
    trial = ask(plant, raw=raw)
    jobs.work()
    row = read(plant, trial)
    assert row.error.startswith("Nothing was stored of gas in this span")
    assert (row.result, row.progress) == (None, 100)


def test_fault_of_ours_ends_the_trial(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    from forgeline.alarms.trying.machine import MachineTrial

    trial = ask(plant)
    monkeypatch.setattr(MachineTrial, "step", lambda self: 1 / 0)
    jobs.work()
    assert "its log says why" in read(plant, trial).error


def test_company_sees_its_own_trials_only(plant: Plant) -> None:
    stranger = make_plant("Charlie")
    trial = ask(plant)
    with tenant_scope(stranger.tenant_id):
        with pytest.raises(NotFoundError):
            jobs.get_trial(trial.pk)
        with pytest.raises(NotFoundError):
            jobs.remove(trial.pk)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM alarms_trial")
            assert cursor.fetchone() == (0,)
        with pytest.raises(NotFoundError):
            try_rule(RULE, asset_id=plant.machine.pk, actor=actor(stranger))
    with tenant_scope(plant.tenant_id), pytest.raises(ForbiddenError):
        try_rule(RULE, asset_id=plant.machine.pk, actor=actor(plant, "alarms.view"))


def test_old_trials_are_removed(plant: Plant) -> None:
    old, young = ask(plant), ask(plant)
    with tenant_scope(plant.tenant_id):
        Trial.objects.filter(pk=old.pk).update(created_at=clock.now() - timedelta(days=1, minutes=1))
    jobs.trim()
    with tenant_scope(plant.tenant_id):
        assert list(Trial.objects.values_list("pk", flat=True)) == [young.pk]


def test_sentences_speak_the_language_of_who_asked(plant: Plant) -> None:
    from django.utils import translation

    with translation.override("zh-hans"):
        trial = ask(plant)
    jobs.work()
    assert "报警" in " ".join(read(plant, trial).result["sentences"])

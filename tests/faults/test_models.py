"""Model jobs on their own queue: what a killed worker left is judged once and whole; two at once share no hour."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest

from apps.health.models import ModelRun, Watch
from apps.health.queries.runs import SILENT, state_of
from apps.health.tasks import watch_batch, watch_machines
from forgeline.assets.models import Point
from forgeline.base import clock
from forgeline.conf.celery import app as celery
from forgeline.modules.manifest import MODELS_QUEUE
from forgeline.telemetry import ingest
from forgeline.telemetry.sample import SampleBatch
from forgeline.tenancy.scoping import tenant_scope
from tests.bench.plant import BenchPlant, make_plant
from tests.faults.watch import CELERY, Watch as Keeper
from tests.rig import Rig

DAYS = 5
MACHINES, POINTS = 3, 4
HOURS = "SELECT count(*), count(DISTINCT (asset_id, hour)) FROM health_condition"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]


def test_long_tasks_are_routed_to_their_own_queue() -> None:
    for name in ("health.watch_machines", "health.watch_batch", "health.train_model"):
        assert celery.amqp.router.route({}, name)["queue"].name == MODELS_QUEUE
    for name in ("notifications.sweep", "health.make_due_orders"):
        assert celery.amqp.router.route({}, name)["queue"].name == "celery"


def _fill(plant: BenchPlant) -> None:
    """Days of five-minute values, and no wait for a history that may still come."""
    end = int(clock.now().timestamp()) // 300 * 300
    ts = (end - np.arange(DAYS * 288)[::-1] * 300) * 1_000_000
    rng = np.random.default_rng(4)
    for point in plant.point_ids.tolist():
        value = 20 + np.sin(np.arange(len(ts)) / 288 * 2 * np.pi) + rng.normal(0, 0.1, len(ts))
        ingest.ingest_batch(SampleBatch.from_columns(np.full(len(ts), point, np.int32), ts, value))
    with tenant_scope(plant.company.tenant_id):
        first = clock.from_us(int(ts[0])).replace(minute=0, second=0, microsecond=0)
        Watch.objects.bulk_create(Watch(asset_id=pk, next_hour=first) for pk in plant.asset_ids)


def _add_models(keeper: Keeper, name: str) -> None:
    keeper.add(
        name, *CELERY, "worker", "--queues", MODELS_QUEUE, "--hostname", f"{name}@%h", "--concurrency", "1",
        "--loglevel", "WARNING",
    )  # fmt: skip


def test_a_killed_worker_is_followed_and_two_at_once_judge_no_hour_twice(
    rig: Rig, watch: Keeper, tell: Callable[[str], None]
) -> None:
    plant = make_plant(machines=MACHINES, points=POINTS, interval_s=300)
    with tenant_scope(plant.company.tenant_id):
        Point.objects.update(unit="Cel")
    _fill(plant)
    tenant = plant.company.tenant_id
    _add_models(watch, "models")

    def judged() -> int:
        return int(rig.ask(HOURS)[0][0])

    watch_batch.apply_async((tenant, plant.asset_ids))
    watch.wait(lambda: judged() >= 24, "the first day is judged")
    pid = watch.kill("models")
    after_kill = judged()
    assert after_kill < MACHINES * DAYS * 24 - 24 * MACHINES, "it was killed on its way"
    assert after_kill % 24 == 0, "a day is there whole or not at all"
    with tenant_scope(tenant):
        run = ModelRun.objects.get()
        assert (run.finished_at, run.done) == (None, after_kill), "the run says how far it came"
        assert state_of(run, clock.now() + SILENT) == "broken_off"
    watch.wait(lambda: watch.has_restarted("models", pid), "the supervisor starts it again")
    _add_models(watch, "models-2")
    asked = 0.0

    def is_through() -> bool:
        nonlocal asked
        if time.monotonic() - asked > 20:
            # As beat does each minute, and twice over: both workers get each machine.
            asked = time.monotonic()
            watch_machines.apply_async()
            watch_batch.apply_async((tenant, plant.asset_ids))
            watch_batch.apply_async((tenant, plant.asset_ids))
        with tenant_scope(tenant):
            edge = clock.now() - timedelta(minutes=66)
            return not Watch.objects.filter(next_hour__lt=edge).exists()

    seconds = watch.wait(is_through, "everything is judged", within_s=180)
    rows, hours = rig.ask(HOURS)[0]
    assert rows == hours
    (gaps,) = rig.ask(
        "SELECT count(*) FROM (SELECT hour - lag(hour) OVER (PARTITION BY asset_id ORDER BY hour) AS step"
        " FROM health_condition) t WHERE step <> interval '1 hour'"
    )[0]
    assert gaps == 0
    assert rows >= MACHINES * (DAYS * 24 - 2)
    with tenant_scope(tenant):
        done = list(ModelRun.objects.values_list("done", flat=True))
        assert sum(done) == rows, "each hour stands in one run"
        taken = sum(count > 0 for count in done)
    tell(f"{rows} hours, killed after {after_kill}; the rest in {seconds:.0f} s by {taken - 1} runs")

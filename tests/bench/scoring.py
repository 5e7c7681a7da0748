"""An hour's scoring of a thousand machines through the database: the product's own worker, queue and tables.

What a plant has after four weeks is there before: what each judgement remembers, an alarm limit a machine, and the
hours by which the way to it is laid.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg

from apps.health import judging
from apps.health.models import Condition, ModelRun, Watch
from apps.health.science.streaming import new_state, score_series
from apps.health.science.windows import FEATURES
from apps.health.tasks import watch_machines
from forgeline.alarms.models import Rule
from forgeline.base import clock
from forgeline.base.clock import to_us
from forgeline.modules.manifest import MODELS_QUEUE
from forgeline.telemetry import ingest
from forgeline.telemetry.sample import SampleBatch
from forgeline.tenancy.scoping import tenant_scope
from tests.bench.plant import BenchPlant, make_plant
from tests.rig import DBNAME, Rig, memory_mb, running_rig

MACHINES, POINTS = 1_000, 8
EVERY_S = 10
"""On change, about every ten seconds: 360 samples a point and hour."""
WARM_DAYS, PAST_DAYS = 2, 28
BEAT_S = 60.0
SEED = 16
MOST_S = 1_800.0
_HOUR = timedelta(hours=1)


def main(target: str) -> None:
    with running_rig() as rig:
        plant = make_plant(machines=MACHINES, points=POINTS, interval_s=EVERY_S, name="scored")
        hour = (clock.now() - timedelta(minutes=5)).replace(minute=0, second=0, microsecond=0) - _HOUR
        started = time.perf_counter()
        _make_past(rig, plant, hour)
        _store_hour(plant, hour)
        rig.analyze()
        print(
            f"  {MACHINES:,} machines × {POINTS} points × {3600 // EVERY_S} samples, {PAST_DAYS} days of hours,"
            f" made in {time.perf_counter() - started:,.0f} s"
        )
        minutes = _score(rig, plant, hour)
    Path(target).write_text(json.dumps({"health.scoring_1000_machines.minutes": minutes}), encoding="utf-8")


def _make_past(rig: Rig, plant: BenchPlant, hour: datetime) -> None:
    """Make what the judgement remembers, limits, and the hours behind it."""
    rng = np.random.default_rng(SEED)
    state = new_state(POINTS, seed=SEED)
    rows = WARM_DAYS * 288
    at = int(hour.timestamp()) - (rows - np.arange(rows)) * 300
    at_s = np.repeat(at[:, None], POINTS, axis=1).astype(np.int64)
    score_series(state, at_s, 20 + rng.normal(0, 0.5, (rows, POINTS)))
    memory = judging.pack_state(state)
    ids = plant.point_ids.reshape(MACHINES, POINTS).tolist()
    with tenant_scope(plant.company.tenant_id):
        Watch.objects.bulk_create(
            (
                Watch(asset_id=asset_id, next_hour=hour, began_at=hour, memory=memory, point_ids=own)
                for asset_id, own in zip(plant.asset_ids, ids, strict=True)
            ),
            batch_size=50,
        )  # fmt: skip
        Rule.objects.bulk_create(
            Rule(
                asset_id=asset_id, key="high",
                definition={
                    "name": {"en": "high"},
                    "condition": {"kind": "limit", "point": plant.keys[0], "level": "H", "limit": 40.0},
                },
            )
            for asset_id in plant.asset_ids
        )  # fmt: skip
    whole = json.dumps(dict.fromkeys(FEATURES, 12.345678))
    # Rising by a twentieth a day, so that there is a way to the limit.
    level = "round((20 + extract(epoch FROM h - %(from)s::timestamptz) / 1728000 + random())::numeric, 6)"
    features = ", ".join(
        f"p[{n}]::text, %(whole)s::jsonb || jsonb_build_object('level', {level})"
        for n in range(1, POINTS + 1)
    )
    with psycopg.connect(rig.postgres.url(DBNAME), autocommit=True) as connection:
        # As the superuser: a million rows one by one would take longer than what is measured.
        connection.execute("CREATE TEMP TABLE machine (asset_id int, p int[], levels bytea)")
        levels = 20 + rng.normal(0, 0.5, (judging.SLICES, POINTS))
        connection.cursor().executemany(
            "INSERT INTO machine VALUES (%s, %s, %s)",
            [
                (asset_id, own, judging.pack_levels(own, levels))
                for asset_id, own in zip(plant.asset_ids, ids, strict=True)
            ],
        )
        connection.execute(
            "INSERT INTO health_condition (tenant_id, asset_id, hour, index, known, parts, reason, reason_data,"
            " features, levels, samples, created_at)"
            " SELECT %(tenant)s, m.asset_id, h, 100, 1, '[]', '', '{}',"
            f" jsonb_build_object({features}), m.levels, 2880, h"
            " FROM machine m, generate_series(%(from)s::timestamptz, %(to)s::timestamptz, '1 hour') h",
            {
                "tenant": plant.company.tenant_id, "whole": whole, "from": hour - timedelta(days=PAST_DAYS),
                "to": hour - _HOUR,
            },
        )  # fmt: skip


def _store_hour(plant: BenchPlant, hour: datetime) -> None:
    """Store the samples of the hour, machines in turn as they would come."""
    rng = np.random.default_rng(SEED)
    begin, count = to_us(hour), 3600 // EVERY_S
    for first in range(0, len(plant.point_ids), 400):
        own = plant.point_ids[first : first + 400]
        stamps = begin + np.sort(rng.integers(0, 3_600_000_000, (len(own), count)), axis=1)
        values = 20 + np.cumsum(rng.normal(0, 0.02, (len(own), count)), axis=1)
        ingest.ingest_batch(SampleBatch.from_columns(np.repeat(own, count), stamps.ravel(), values.ravel()))


def _score(rig: Rig, plant: BenchPlant, hour: datetime) -> float:
    """Have the worker score the hour, asked for each minute as beat does; return the minutes that it took."""
    words = ("worker", "--queues", MODELS_QUEUE, "--hostname", "models@%h", "--concurrency", "1")
    worker = rig.start(
        "models", "-m", "celery", "-A", "forgeline.conf.celery:app", *words, "--loglevel", "WARNING"
    )
    ready = "SELECT count(*) FROM health_modelrun"
    started = time.perf_counter()
    watch_machines.apply_async(expires=55)
    rig.wait(lambda: rig.ask(ready)[0][0] > 0, "the worker has begun", within_s=60)
    began = time.perf_counter()
    asked = started
    peak = 0.0
    while True:
        with tenant_scope(plant.company.tenant_id):
            left = Watch.objects.filter(next_hour__lte=hour).count()
        if not left:
            break
        if time.perf_counter() - began > MOST_S:
            print(f"  {left:,} machines were not scored in {MOST_S / 60:.0f} minutes", file=sys.stderr)
            break
        if time.perf_counter() - asked >= BEAT_S:
            watch_machines.apply_async(expires=55)
            asked = time.perf_counter()
        peak = max(peak, memory_mb(worker.pid))
        time.sleep(0.5)
    minutes = (time.perf_counter() - began) / 60
    with tenant_scope(plant.company.tenant_id):
        scored = Condition.objects.filter(hour=hour).count()
        cpu_s = sum(ModelRun.objects.values_list("cpu_s", flat=True))
        answered = Condition.objects.filter(hour=hour, index__isnull=False).count()
    assert scored == MACHINES, f"{scored} of {MACHINES} machines have their hour"
    assert answered == MACHINES, f"{answered} machines have an index"
    print(
        f"  {minutes:.2f} min by one worker, {cpu_s:,.0f} s of it its own; the worker's parent holds {peak:.0f} MB"
    )
    return minutes

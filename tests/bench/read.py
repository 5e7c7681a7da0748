"""Reads at the API: a day of seconds, a year of hours, the latest of 500 points; p95 over warm requests."""

from __future__ import annotations

import json
import time
from pathlib import Path

import httpx
import numpy as np
import psycopg

from forgeline.telemetry import ingest
from forgeline.telemetry.sample import SampleBatch
from tests.bench.plant import BenchPlant, make_plant
from tests.rig import DBNAME, Rig, running_rig

DAY_S, HOUR_MS, YEAR_H = 86_400, 3_600_000, 8_760
REQUESTS = 120


def main(target: str) -> None:
    with running_rig() as rig:
        plant = make_plant(machines=50, points=10)
        second_point, hour_point = int(plant.point_ids[0]), int(plant.point_ids[1])
        now_ms = int(time.time() * 1000)
        _store_day(second_point, now_ms)
        _store_latest(plant, now_ms)
        _store_year(rig, hour_point)
        rig.start_web()
        points = ",".join(str(point) for point in plant.point_ids.tolist())
        day = f"/api/v1/samples/?point={second_point}&from={now_ms - DAY_S * 1000}&to={now_ms}&resolution=raw"
        span = f"from={now_ms - YEAR_H * HOUR_MS}&to={now_ms - 2 * HOUR_MS}"
        year = f"/api/v1/samples/?point={hour_point}&{span}&resolution=1h&columns=mean,minimum,maximum"
        results = {
            "read.day_1hz.p95_ms": _p95(rig, plant, day, least=3_000),
            "read.year_1h.p95_ms": _p95(rig, plant, year, least=8_000),
            "read.latest_500.p95_ms": _p95(rig, plant, f"/api/v1/latest/?point={points}", least=500),
        }
    Path(target).write_text(json.dumps(results), encoding="utf-8")


def _store_day(point: int, now_ms: int) -> None:
    ts_us = (now_ms - np.arange(DAY_S, 0, -1) * 1000) * 1000
    value = 50 + 10 * np.sin(np.arange(DAY_S) / 900) + np.random.default_rng(7).normal(0, 1, DAY_S)
    for part in np.array_split(np.arange(DAY_S), 5):
        ingest.ingest_batch(SampleBatch.from_columns(np.full(len(part), point), ts_us[part], value[part]))


def _store_latest(plant: BenchPlant, now_ms: int) -> None:
    size = len(plant.point_ids)
    ingest.ingest_batch(
        SampleBatch.from_columns(plant.point_ids, [now_ms * 1000] * size, np.arange(size) + 0.5)
    )
    ingest.close()


def _store_year(rig: Rig, point: int) -> None:
    """Raw samples of a year are beyond the retention, so the hours are written as the roll-up has them."""
    with psycopg.connect(rig.postgres.url(DBNAME), autocommit=True) as admin:
        admin.execute(
            "INSERT INTO telemetry_rollup_1h (bucket, point_id, count, good_count, covered_s, integral, minimum,"
            " maximum, total, first, last) SELECT h, %s, 60, 60, 3600, 3600 * v, v - 1, v + 1, 60 * v, v, v"
            " FROM (SELECT h, 50 + 10 * sin(extract(epoch FROM h) / 40000) AS v FROM generate_series("
            " date_trunc('hour', now()) - interval '366 days', date_trunc('hour', now()) - interval '2 hours',"
            " interval '1 hour') h) t ON CONFLICT DO NOTHING",
            [point],
        )
        admin.execute("ANALYZE")


def _p95(rig: Rig, plant: BenchPlant, path: str, *, least: int) -> float:
    """Return the 95th percentile in ms of warm requests over one kept connection, each answer of the promised size."""
    took = []
    headers = {"Authorization": f"Bearer {plant.company.viewer_key}"}
    with httpx.Client(base_url=rig.url, headers=headers, timeout=30) as client:
        for number in range(REQUESTS + 20):
            started = time.perf_counter()
            answer = client.get(path)
            seconds = time.perf_counter() - started
            answer.raise_for_status()
            if number == 0:
                results = answer.json()["results"]
                size = (
                    len(results) if "point_id" in results[0] and "value" in results[0] and least == 500 else 0
                )
                size = size or len(results[0]["ts_ms"])
                if size < least:
                    raise AssertionError(f"{path} answered {size} entries, promised are {least}")
            if number >= 20:
                took.append(seconds * 1000)
    return float(np.percentile(took, 95))

"""Samples as columns for going through months: every one of them, exact to the microsecond, the tenant's alone."""

from __future__ import annotations

import math

import numpy as np

from forgeline.base.clock import now_us
from forgeline.telemetry import ingest, queries
from forgeline.telemetry.sample import Quality, SampleBatch
from forgeline.tenancy.scoping import tenant_scope
from tests.telemetry.conftest import Plant

S = 1_000_000


def test_columns_hold_every_sample_of_the_span(plant: Plant) -> None:
    now = now_us()
    begin = now - 3600 * S + 7
    first, second = plant.add_point("first"), plant.add_point("second")
    for point, step in ((second, S), (first, 3 * S + 1)):
        ts = begin + np.arange(30_000 // (step // S), dtype=np.int64) * step // 10
        quality = np.where(np.arange(len(ts)) % 5, Quality.GOOD, Quality.BAD).astype(np.int16)
        value = np.where(np.arange(len(ts)) % 7, ts % 1000, np.nan)
        ingest.ingest_batch(
            SampleBatch.from_columns([point] * len(ts), ts, value, quality=quality), now_us=now
        )
    with tenant_scope(plant.tenant_id):
        found = queries.read_columns([second, first], begin + 10 * S, begin + 1000 * S)
        raw = {
            point: list(queries.iterate_raw(point, begin + 10 * S, begin + 1000 * S))
            for point in (first, second)
        }
    expected = [
        (point, row[0], row[1], row[2]) for point in (first, second) for page in raw[point] for row in page
    ]
    assert found.point_id.tolist() == [row[0] for row in expected]
    assert found.ts_us.tolist() == [row[1] for row in expected]
    assert found.quality.tolist() == [row[3] for row in expected]
    assert [None if math.isnan(value) else value for value in found.value.tolist()] == [
        row[2] for row in expected
    ]
    assert len(expected) > 10_000


def test_columns_of_a_stranger_are_empty(plant: Plant, foreign_plant: Plant) -> None:
    now = now_us()
    point = plant.add_point("secret")
    ingest.ingest_batch(SampleBatch.from_columns([point], [now - S], [1.0]), now_us=now)
    with tenant_scope(foreign_plant.tenant_id):
        assert not len(queries.read_columns([point], now - 60 * S, now).ts_us)
        assert not len(queries.read_columns([], now - 60 * S, now).ts_us)

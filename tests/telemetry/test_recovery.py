"""A process that dies leaves its commits; another one brings latest values and roll-ups on from them."""

from __future__ import annotations

import numpy as np
import pytest

from forgeline.base.clock import now_us
from forgeline.telemetry import ingest, rollup_keeping
from forgeline.telemetry.engines.base import Resolution
from forgeline.telemetry.engines.connection import store_connection
from forgeline.telemetry.recovery import Recovery
from forgeline.telemetry.sample import SampleBatch
from tests.telemetry.conftest import Plant
from tests.telemetry.rollup_tables import assert_equal, expected_rollup, stored_rollup

HOUR_US = 3_600_000_000


def test_what_a_dead_process_left_is_brought_on(plant: Plant) -> None:
    fast = plant.add_point("fast", expected_interval_s=1.0)
    slow = plant.add_point("slow", expected_interval_s=60.0)
    start = (now_us() - 5 * HOUR_US) // HOUR_US * HOUR_US
    ts = start + np.arange(0, 2 * HOUR_US, 1_000_000)
    ingest.ingest_batch(SampleBatch.from_columns(np.full(len(ts), fast), ts, np.arange(len(ts))))
    minutes = ts[::60]
    ingest.ingest_batch(
        SampleBatch.from_columns(np.full(len(minutes), slow), minutes, np.arange(len(minutes)))
    )
    # The process dies: nothing was flushed.
    ingest.reset()
    other = plant.add_point("other")
    ingest.ingest_batch(SampleBatch.from_columns([other], [now_us()], [1.0]))
    tracker = ingest.tracker()
    tracker.recovery = Recovery(silent_s=0.0)
    ingest.flush()
    with store_connection() as connection:
        latest = connection.execute(
            "SELECT value FROM telemetry_latest WHERE point_id = %s", [fast]
        ).fetchone()
        writers = connection.execute("SELECT count(*) FROM telemetry_writer").fetchone()
    assert latest == (7199.0,)
    assert writers == (1,)
    # 120 full minutes, and one into which the last value holds.
    assert len(stored_rollup(fast, Resolution.MINUTE)) == 121
    hours = stored_rollup(fast, Resolution.HOUR)
    assert [row["count"] for row in hours][:2] == [3600, 3600]
    assert [row["count"] for row in stored_rollup(slow, Resolution.HOUR)][:2] == [60, 60]


def test_a_process_taken_for_dead_enters_again(plant: Plant) -> None:
    point = plant.add_point("p")
    at = now_us()
    ingest.ingest_batch(SampleBatch.from_columns([point], [at], [1.0]))
    ingest.flush()
    before = ingest.tracker().writer_id
    with store_connection() as connection:
        connection.execute("DELETE FROM telemetry_writer")
    ingest.ingest_batch(SampleBatch.from_columns([point], [at + 1], [2.0]))
    ingest.flush()
    assert ingest.tracker().writer_id > before
    with store_connection() as connection:
        writers = connection.execute("SELECT writer_id FROM telemetry_writer").fetchall()
        latest = connection.execute(
            "SELECT value FROM telemetry_latest WHERE point_id = %s", [point]
        ).fetchone()
    assert writers == [(ingest.tracker().writer_id,)]
    assert latest == (2.0,)


def test_many_late_rows_are_worked_off_in_parts(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollup_keeping, "MAX_PAIRS", 10)
    point = plant.add_point("p", expected_interval_s=1.0)
    start = (now_us() - 3 * HOUR_US) // HOUR_US * HOUR_US
    ingest.ingest_batch(SampleBatch.from_columns([point], [start + 2 * HOUR_US], [0]))
    ts = start + np.arange(0, HOUR_US, 5_000_000)
    ingest.ingest_batch(SampleBatch.from_columns(np.full(len(ts), point), ts, np.arange(len(ts))))
    for _ in range(3):
        ingest.flush()
    assert len(stored_rollup(point, Resolution.MINUTE)) < 60
    for _ in range(5):
        ingest.flush()
    expected = expected_rollup(
        point,
        Resolution.HOUR,
        start,
        start + 3 * HOUR_US,
        interval_s=1.0,
        is_counter=False,
        zone="Europe/Berlin",
    )
    assert_equal(stored_rollup(point, Resolution.HOUR), expected, "hours")
    assert len(stored_rollup(point, Resolution.MINUTE)) == 61

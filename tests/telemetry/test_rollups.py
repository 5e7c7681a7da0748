"""Roll-ups from partial sums equal the reference recompute: late rows, holds, resets, days of 23 and 25 hours."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import HealthCheck, given, settings, strategies as st

from forgeline.base.clock import to_us
from forgeline.telemetry import ingest
from forgeline.telemetry.buckets import HOUR_US
from forgeline.telemetry.engines.base import FAST_INTERVAL_S, Resolution
from forgeline.telemetry.engines.connection import store_connection
from forgeline.telemetry.recovery import Recovery
from forgeline.telemetry.sample import PointKind, SampleBatch
from tests.telemetry.conftest import Plant
from tests.telemetry.rollup_tables import assert_equal, expected_rollup, stored_rollup

BERLIN = ZoneInfo("Europe/Berlin")
DAYS = {
    "ordinary": datetime(2026, 6, 10, tzinfo=BERLIN),
    "23 hours": datetime(2026, 3, 29, tzinfo=BERLIN),
    "25 hours": datetime(2026, 10, 25, tzinfo=BERLIN),
}


@st.composite
def histories(draw: st.DrawFn) -> dict[str, Any]:
    """A point's story: its kind and rhythm, its rows as they happened, and the order in which they arrive."""
    interval_s = draw(st.sampled_from([1.0, 10.0, 20.0, 60.0, 900.0]))
    size = draw(st.integers(2, 40))
    steps = draw(
        st.lists(st.sampled_from([0.5, 1, 1, 1, 1, 2, 2.9, 3, 3.1, 7, 70]), min_size=size, max_size=size)
    )
    quality = draw(st.lists(st.sampled_from([0, 0, 0, 0, 0, 0, 1, 2]), min_size=size, max_size=size))
    held = draw(st.lists(st.sampled_from([0, 0, 0, 0, 2]), min_size=size, max_size=size))
    values = draw(st.lists(st.integers(0, 50), min_size=size, max_size=size))
    return {
        "interval_s": interval_s,
        "kind": draw(st.sampled_from([PointKind.GAUGE, PointKind.COUNTER])),
        "day": draw(st.sampled_from(sorted(DAYS))),
        "start_s": draw(st.sampled_from([-3600, -61, 0, 3599, 2 * 3600 - 20, 3 * 3600 - 2, 23 * 3600 - 30])),
        "steps": [step * interval_s for step in steps],
        "quality": quality,
        "flags": held,
        "values": values,
        "delays": draw(st.lists(st.sampled_from([0, 0, 0, 0, 0, 1, 3, 12]), min_size=size, max_size=size)),
        "batch": draw(st.integers(1, 12)),
        "flush_every": draw(st.integers(1, 4)),
        "restarts": draw(st.booleans()),
    }


def _arrivals(history: dict[str, Any]) -> SampleBatch:
    """The rows in order of arrival: each may come some places later than it happened."""
    start = to_us(DAYS[history["day"]] + timedelta(seconds=history["start_s"]))
    ts = start + np.cumsum([round(step * 1e6) for step in history["steps"]])
    value = np.array(history["values"], np.float64)
    quality = np.array(history["quality"], np.int16)
    value[quality == 2] = np.nan
    order = np.argsort(np.arange(len(ts)) + np.array(history["delays"]), kind="stable")
    batch = SampleBatch.from_columns(np.zeros(len(ts)), ts, value, quality=quality, flags=history["flags"])
    return batch.take(order)


def _turn_back_the_clock() -> None:
    """The story before this one may have ended later in time than this one begins."""
    ingest.reset()
    with store_connection() as connection:
        connection.execute("DELETE FROM telemetry_composed")


def _settle(plant: Plant, end_us: int) -> None:
    """Make sure that a living process is there to look for dead ones."""
    ingest.ingest_batch(
        SampleBatch.from_columns([plant.add_point(f"p{next(_counter)}")], [end_us], [0]), now_us=end_us
    )


_counter = iter(range(10**9))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories())
def test_sums_equal_the_reference(plant: Plant, history: dict[str, Any]) -> None:
    point_id = plant.add_point(
        f"p{next(_counter)}", kind=history["kind"], expected_interval_s=history["interval_s"]
    )
    _turn_back_the_clock()
    arrivals = _arrivals(history)
    arrivals.point_id[:] = point_id
    seen = 0
    for number, start in enumerate(range(0, len(arrivals), history["batch"])):
        batch = arrivals.take(slice(start, start + history["batch"]))
        seen = max(seen, int(batch.ts_us.max()))
        result = ingest.ingest_batch(batch, now_us=seen + 500_000)
        assert result.accepted == len(batch), result.rejected
        if number % history["flush_every"] == 0:
            ingest.flush(now_us=seen + 2_000_000)
        if history["restarts"] and number == 2:
            # The process dies; the next one finds what it left.
            ingest.reset()
    end = seen + 3 * 86_400_000_000
    ingest.tracker().recovery = Recovery(silent_s=0.0)
    if history["restarts"]:
        _settle(plant, end)
    ingest.flush(now_us=end)
    first = int(arrivals.ts_us.min())
    is_fast = history["interval_s"] <= FAST_INTERVAL_S
    for resolution in (Resolution.MINUTE, Resolution.HOUR, Resolution.DAY):
        stored = stored_rollup(point_id, resolution)
        if resolution is Resolution.MINUTE and not is_fast:
            assert not stored
            continue
        expected = expected_rollup(
            point_id, resolution, first - HOUR_US, seen + 3 * HOUR_US, interval_s=history["interval_s"],
            is_counter=history["kind"] == PointKind.COUNTER, zone="Europe/Berlin",
        )  # fmt: skip
        assert_equal(stored, expected, resolution)

"""Values that no measurement has enter no roll-up; one that is stored as good already keeps back no other's."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from forgeline.base.clock import to_us
from forgeline.telemetry import ingest, metrics, screening
from forgeline.telemetry.buckets import HOUR_US
from forgeline.telemetry.engines.base import Resolution
from forgeline.telemetry.sample import SampleBatch
from tests.telemetry.conftest import Plant
from tests.telemetry.rollup_tables import stored_rollup

NOON = to_us(datetime(2026, 6, 10, 12, tzinfo=UTC))


def _store(now_us: int, *rows: tuple[int, int, float]) -> None:
    point, ts, value = zip(*rows, strict=True)
    result = ingest.ingest_batch(SampleBatch.from_columns(point, ts, value), now_us=now_us)
    assert result.accepted == len(rows), result.rejected


@pytest.mark.parametrize("huge", [9e307, -1.7e308])
def test_a_sum_that_no_number_holds_keeps_back_no_other(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, huge: float
) -> None:
    # As long as such values were taken.
    monkeypatch.setattr(screening, "MAX_SIZE", np.inf)
    points = [plant.add_point(key, expected_interval_s=1.0) for key in ("a", "b", "c")]
    _store(NOON, *((point, NOON, 1.0) for point in points))
    before = metrics.ROLLUPS_BEYOND._value.get()
    # All late, so that their buckets are computed anew in one statement.
    late = NOON - 2 * HOUR_US
    _store(NOON, *((point, late + at * 1_000_000, 2.0) for point in points for at in range(3)))
    _store(NOON, (points[1], late + 1_500_000, huge), (points[1], late + 1_700_000, huge))
    ingest.flush(now_us=NOON + HOUR_US + 2_000_000)
    assert metrics.ROLLUPS_BEYOND._value.get() > before
    for resolution in (Resolution.MINUTE, Resolution.HOUR):
        found = [[row["good_count"] for row in stored_rollup(point, resolution)][:1] for point in points]
        assert (found[0], found[2]) == ([3], [3])
    # The next flush has nothing of it left to do, and takes what comes.
    _store(NOON, (points[0], late + 10_000_000, 5.0))
    ingest.flush(now_us=NOON + HOUR_US + 3_000_000)
    assert stored_rollup(points[0], Resolution.HOUR)[0]["good_count"] == 4
    # Overwritten, it is whole again.
    _store(NOON, (points[1], late + 1_500_000, 3.0), (points[1], late + 1_700_000, 3.0))
    ingest.flush(now_us=NOON + HOUR_US + 4_000_000)
    assert stored_rollup(points[1], Resolution.HOUR)[0]["maximum"] == 3.0


def test_what_no_measurement_is_is_kept_and_enters_no_roll_up(plant: Plant) -> None:
    point = plant.add_point("odd", expected_interval_s=1.0)
    late = NOON - 2 * HOUR_US
    _store(NOON, (point, NOON, 1.0))
    values = [5e-324, 9e307, -9e307, 1e-99]
    _store(NOON, *((point, late + at * 500_000, value) for at, value in enumerate(values)))
    ingest.flush(now_us=NOON + 2_000_000)
    row = stored_rollup(point, Resolution.MINUTE)[0]
    assert (row["count"], row["good_count"], row["minimum"], row["maximum"]) == (4, 1, 1e-99, 1e-99)

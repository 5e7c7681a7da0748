"""The replay clock: weekdays at speed 1, no jumps, meters in real time."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from demoplant.clock import EPOCH_MS, ReplayClock, clock_of
from demoplant.loop import Shape, evenly

HOUR_MS = 3_600_000


def at(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_position_0_is_a_monday_midnight_in_the_plants_zone() -> None:
    start = datetime.fromtimestamp(EPOCH_MS / 1000, ZoneInfo("Asia/Shanghai"))
    assert (start.isoweekday(), start.hour, start.minute, start.second) == (1, 0, 0, 0)


def test_at_speed_1_recorded_time_is_wall_time() -> None:
    clock = ReplayClock()
    assert clock.position(at(EPOCH_MS + 12_345, EPOCH_MS - 5)).tolist() == [12_345, -5]


def test_a_change_of_speed_makes_no_jump() -> None:
    switch = EPOCH_MS + 10_000
    clock = ReplayClock().continued(switch, 60.0)
    assert clock.position(at(switch - 1, switch, switch + 1)).tolist() == [9_999, 10_000, 10_060]
    back = clock.continued(switch + 1000, 1.0)
    assert back.position(at(switch + 1000, switch + 3000)).tolist() == [70_000, 72_000]


def test_the_same_speed_again_changes_nothing() -> None:
    clock = ReplayClock().continued(EPOCH_MS + 5, 2.0)
    assert clock.continued(EPOCH_MS + 500, 2.0) is clock


def test_segments_survive_being_written_down() -> None:
    clock = ReplayClock().continued(EPOCH_MS + 5, 2.5)
    moments = at(EPOCH_MS - 7, EPOCH_MS + 3, EPOCH_MS + 999)
    assert clock_of(clock.dump()).position(moments).tolist() == clock.position(moments).tolist()


@pytest.mark.parametrize("speed", [0.5, 1.0, 10.0, 600.0])
def test_a_meter_keeps_real_time_at_any_speed(speed: float) -> None:
    total = evenly(np.array([100.0]), HOUR_MS, Shape.STEP).integral()
    switch = EPOCH_MS + 2 * HOUR_MS
    clock = ReplayClock().continued(switch, speed)
    reading = clock.metered(total, at(EPOCH_MS, switch, switch + HOUR_MS, switch + 2 * HOUR_MS))
    assert np.diff(reading).tolist() == pytest.approx([200.0, 100.0, 100.0])


def test_a_meter_never_runs_backwards_over_changes_of_speed() -> None:
    power = evenly(np.array([0.0, 50.0, 500.0, 3.0]), 900_000, Shape.STEP)
    clock = ReplayClock()
    for step, speed in enumerate((30.0, 0.25, 1.0, 1000.0)):
        clock = clock.continued(EPOCH_MS + (step + 1) * 777_000, speed)
    moments = np.arange(EPOCH_MS - HOUR_MS, EPOCH_MS + HOUR_MS, 1000, dtype=np.int64)
    reading = clock.metered(power.integral(), moments)
    assert np.all(np.diff(reading) >= -1e-9)
    assert np.all(np.diff(reading) <= 500.0 / 3600 + 1e-6), "no second may hold more than the highest power"

"""What the points say: stable when asked again, within their range, counters that never fall, the stories."""

import numpy as np
import pytest

from demoplant.backfill import DAY_MS, day_before, history_of
from demoplant.catalogue import build_plant
from demoplant.clock import ReplayClock
from demoplant.model import BOOLEAN, COUNTER, STATE, MachineSpec, PointSpec
from demoplant.signals import Play

STARTED_MS = 1_780_000_000_000
MACHINES = build_plant()
POINTS = [(machine, point) for machine in MACHINES for point in machine.points]
IDS = [f"{machine.key}.{point.key}" for machine, point in POINTS]


def play(speed: float = 1.0) -> Play:
    return Play(ReplayClock().continued(STARTED_MS, speed), STARTED_MS)


def point_of(machine_key: str, key: str) -> PointSpec:
    return next(machine for machine in MACHINES if machine.key == machine_key).point(key)


def seconds(start_s: int, end_s: int) -> np.ndarray:
    return np.arange(STARTED_MS + start_s * 1000, STARTED_MS + end_s * 1000, 1000, dtype=np.int64)


def test_the_plant_is_the_one_that_was_promised() -> None:
    profiles = [machine.profile for machine in MACHINES]
    assert {name: profiles.count(name) for name in set(profiles)} == {
        "press": 4, "cnc": 3, "furnace": 1, "compressor": 2,
    }  # fmt: skip
    assert 60 <= len(POINTS) <= 120
    assert any(point.is_simulated for _, point in POINTS)
    assert any(not point.is_simulated for _, point in POINTS)


def test_every_mqtt_point_leaves_by_exactly_one_device() -> None:
    for machine in MACHINES:
        sent = [key for keys in machine.via.values() for key in keys]
        if sent:
            assert sorted(sent) == sorted(point.key for point in machine.points)


@pytest.mark.parametrize(("machine", "point"), POINTS, ids=IDS)
def test_a_point_says_the_same_when_asked_again_and_stays_in_its_range(
    machine: MachineSpec, point: PointSpec
) -> None:
    # A prime step meets every part of day and week.
    moments = np.arange(STARTED_MS - 9 * DAY_MS, STARTED_MS + DAY_MS, 397_000, dtype=np.int64)
    values = point.values(moments, play())
    again = np.concatenate([point.values(part, play()) for part in np.array_split(moments, 7)])
    assert np.array_equal(values, again, equal_nan=True)
    there = values[~np.isnan(values)]
    assert len(there) > len(values) / 2
    if point.valid is not None:
        assert there.min() >= point.valid[0]
        assert there.max() <= point.valid[1]
    if point.kind == STATE:
        assert set(there.astype(int)) <= set(point.labels)
    if point.kind == BOOLEAN:
        assert set(there) <= {0.0, 1.0}


@pytest.mark.parametrize("speed", [1.0, 50.0])
@pytest.mark.parametrize(("machine", "point"), POINTS, ids=IDS)
def test_a_counter_never_falls(machine: MachineSpec, point: PointSpec, speed: float) -> None:
    if point.kind != COUNTER:
        return
    values = point.values(seconds(-40_000, 40_000), play(speed))
    assert np.all(np.diff(values) >= 0)
    assert values[-1] > values[0]


@pytest.mark.parametrize("speed", [1.0, 25.0])
def test_the_furnaces_register_holds_the_energy_of_the_power_shown(speed: float) -> None:
    moments = seconds(0, 7200)
    power = point_of("Furnace1", "power").values(moments, play(speed))
    energy = point_of("Furnace1", "energy").values(moments, play(speed))
    assert energy[-1] - energy[0] == pytest.approx(power[:-1].sum() / 3600, rel=0.02)


def test_scrap_is_a_small_share_of_what_was_made() -> None:
    moments = np.array([STARTED_MS - 7 * DAY_MS, STARTED_MS], dtype=np.int64)
    for number in (1, 2, 3, 4):
        made = np.diff(point_of(f"Press{number}", "parts_total").values(moments, play()))[0]
        scrap = np.diff(point_of(f"Press{number}", "parts_scrap").values(moments, play()))[0]
        assert made > 100_000
        assert 0.002 < scrap / made < 0.04


def test_within_ten_minutes_a_limit_is_passed() -> None:
    heat = point_of("Compressor1", "discharge_temperature")
    assert (heat.values(seconds(0, 600), play()) > 105).any()
    assert (heat.values(seconds(0, 60), play()) < 100).all()
    assert (heat.values(seconds(420, 600), play()) < 100).all(), "it comes back by itself"


def test_within_ten_minutes_a_sensor_falls_silent_and_comes_back() -> None:
    values = point_of("Compressor2", "vibration").values(seconds(0, 600), play())
    assert np.isnan(values).sum() == 300
    assert not np.isnan(values[-1])


def test_within_ten_minutes_a_switch_chatters() -> None:
    values = point_of("Press2", "lubrication_low").values(seconds(0, 600), play())
    assert np.count_nonzero(np.diff(values)) > 30
    assert not point_of("Press1", "lubrication_low").values(seconds(0, 600), play()).any()


def test_two_weeks_of_history_are_at_most_a_million_rows_in_their_time() -> None:
    until = STARTED_MS
    rows = 0
    for number in range(14):
        start, end = day_before(until, number)
        assert end - start == DAY_MS
        for stretch in history_of(MACHINES, play(), start, end):
            rows += len(stretch)
            assert stretch.ts_ms[0] >= start
            assert stretch.ts_ms[-1] < end
            assert np.all(np.diff(stretch.ts_ms) > 0)
            assert not np.isnan(stretch.values).any()
    assert 500_000 < rows <= 1_000_000


def test_history_keeps_the_recorded_resolution() -> None:
    start, end = day_before(STARTED_MS // DAY_MS * DAY_MS, 0)
    lengths = {
        (stretch.machine.key, stretch.point.key): np.diff(stretch.ts_ms)
        for stretch in history_of(MACHINES, play(), start, end)
    }
    assert set(lengths["Furnace1", "energy"]) == {900_000}
    assert set(lengths["Press1", "bearing_temperature"]) == {300_000}


def test_history_carries_each_change_of_a_state() -> None:
    start, end = day_before(STARTED_MS, 0)
    state = next(s for s in history_of(MACHINES, play(), start, end) if s.point.key == "state")
    every = np.arange(start, end, 1000, dtype=np.int64)
    changes = np.count_nonzero(np.diff(state.point.values(every, play())))
    assert np.count_nonzero(np.diff(state.values)) == changes
    assert state.point.expected_s * 3 * 1000 >= np.diff(state.ts_ms).max(), "the value is held all the time"

"""Loops: values between stored ones, seams, gaps, totals."""

import numpy as np
import pytest

from demoplant.loop import Loop, Shape, evenly


def ms(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_a_step_stands_until_the_next_and_over_the_seam() -> None:
    loop = Loop(ms(100, 400), np.array([1.0, 2.0]), 1000, Shape.STEP)
    assert loop.at(ms(0, 99, 100, 399, 400, 999, 1000, 1100)).tolist() == [2, 2, 1, 1, 2, 2, 2, 1]


def test_a_straight_line_has_no_jump_at_the_seam() -> None:
    loop = evenly(np.array([0.0, 10.0]), 100, Shape.LINEAR)
    assert loop.at(ms(0, 50, 100, 150, 200, -50)).tolist() == [0, 5, 10, 5, 0, 5]


def test_a_gap_stays_a_gap_on_both_of_its_lines() -> None:
    loop = evenly(np.array([1.0, np.nan, 3.0]), 100, Shape.LINEAR)
    values = loop.at(ms(0, 1, 100, 150, 200, 250))
    assert np.isnan(values).tolist() == [False, True, True, True, False, False]
    assert values[0] == 1.0
    assert values[4] == 3.0


def test_a_total_never_falls_over_many_turns() -> None:
    loop = Loop(ms(50, 700), np.array([0.0, 3.0]), 1000, Shape.TOTAL, gain=5.0)
    values = loop.at(np.arange(-3000, 9000, 7, dtype=np.int64))
    assert np.all(np.diff(values) >= 0)
    assert loop.at(ms(8050))[0] - loop.at(ms(50))[0] == pytest.approx(40.0)


def test_the_integral_of_a_power_is_its_energy() -> None:
    hour = 3_600_000
    power = Loop(ms(hour, 2 * hour), np.array([10.0, 40.0]), 4 * hour, Shape.STEP)
    energy = power.integral()
    # One hour at 40 (from the turn before), one at 10, two at 40.
    assert energy.gain == pytest.approx(130.0)
    assert energy.at(ms(0, hour, hour + hour // 2, 4 * hour)).tolist() == pytest.approx(
        [0.0, 40.0, 45.0, 130.0]
    )


def test_a_gap_in_a_power_adds_no_energy() -> None:
    power = evenly(np.array([60.0, np.nan]), 3_600_000, Shape.STEP)
    assert power.integral().gain == pytest.approx(60.0)


@pytest.mark.parametrize(
    ("times", "values", "shape"),
    [
        ([0, 0], [1.0, 2.0], Shape.STEP),
        ([0, 1000], [1.0, 2.0], Shape.STEP),
        ([0, 5], [2.0, 1.0], Shape.TOTAL),
    ],
)
def test_a_loop_that_is_none_is_refused(times: list[int], values: list[float], shape: Shape) -> None:
    with pytest.raises(ValueError):
        Loop(ms(*times), np.array(values), 1000, shape, gain=9.0)

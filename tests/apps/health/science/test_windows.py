"""Features of change-driven samples, against cases counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from apps.health.science.evidence import NotEnough, Reason
from apps.health.science.windows import FEATURES, Features, count_cycles, read_window


def told(*args, **kwargs) -> Features:
    found = read_window(*args, **kwargs)
    assert isinstance(found, Features)
    return found


def test_a_value_weighs_as_long_as_it_held() -> None:
    """50 minutes idle in one sample, ten minutes running in 600: the plain mean would be 99.8."""
    stamps = np.concatenate([[0.0], 3000 + np.arange(600)])
    values = np.concatenate([[0.0], np.full(600, 100.0)])
    found = told(stamps, values, 0, 3600, hold_s=3600)
    assert found.level == pytest.approx(100 * 600 / 3600)
    assert found.duty == pytest.approx(600 / 3600)
    assert found.spread == pytest.approx(100 * np.sqrt(1 / 6 * 5 / 6))
    assert found.cycles == 1
    assert found.ramp_up_per_h == pytest.approx(100)
    assert found.ramp_down_per_h == 0
    assert found.coverage == 1


def test_the_sample_before_reaches_in_and_holds_no_longer_than_it_may() -> None:
    found = told(np.array([-50.0, 500.0]), np.array([4.0, 8.0]), 0, 1000, hold_s=400)
    assert found.coverage == pytest.approx((350 + 400) / 1000)
    assert found.level == pytest.approx((4 * 350 + 8 * 400) / 750)


def test_a_straight_line_has_its_slope_however_it_is_sampled() -> None:
    stamps = np.sort(np.random.default_rng(1).uniform(0, 3600, 4000))
    found = told(stamps, 5 + 2 * stamps / 3600, 0, 3600, hold_s=600)
    assert found.trend_per_h == pytest.approx(2, rel=0.01)


def test_holes_and_clocks_are_told() -> None:
    hole = read_window(np.array([0.0, 10.0, 990.0]), np.array([1.0, np.nan, 1.0]), 0, 1000, hold_s=100)
    assert isinstance(hole, NotEnough)
    assert hole.reason is Reason.TOO_MANY_GAPS
    back = read_window(np.array([0.0, 100.0, 50.0]), np.ones(3), 0, 1000, hold_s=1000)
    assert isinstance(back, NotEnough)
    assert back.reason is Reason.CLOCK_JUMPS


def test_cycles_have_hysteresis() -> None:
    assert count_cycles(np.array([0.0, 10, 4, 10, 0, 10]), 3, 7) == 2
    assert count_cycles(np.array([5.0, 5, 5]), 5, 5) == 0


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50))
def test_a_mean_lies_among_its_values_and_nothing_is_nan(values) -> None:
    found = told(np.arange(len(values)) * 10.0, np.array(values), 0, len(values) * 10.0, hold_s=10)
    assert min(values) - 1e-6 <= found.level <= max(values) + 1e-6
    assert np.isfinite(found.as_array()).all()
    assert len(found.as_array()) == len(FEATURES)

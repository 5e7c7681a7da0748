"""Before and after: known cases and honest intervals."""

from __future__ import annotations

import numpy as np
import pytest

from apps.health.science.effects import (
    MeanChange,
    RateRatio,
    compare_amounts,
    compare_failures,
    compare_fleet_failures,
)
from apps.health.science.evidence import NotEnough, Reason


def test_the_exact_interval_of_a_rate_ratio() -> None:
    """10 failures in 1,000 h, then 5 in 1,000 h: Clopper–Pearson of 5 in 15 is 0.118 to 0.616."""
    found = compare_failures(10, 1000, 5, 1000)
    assert isinstance(found, RateRatio)
    assert found.ratio == pytest.approx(0.5)
    assert found.low == pytest.approx(0.1182 / (1 - 0.1182), rel=0.01)
    assert found.high == pytest.approx(0.6162 / (1 - 0.6162), rel=0.01)
    assert found.p_value == pytest.approx(0.3018, abs=0.001)


def test_hours_count() -> None:
    found = compare_failures(10, 1000, 10, 2000)
    assert isinstance(found, RateRatio)
    assert found.ratio == pytest.approx(0.5)


def test_none_before_has_no_upper_end_and_none_at_all_says_nothing() -> None:
    found = compare_failures(0, 1000, 3, 1000)
    assert isinstance(found, RateRatio)
    assert found.high == float("inf")
    nothing = compare_failures(0, 1000, 0, 1000)
    assert isinstance(nothing, NotEnough)
    assert nothing.reason is Reason.TOO_FEW_FAILURES


def test_a_fleet_is_not_surer_than_its_machines_allow() -> None:
    before, after = np.array([4.0, 6, 5, 3, 40]), np.array([2.0, 3, 2, 2, 5])
    hours = np.full(5, 1000.0)
    found = compare_fleet_failures(before, hours, after, hours, seed=1)
    exact = compare_failures(58, 5000, 14, 5000)
    assert isinstance(found, RateRatio)
    assert isinstance(exact, RateRatio)
    assert found.ratio == pytest.approx(14 / 58)
    assert found.low <= exact.low
    assert found.high >= exact.high
    assert isinstance(compare_fleet_failures(before[:3], hours[:3], after[:3], hours[:3], seed=1), NotEnough)


def test_the_bootstrap_holds_the_truth_about_as_often_as_it_says() -> None:
    held = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        found = compare_amounts(rng.exponential(4, 26), rng.exponential(2, 26), seed=seed)
        assert isinstance(found, MeanChange)
        held.append(found.low <= -2 <= found.high)
    assert np.mean(held) >= 0.85


def test_few_weeks_and_equal_weeks_say_nothing() -> None:
    assert isinstance(compare_amounts(np.ones(4), np.ones(20), seed=1), NotEnough)
    flat = compare_amounts(np.ones(10), np.ones(10), seed=1)
    assert isinstance(flat, NotEnough)
    assert flat.reason is Reason.NO_VARIATION

"""Before and after: known cases and honest intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from apps.health.science.effects import (
    MeanChange,
    Rate,
    RateRatio,
    compare_amounts,
    compare_failures,
    compare_fleet_amounts,
    compare_fleet_failures,
    foretell_weeks,
    read_rate,
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
    found = compare_fleet_failures(before, hours, after, hours)
    exact = compare_failures(58, 5000, 14, 5000)
    assert isinstance(found, RateRatio)
    assert isinstance(exact, RateRatio)
    assert found.ratio == pytest.approx(14 / 58)
    assert found.low <= exact.low
    assert found.high >= exact.high
    assert isinstance(compare_fleet_failures(before[:3], hours[:3], after[:3], hours[:3]), NotEnough)


def _weeks(rng: np.random.Generator, count: int, share: float) -> np.ndarray:
    """Hours a week as maintenance has them: mostly none, then skewed."""
    return np.where(rng.random(count) < share, rng.lognormal(1.0, 0.8, count), 0.0)


@pytest.mark.parametrize(("weeks", "share"), [(8, 0.4), (12, 0.15), (26, 0.4), (52, 0.9)])
def test_intervals_of_amounts_hold_the_truth_as_often_as_they_say(weeks: int, share: float) -> None:
    mean = float(np.exp(1.0 + 0.8**2 / 2))
    held = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        found = compare_amounts(_weeks(rng, weeks, share), _weeks(rng, weeks, share * 0.6))
        if isinstance(found, MeanChange):
            held.append(found.low <= -0.4 * share * mean <= found.high)
    assert np.mean(held) >= 0.92


@pytest.mark.parametrize("machines", [5, 15])
def test_the_interval_of_a_fleet_holds_the_truth_though_machines_fail_in_runs(machines: int) -> None:
    hours = np.full(machines, 1000.0)
    held = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        rates = rng.gamma(2, 3, machines)
        effect = np.exp(rng.normal(np.log(0.6) - 0.125, 0.5, machines))
        # Three times as scattered as a Poisson count of the same mean.
        before, after = (
            rng.negative_binomial(rate / 2, 1 / 3).astype(float) for rate in (rates, rates * effect)
        )
        found = compare_fleet_failures(before, hours, after, hours)
        if isinstance(found, RateRatio):
            held.append(found.low <= 0.6 <= found.high)
    assert np.mean(held) >= 0.92


def test_a_fleet_changes_by_its_machines() -> None:
    found = compare_fleet_amounts(np.array([2.0, 3, 4, 5, 6]), np.array([1.0, 2, 2, 4, 5]))
    assert isinstance(found, MeanChange)
    assert (found.before, found.after, found.change) == (20, 14, -6)
    # t(0.975, 4) = 2.776 and s = sqrt(0.2): 5 · 2.776 · sqrt(0.2 / 5) = 2.776.
    assert (found.low, found.high) == (pytest.approx(-8.776, abs=0.01), pytest.approx(-3.224, abs=0.01))
    assert isinstance(compare_fleet_amounts(np.ones(4), np.zeros(4)), NotEnough)


def test_a_rate_has_its_exact_interval() -> None:
    """Garwood: 10 counts are 4.795 to 18.39; none seen may still be 3.689."""
    ten, none = read_rate(10, 100.0), read_rate(0, 1.0)
    assert isinstance(ten, Rate)
    assert (ten.per_h, ten.low, ten.high) == (
        pytest.approx(0.1), pytest.approx(0.04795, rel=1e-3), pytest.approx(0.1839, rel=1e-3),
    )  # fmt: skip
    assert isinstance(none, Rate)
    assert (none.low, none.high) == (0.0, pytest.approx(3.689, rel=1e-3))
    assert isinstance(read_rate(3, 0.0), NotEnough)


def test_how_long_until_it_could_be_told() -> None:
    """20 failures in 1,000 h before, half as many since: an interval that leaves 1 out takes some weeks more."""
    weeks = foretell_weeks(20, 1000, 5, 500, 10)
    assert weeks is not None
    later = compare_failures(20, 1000, round(5 * (10 + weeks) / 10), 500 * (10 + weeks) / 10)
    sooner = compare_failures(20, 1000, round(5 * (9 + weeks) / 10), 500 * (9 + weeks) / 10)
    assert isinstance(later, RateRatio)
    assert isinstance(sooner, RateRatio)
    assert later.high < 1 <= sooner.high
    assert foretell_weeks(10, 1000, 10, 1000, 20) is None, "no difference is never told"
    assert foretell_weeks(0, 1000, 0, 1000, 20) is None


def test_few_weeks_and_equal_weeks_say_nothing() -> None:
    assert isinstance(compare_amounts(np.ones(4), np.ones(20)), NotEnough)
    flat = compare_amounts(np.ones(10), np.ones(10))
    assert isinstance(flat, NotEnough)
    assert flat.reason is Reason.NO_VARIATION


def test_intervals_are_those_of_the_library() -> None:
    """By scipy.stats, which is too heavy to be loaded by every web process."""
    rng = np.random.default_rng(5)
    for _each in range(20):
        after, before = int(rng.integers(0, 30)), int(rng.integers(1, 30))
        found = compare_failures(before, 1000, after, 1000)
        assert isinstance(found, RateRatio)
        ends = stats.binomtest(after, before + after, 0.5).proportion_ci(0.95, method="exact")
        assert found.low / (1 + found.low) == pytest.approx(ends.low, abs=1e-9)
        assert found.high / (1 + found.high) == pytest.approx(ends.high, abs=1e-9)
        old, new = rng.exponential(3, 12), rng.exponential(2, 9)
        amounts = compare_amounts(old, new)
        assert isinstance(amounts, MeanChange)
        welch = stats.ttest_ind(new, old, equal_var=False).confidence_interval(0.95)
        assert (amounts.low, amounts.high) == (pytest.approx(welch.low), pytest.approx(welch.high))

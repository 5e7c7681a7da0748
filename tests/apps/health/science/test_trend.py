"""A wearing quantity and its limit: made trends whose crossing is known."""

from __future__ import annotations

import numpy as np
import pytest

from apps.health.science.evidence import NotEnough, Reason
from apps.health.science.trend import TimeToLimit, estimate_time_to_limit

DAY_S = 86_400.0
HOURS = np.arange(24 * 30) * 3600.0


def estimate(values, limit, rising=True, seed=1):
    return estimate_time_to_limit(HOURS, values, limit, rising=rising, hold_s=7200, seed=seed)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_line_meets_its_limit_where_it_will(sign) -> None:
    rng = np.random.default_rng(1)
    values = sign * (10 + 2 * HOURS / (30 * DAY_S) + rng.normal(0, 0.2, len(HOURS)))
    found = estimate(values, sign * 13.0, rising=sign > 0)
    assert isinstance(found, TimeToLimit)
    assert found.expected_s / DAY_S == pytest.approx(15, abs=1.5)
    assert found.low_s < found.expected_s < found.high_s
    assert found.slope_per_s * 30 * DAY_S == pytest.approx(2 * sign, rel=0.1)
    assert found.slope_low_per_s <= found.slope_per_s <= found.slope_high_per_s


def test_wild_values_move_nothing() -> None:
    rng = np.random.default_rng(1)
    values = 10 + 2 * HOURS / (30 * DAY_S) + rng.normal(0, 0.2, len(HOURS))
    values[rng.integers(0, len(values), 70)] = 500
    found = estimate(values, 13.0)
    assert isinstance(found, TimeToLimit)
    assert found.expected_s / DAY_S == pytest.approx(15, abs=2)


@pytest.mark.parametrize(
    ("slope", "limit", "reason"),
    [(0.0, 13, Reason.NO_TREND), (-2.0, 13, Reason.TREND_AWAY), (2.0, 100, Reason.BEYOND_HORIZON)],
)
def test_where_nobody_can_say_the_reason_is_given(slope, limit, reason) -> None:
    rng = np.random.default_rng(3)
    found = estimate(10 + slope * HOURS / (30 * DAY_S) + rng.normal(0, 0.2, len(HOURS)), limit)
    assert isinstance(found, NotEnough)
    assert found.reason is reason


def test_beyond_the_limit_there_is_no_time_left() -> None:
    found = estimate(20 + 2 * HOURS / (30 * DAY_S), 13.0)
    assert isinstance(found, TimeToLimit)
    assert (found.expected_s, found.high_s) == (0.0, 0.0)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Noise that hangs together over hours, as a machine's does."""
    held = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        shocks = rng.normal(0, 0.1, len(HOURS))
        noise = np.zeros(len(HOURS))
        for i in range(1, len(HOURS)):
            noise[i] = 0.9 * noise[i - 1] + shocks[i]
        found = estimate(10 + 2 * HOURS / (30 * DAY_S) + noise, 13.0, seed=seed)
        held.append(isinstance(found, TimeToLimit) and found.low_s <= 15 * DAY_S <= found.high_s)
    assert 0.78 <= np.mean(held) <= 1.0

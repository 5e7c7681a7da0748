"""The way to a limit: which limit, how near, by which line, and when nobody can say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.utils import translation

from apps.health.outlook import Bound, Limit, gather_bounds, lay_trend, severity_of
from apps.health.pages.plots import trend_plot
from apps.health.wording import when

HOURS = np.arange(480) * 3600.0
DAY = 86_400


def _rise(slope_a_day: float, seed: int = 1) -> Any:
    return 70 + slope_a_day * HOURS / DAY + np.random.default_rng(seed).normal(0, 0.3, len(HOURS))


def test_limits_of_a_point_are_gathered_the_nearest_first() -> None:
    upper = [(1, True, Limit(95, "HH")), (1, True, Limit(85, "H")), (1, True, Limit(95, "profile"))]
    bounds = gather_bounds([*upper, (1, False, Limit(5, "L"))])
    assert bounds == [Bound(1, False, (Limit(5, "L"),)), Bound(1, True, (Limit(85, "H"), Limit(95, "HH")))]


@pytest.mark.parametrize(
    ("bound", "level", "severity"),
    [
        (Bound(1, True, (Limit(4.5, "H"), Limit(7.1, "profile"))), 4.5, 0.0),
        (Bound(1, True, (Limit(4.5, "H"), Limit(7.1, "profile"))), 5.8, 0.5),
        (Bound(1, True, (Limit(4.5, "H"), Limit(7.1, "profile"))), 9.0, 1.0),
        (Bound(1, True, (Limit(100, "H"),)), 85.0, 0.0),
        (Bound(1, True, (Limit(100, "H"),)), 100.0, 1.0),
        (Bound(1, False, (Limit(100, "LL"),)), 107.5, 0.5),
        (Bound(1, False, (Limit(2.0, "L"), Limit(1.0, "LL"))), 0.5, 1.0),
        (Bound(1, True, (Limit(0, "H"),)), -1.0, 0.0),
    ],
)
def test_how_near_a_level_stands(bound: Bound, level: float, severity: float) -> None:
    assert bound.severity(level) == pytest.approx(severity)


def test_a_wear_meets_its_limit_and_the_truth_lies_in_the_interval() -> None:
    told = lay_trend(HOURS, _rise(0.5), Bound(1, True, (Limit(85, "H"),)))
    assert told["low_s"] <= 10 * DAY <= told["high_s"]
    assert told["error"] < told["still"]
    assert 0 < severity_of(told) < 1


def test_a_limit_that_is_passed_makes_place_for_the_next() -> None:
    told = lay_trend(HOURS, _rise(0.5), Bound(1, True, (Limit(78, "H"), Limit(85, "HH"))))
    assert (told["level"], told["expected_s"] > 0) == ("HH", True)
    told = lay_trend(HOURS, _rise(0.5), Bound(1, True, (Limit(78, "H"),)))
    assert told["expected_s"] == 0


@pytest.mark.parametrize(
    ("levels", "reason"),
    [
        (np.full(480, np.nan), "too_few_samples"),
        (np.where(np.arange(480) % 6 == 0, 70.0, np.nan), "too_many_gaps"),
        (_rise(0.0), "no_trend"),
        (_rise(-0.5), "trend_away"),
        # It rose and then stood still: no line through the whole of it tells what comes.
        (np.where(HOURS < 12 * DAY, _rise(0.9), 70 + 0.9 * 12), "not_predictable"),
    ],
)
def test_what_carries_no_line_says_why(levels: Any, reason: str) -> None:
    assert lay_trend(HOURS, levels, Bound(1, True, (Limit(95, "H"),)))["reason"] == reason


def test_a_clock_that_ran_backwards_is_not_believed() -> None:
    hours = HOURS.copy()
    hours[200:] -= 50 * 3600
    assert lay_trend(hours, _rise(0.5), Bound(1, True, (Limit(85, "H"),)))["reason"] == "clock_jumps"


def test_the_interval_is_said_as_people_do() -> None:
    told = {"low_s": 12 * DAY, "expected_s": 18 * DAY, "high_s": 30 * DAY}
    assert when(told) == "in 12–30 days, most likely in 18"
    assert when({**told, "high_s": None}) == "in 12 days or later, most likely in 18"
    assert when({"low_s": 3600, "expected_s": 7200, "high_s": 10_800}) == "in 1–3 hours, most likely in 2"
    narrow = {"low_s": 10.9 * DAY, "expected_s": 11.1 * DAY, "high_s": 11.3 * DAY}
    assert when(narrow) == "in 10.9–11.3 days, most likely in 11.1"
    with translation.override("zh-hans"):
        assert "12–30 天" in when(told)


class _Site:
    zone = "Asia/Shanghai"


class _Point:
    unit, decimals, title = "Cel", 1, "Heat"


@pytest.mark.parametrize("end", [12 * DAY, None])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_fan_opens_from_the_last_hour_to_the_limit(end: float | None, sign: int) -> None:
    told = {
        "point": 1, "limit": sign * 85.0, "level": "H", "expected_s": 10.0 * DAY, "low_s": 9.0 * DAY, "high_s": end,
        "at_s": HOURS[-1], "from_s": HOURS[0], "stands": sign * 80.0, "slope_per_s": sign * 0.5 / DAY,
        "slope_low_per_s": sign * 0.3 / DAY, "slope_high_per_s": sign * 0.6 / DAY,
    }  # fmt: skip
    levels = sign * _rise(0.5)
    levels[5] = np.nan
    plot = trend_plot(_Site(), _Point(), told, HOURS, levels)  # type: ignore[arg-type]  # what it reads of them
    fan = plot["fan"]["rows"]
    assert fan[0] == [int(HOURS[-1] * 1000), sign * 80.0, sign * 80.0]
    assert all(low <= high for _at, low, high in fan)
    assert plot["line"]["rows"][-1] == [int((HOURS[-1] + 10 * DAY) * 1000), sign * 85.0]
    assert plot["rows"][5][1] is None
    assert (fan[-1][1] == fan[-1][2]) is (end is not None)

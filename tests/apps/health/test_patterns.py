"""All points together: trained on healthy rows, tried on later ones, kept as arrays; too little says why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from apps.health import patterns
from apps.health.judging import pack_levels, unpack_levels
from apps.health.science.evidence import NotEnough


def _well(rows: int, seed: int = 1) -> Any:
    """Three points that follow a load, and one that does not."""
    rng = np.random.default_rng(seed)
    load = np.sin(np.arange(rows) / 288 * 2 * np.pi)
    rest = rng.normal(0, 0.1, (rows, 4))
    return np.column_stack([60 + 5 * load, 3 + load, 10 - 2 * load, np.full(rows, 7.0)]) + rest


def _train(rows: int = 1500) -> tuple[patterns.Pattern, patterns.Trial]:
    told = patterns.train_pattern([1, 2, 3, 4], None, _well(rows), np.zeros(rows), seed=1)
    assert not isinstance(told, NotEnough)
    return told


def test_a_broken_bond_is_found_though_each_value_is_usual() -> None:
    pattern, trial = _train()
    assert trial.false_alarms <= patterns.MOST_FALSE
    assert trial.found > 0.5
    before, hour = _well(60, 2)[24:48], _well(60, 2)[48:60]
    well = patterns.say_pattern(pattern, before, hour, np.zeros(36))
    assert well.score is not None
    assert well.score < 1
    hour[:, 1] = 3 + (3 - hour[:, 1])
    sick = patterns.say_pattern(pattern, before, hour, np.zeros(36))
    assert sick.score is not None
    assert sick.shares is not None
    assert sick.score > 1
    assert max(sick.shares, key=sick.shares.__getitem__) == 2
    assert sum(sick.shares.values()) == pytest.approx(1)


def test_a_pattern_comes_back_from_its_bytes() -> None:
    pattern, _trial = _train()
    reference = np.full((3, 4), np.nan)
    again, kept = patterns.unpack_pattern(patterns.pack_pattern(pattern, reference))
    assert np.isnan(kept).all()
    rows = _well(60, 3)
    one, two = (patterns.say_pattern(each, rows[:24], rows[24:36], np.zeros(36)) for each in (pattern, again))
    assert one == two


def test_each_way_of_working_is_judged_by_itself_and_an_unseen_one_not_at_all() -> None:
    rows = 2400
    speed = np.where(np.arange(rows) // 48 % 2, 1000.0, 3000.0) + np.random.default_rng(1).normal(0, 5, rows)
    values = np.column_stack([speed / 100, 80 - speed / 100]) + np.random.default_rng(2).normal(
        0, 0.1, (rows, 2)
    )
    told = patterns.train_pattern([1, 2], 9, values, speed, seed=1)
    assert not isinstance(told, NotEnough)
    assert len(told[0].planes) == 2
    hour = np.column_stack([np.full(36, 20.0), np.full(36, 60.0)])
    said = patterns.say_pattern(told[0], hour[:24], hour[24:], np.full(36, 2000.0))
    assert (said.score, said.reason) == (None, "unknown_regime")


@pytest.mark.parametrize(
    ("rows", "points", "reason"),
    [(1500, 1, "too_few_points"), (100, 4, "too_few_samples"), (0, 4, "too_few_samples")],
)
def test_too_little_trains_nothing(rows: int, points: int, reason: str) -> None:
    told = patterns.train_pattern(list(range(points)), None, _well(rows)[:, :points], np.zeros(rows), seed=1)
    assert isinstance(told, NotEnough)
    assert told.reason == reason


def test_a_model_that_calls_healthy_hours_is_refused() -> None:
    rows = _well(1500)
    rows[1200:] += 3
    told = patterns.train_pattern([1, 2, 3, 4], None, rows, np.zeros(1500), seed=1)
    assert isinstance(told, NotEnough)
    assert told.reason == "not_predictable"
    assert told.data["false_alarms"] > patterns.MOST_FALSE


def test_gaps_are_no_judgement() -> None:
    pattern, _trial = _train()
    hour = np.full((12, 4), np.nan)
    assert patterns.say_pattern(pattern, hour[:0], hour, np.zeros(12)).reason == "too_many_gaps"


def test_levels_come_back_by_their_points() -> None:
    levels = np.arange(24.0).reshape(12, 2)
    levels[3, 1] = np.nan
    again = unpack_levels(pack_levels([7, 8], levels), [8, 9, 7])
    assert np.array_equal(again[:, [2, 0]], levels, equal_nan=True)
    assert np.isnan(again[:, 1]).all()
    assert np.isnan(unpack_levels(b"", [7])).all()

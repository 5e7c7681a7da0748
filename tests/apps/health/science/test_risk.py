"""Labelled risk: physics, groups, thresholds, and modes that stay off."""

from __future__ import annotations

import numpy as np
import pytest

from apps.health.science.evidence import NotEnough, Reason
from apps.health.science.risk import (
    ModeModel,
    best_threshold,
    lives,
    machining_features,
    train_modes,
    warn_by_mode,
)


def test_power_heat_and_strain() -> None:
    one = np.ones(1)
    row = machining_features(
        torque_nm=40 * one,
        speed_rpm=1500 * one,
        wear_min=100 * one,
        air_k=298 * one,
        process_k=308 * one,
        grade=one,
    )[0]
    assert row[6] == pytest.approx(40 * 1500 * 2 * np.pi / 60)
    assert row[7:].tolist() == [10, 4000, 3000]


def test_a_tool_life_ends_where_wear_falls() -> None:
    assert lives(np.array([0.0, 3, 7, 0, 2, 2, 0])).tolist() == [0, 0, 0, 1, 1, 1, 2]


def test_the_best_threshold_by_hand() -> None:
    """Calling the first three: two of two failures, one false: F1 = 4/5."""
    threshold, f1 = best_threshold(np.array([0.9, 0.7, 0.6, 0.2]), np.array([True, False, True, False]))
    assert f1 == pytest.approx(0.8)
    assert threshold == pytest.approx(0.4)


def test_ties_are_called_together() -> None:
    threshold, f1 = best_threshold(np.full(4, 0.5), np.array([True, False, False, False]))
    assert f1 == pytest.approx(0.4)
    assert threshold < 0.5


def test_a_mode_that_can_be_told_warns_and_chance_stays_off() -> None:
    rng = np.random.default_rng(1)
    features = rng.uniform(size=(3000, 3))
    groups = np.repeat(np.arange(30), 100)
    heat = features[:, 0] > 0.95
    trained = train_modes(
        features,
        {"heat": heat, "chance": rng.random(3000) < 0.03, "rare": np.arange(3000) < 5},
        groups,
        seed=1,
    )
    model = trained["heat"]
    assert isinstance(model, ModeModel)
    assert model.unseen_f1 > 0.9
    for mode, reason in (("chance", Reason.NOT_PREDICTABLE), ("rare", Reason.TOO_FEW_FAILURES)):
        off = trained[mode]
        assert isinstance(off, NotEnough)
        assert off.reason is reason
    warned = warn_by_mode(trained, np.array([[0.99, 0.5, 0.5], [0.5, 0.5, 0.5]]))
    assert {mode: flags.tolist() for mode, flags in warned.items()} == {"heat": [True, False]}


def test_few_groups_train_nothing() -> None:
    trained = train_modes(np.zeros((50, 1)), {"heat": np.ones(50, bool)}, np.zeros(50, np.int64), seed=1)
    told = trained["heat"]
    assert isinstance(told, NotEnough)
    assert told.reason is Reason.TOO_FEW_GROUPS

"""Remaining life: made machines whose wear is known."""

from __future__ import annotations

import numpy as np
import pytest

from apps.health.science.evidence import NotEnough, Reason
from apps.health.science.remaining import (
    LifeModel,
    LifeSettings,
    predict_life,
    train_life,
    trajectory_features,
)


def machine(life: int, rng: np.random.Generator) -> np.ndarray:
    """One sensor wears over the last 100 rows, one is noise, one stands still."""
    left = np.arange(life - 1, -1, -1)
    wear = np.maximum(100 - left, 0) ** 2 / 1000
    return np.column_stack([wear + rng.normal(0, 0.3, life), rng.normal(size=life), np.ones(life)])


@pytest.fixture(scope="module")
def model() -> LifeModel:
    rng = np.random.default_rng(1)
    trained = train_life([machine(int(n), rng) for n in rng.integers(120, 250, 20)], seed=1)
    assert isinstance(trained, LifeModel)
    return trained


def test_a_worn_machine_is_told_from_a_new_one(model: LifeModel) -> None:
    rng = np.random.default_rng(2)
    whole = machine(200, rng)
    life = predict_life(model, [whole[:60], whole[:160], whole[:190]])
    assert life.expected[0] > 90
    assert life.expected[1] == pytest.approx(40, abs=12)
    assert life.expected[2] == pytest.approx(10, abs=8)
    assert (life.low <= life.expected).all()
    assert (life.expected <= life.high).all()
    assert life.high.max() <= 125


def test_the_interval_holds_what_it_promises_on_machines_not_seen(model: LifeModel) -> None:
    rng = np.random.default_rng(3)
    held = []
    for _ in range(100):
        whole, left = machine(180, rng), int(rng.integers(5, 130))
        life = predict_life(model, [whole[: 180 - left]])
        held.append(life.low[0] <= min(left, 125) <= life.high[0])
    assert 0.8 <= np.mean(held) <= 1.0


def test_sensors_that_stand_still_are_left_out(model: LifeModel) -> None:
    assert model.sensors.tolist() == [0, 1]


def test_features_look_back_only() -> None:
    rng = np.random.default_rng(4)
    history = rng.normal(size=(120, 3))
    settings = LifeSettings()
    np.testing.assert_allclose(
        trajectory_features(history, settings)[:70], trajectory_features(history[:70], settings)
    )


def test_the_slope_of_a_line_is_its_slope() -> None:
    features = trajectory_features(0.5 * np.arange(100.0)[:, None], LifeSettings(windows=(20,)))
    assert features[-1, 0] == 100
    assert features[-1, 1] == pytest.approx(0.5 * 89.5)
    assert features[-1, 2] == pytest.approx(0.5)


def test_few_failures_train_nothing() -> None:
    told = train_life([np.zeros((50, 2))] * 3, seed=1)
    assert isinstance(told, NotEnough)
    assert told.reason is Reason.TOO_FEW_FAILURES

"""A machine against its healthy self, regime by regime."""

from __future__ import annotations

import numpy as np
import pytest

from apps.health.science.evidence import NotEnough, Reason
from apps.health.science.multivariate import (
    UNKNOWN,
    Plane,
    find_regimes,
    fit_plane,
    judge_rows,
    look_back_mean,
)


def rows(count: int, seed: int) -> np.ndarray:
    """Four sensors that follow two causes."""
    rng = np.random.default_rng(seed)
    causes = rng.normal(size=(count, 2))
    mixed = causes @ np.array([[1.0, 1.0, 0.0, 0.5], [0.0, 1.0, 1.0, -0.5]])
    return mixed + rng.normal(0, 0.05, (count, 4))


def plane_of(healthy: np.ndarray) -> Plane:
    plane = fit_plane(healthy)
    assert isinstance(plane, Plane)
    return plane


def test_a_sensor_that_leaves_the_others_is_called_and_named() -> None:
    odd = rows(300, 2)
    odd[150:, 3] += 1.0
    judged = judge_rows({0: plane_of(rows(600, 1))}, odd, np.zeros(300, np.int64))
    assert not judged.anomalous[:150].any()
    assert judged.anomalous[190:].all()
    assert judged.share[200:].mean(axis=0).argmax() == 3
    np.testing.assert_allclose(judged.share.sum(axis=1), 1)


def test_nothing_is_said_in_a_regime_that_was_never_healthy_or_without_values() -> None:
    values = rows(30, 2)
    values[10, 1] = np.nan
    regime = np.zeros(30, np.int64)
    regime[20:] = UNKNOWN
    judged = judge_rows({0: plane_of(rows(600, 1))}, values, regime)
    assert np.isfinite(judged.score[:10]).all()
    assert np.isnan(judged.score[[10, *range(20, 30)]]).all()
    assert not judged.anomalous[20:].any()


def test_the_same_values_are_healthy_in_one_regime_and_not_in_the_other() -> None:
    slow, fast = rows(600, 1), rows(600, 2) + 20
    planes = {0: plane_of(slow), 1: plane_of(fast)}
    assert not judge_rows(planes, slow, np.zeros(600, np.int64)).anomalous.any()
    assert judge_rows(planes, slow, np.ones(600, np.int64)).anomalous.all()


def test_regimes_are_found_where_they_part_and_one_where_they_do_not() -> None:
    rng = np.random.default_rng(5)
    speeds = np.concatenate([rng.normal(500, 5, 200), rng.normal(1500, 5, 200), rng.normal(3000, 5, 200)])
    regimes = find_regimes(speeds[:, None], seed=1)
    found = regimes.assign(np.array([[500.0], [1500.0], [3000.0], [2200.0], [np.nan]]))
    assert len(set(found[:3].tolist())) == 3
    assert found[3:].tolist() == [UNKNOWN, UNKNOWN]
    assert len(find_regimes(rng.normal(size=(300, 2)), seed=1).centres) == 1


def test_too_few_rows_or_no_variation_make_no_model() -> None:
    few = fit_plane(rows(50, 1))
    assert isinstance(few, NotEnough)
    assert few.reason is Reason.TOO_FEW_SAMPLES
    flat = fit_plane(np.ones((500, 4)))
    assert isinstance(flat, NotEnough)
    assert flat.reason is Reason.NO_VARIATION


def test_the_mean_looks_back_only_and_starts_with_the_first_row() -> None:
    mean = look_back_mean(np.array([[1.0], [4.0]]), 3)
    assert mean[:, 0] == pytest.approx([1, (0.5 * 1 + 4) / 1.5])

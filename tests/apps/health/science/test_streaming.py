"""Anomalies of single points: what stands out, what does not, and that a worker resumes where it stopped."""

from __future__ import annotations

import io

import numpy as np

from apps.health.science.streaming import StreamState, new_state, score_series, score_step

HALF_HOURS = np.arange(48 * 12) * 1800


def days(points: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    season = 10 * np.sin(2 * np.pi * HALF_HOURS / 86_400)
    return season[:, None] + rng.normal(0, 0.3, (len(HALF_HOURS), points))


def at(points: int, rows: int = len(HALF_HOURS)) -> np.ndarray:
    return np.repeat(HALF_HOURS[:rows, None], points, axis=1)


def test_a_value_never_seen_stands_out_of_its_level() -> None:
    values = days(2)
    values[500, 0] = 30.0
    scores = score_series(new_state(2, seed=1), at(2), values)
    assert scores.onset[500, 0] > 6
    assert np.argmax(scores.onset[100:, 0]) == 400
    assert scores.onset[200:, 1].max() < 6


def test_a_night_value_at_noon_stands_out_of_its_season_alone() -> None:
    values = days(1)
    noon = 48 * 10 + 12
    assert values[noon, 0] > 9
    values[noon, 0] = 0.0
    scores = score_series(new_state(1, seed=1), at(1), values)
    assert scores.season[noon, 0] > 4
    assert scores.level[noon, 0] < 2


def test_an_episode_is_told_once() -> None:
    values = days(1)
    values[400:420, 0] = 30.0
    scores = score_series(new_state(1, seed=1), at(1), values)
    assert scores.onset[400, 0] > 4
    assert (scores.onset[401:420, 0] > 4).sum() == 0


def test_a_resumed_worker_says_the_same() -> None:
    values = days(3)
    whole = score_series(new_state(3, seed=7), at(3), values)
    state = new_state(3, seed=7)
    score_series(state, at(3)[:300], values[:300])
    stored = io.BytesIO()
    np.savez(stored, **state.as_arrays())
    stored.seek(0)
    with np.load(stored) as arrays:
        resumed = StreamState.from_arrays(dict(arrays))
    rest = score_series(resumed, at(3)[300:], values[300:])
    np.testing.assert_array_equal(rest.onset, whole.onset[300:])
    np.testing.assert_array_equal(rest.level, whole.level[300:])


def test_the_future_changes_no_score() -> None:
    values = days(1)
    before = score_series(new_state(1, seed=7), at(1, 300), values[:300]).total
    values[300:] += 1000
    after = score_series(new_state(1, seed=7), at(1), values).total
    np.testing.assert_array_equal(before, after[:300])


def test_no_value_and_a_clock_set_back_are_no_score_and_teach_nothing() -> None:
    state = new_state(2, seed=1)
    score_step(state, np.array([1000, 1000]), np.array([1.0, 1.0]))
    scores = score_step(state, np.array([500, 2000]), np.array([1.0, np.nan]))
    assert np.isnan(scores.total).all()
    assert state.seen.tolist() == [1, 1]


def test_the_first_values_score_nothing() -> None:
    scores = score_series(new_state(1, seed=1), at(1, 15), days(1)[:15])
    assert (scores.total == 0).all()

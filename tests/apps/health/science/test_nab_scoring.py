"""The benchmark's scoring against cases computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.nab_scoring import (
    NONE,
    best_threshold,
    normalise,
    probation_rows,
    raw_score,
    sigmoid,
    weigh_rows,
)

LARGEST = 2 / (1 + np.exp(-5)) - 1
"""The sigmoid at a window's left end: 0.98661."""


def test_the_sigmoid() -> None:
    assert sigmoid(np.array([-1.0, 0.0, 3.0, 3.1])) == pytest.approx(
        [0.986614, 0.0, -0.9999994, -1.0], abs=1e-6
    )


@pytest.mark.parametrize(("rows", "expected"), [(100, 15), (4032, 604), (5000, 750), (22_695, 750)])
def test_the_probation(rows, expected) -> None:
    assert probation_rows(rows) == expected


def test_the_weights_of_a_window() -> None:
    """Window 50 to 59, ten rows wide: first row 1, last row the sigmoid at −0.1; behind it by (width − 1)."""
    weighed = weigh_rows(100, [(50, 59)])
    weight = np.concatenate([np.zeros(15), weighed.weight])
    assert weight[20] == pytest.approx(-0.11)
    assert weight[50] == pytest.approx(1.0)
    assert weight[59] == pytest.approx((2 / (1 + np.exp(-0.5)) - 1) / LARGEST)
    assert weight[60] == pytest.approx(0.11 * (2 / (1 + np.exp(5 / 9)) - 1))
    assert weight[99] == pytest.approx(-0.11)
    assert weighed.window[50 - 15] == 0
    assert weighed.window[60 - 15] == NONE


def test_a_window_counts_once_by_its_earliest_row() -> None:
    weighed = weigh_rows(100, [(50, 59)])
    scores = np.zeros(100)
    scores[[51, 55, 58]] = 1
    position = -(59 - 51 + 1) / 10
    assert raw_score([weighed], [scores], 0.5) == pytest.approx(
        (2 / (1 + np.exp(5 * position)) - 1) / LARGEST
    )


def test_nothing_perfect_and_false() -> None:
    weighed = weigh_rows(100, [(50, 59), (80, 89)])
    nothing, perfect, false = np.zeros(100), np.zeros(100), np.zeros(100)
    perfect[[50, 80]] = 1
    false[[5, 20]] = 1
    assert normalise(raw_score([weighed], [nothing], 0.5), 2) == pytest.approx(0)
    assert normalise(raw_score([weighed], [perfect], 0.5), 2) == pytest.approx(100)
    assert raw_score([weighed], [false], 0.5) == pytest.approx(-2 - 0.11), "row 5 lies in the probation"


def test_one_threshold_for_all_files() -> None:
    """The first file would take any, the second is false below 0.6: the best is the first window's score."""
    files = [weigh_rows(100, [(50, 59)]), weigh_rows(100, [(50, 59)])]
    first, second = np.zeros(100), np.zeros(100)
    first[50] = 0.8
    second[20:45] = 0.6
    threshold, score = best_threshold(files, [first, second])
    assert threshold == 0.8
    assert score == pytest.approx(50)
    assert score == pytest.approx(normalise(raw_score(files, [first, second], threshold), 2))


def test_the_sweep_finds_what_trying_every_threshold_finds() -> None:
    rng = np.random.default_rng(1)
    files = [weigh_rows(200, [(60, 79), (120, 139)]), weigh_rows(150, [(40, 60)])]
    scores = [rng.integers(0, 30, 200).astype(float), rng.integers(0, 30, 150).astype(float)]
    tried = max(raw_score(files, scores, value) for value in [*range(31), np.inf])
    assert best_threshold(files, scores)[1] == pytest.approx(normalise(tried, 3))

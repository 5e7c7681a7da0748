"""The health index and its parts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from apps.health.science.evidence import NotEnough
from apps.health.science.index import Part, compute_index, explain_gap

PARTS = (Part("vibration", 1.0), Part("temperature", 0.5), Part("trend", 0.5))


def test_healthy_is_a_hundred_and_a_whole_limit_takes_its_weight() -> None:
    found = compute_index(np.array([[0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 1]], float), PARTS)
    assert found.index == pytest.approx([100, 50, 0, 25])
    assert found.lost[3] == pytest.approx([0, 37.5, 37.5])


@given(st.lists(st.floats(0, 3), min_size=3, max_size=3))
def test_the_points_lost_add_up(severity) -> None:
    found = compute_index(np.array([severity]), PARTS)
    assert 100 - found.lost.sum() == pytest.approx(found.index[0], abs=1e-6)


def test_what_is_not_known_is_not_healthy() -> None:
    found = compute_index(np.array([[np.nan, 0, 0], [np.nan, np.nan, 0]]), PARTS)
    assert found.known == pytest.approx([0.5, 0.25])
    assert found.index[0] == 100
    assert np.isnan(found.index[1])
    assert np.isnan(found.lost[1]).all()
    assert isinstance(explain_gap(found.known[1]), NotEnough)


def test_a_column_for_each_part() -> None:
    with pytest.raises(ValueError, match="a column for each part"):
        compute_index(np.zeros((1, 2)), PARTS)

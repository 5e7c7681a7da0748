"""Model cards and the split in time beneath their scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from apps.health.science.card import ModelCard, split_by_time
from apps.health.science.evidence import NotEnough

CARD = ModelCard(
    method="multivariate.t2q",
    version="1",
    features=("vibration.level",),
    trained_from_us=0,
    trained_to_us=10,
    rows=100,
    machines=1,
    split="time",
    scores={"f1": 0.8},
    trivial={"f1": 0.5},
    seed=1,
)


def test_a_card_refuses_a_leak_and_an_empty_span() -> None:
    with pytest.raises(ValueError, match="leak"):
        replace(CARD, split="row")
    with pytest.raises(ValueError, match="empty"):
        replace(CARD, trained_to_us=0)


def test_what_is_scored_lies_later_and_apart() -> None:
    ts_us = np.random.default_rng(1).permutation(1000)
    split = split_by_time(ts_us, holdout=0.2, gap_us=50)
    assert not isinstance(split, NotEnough)
    earlier, later = split
    assert ts_us[earlier].max() + 50 <= ts_us[later].min()
    assert len(later) == pytest.approx(200, abs=1)
    assert isinstance(split_by_time(ts_us[:60]), NotEnough)

"""Which odd values open something: those that hold, and that two weeks have hardly shown. Not here: science."""

from __future__ import annotations

import numpy as np

from apps.health.judging import SLICE_S, SLICES, Basis, Column, judge_hour
from apps.health.science.streaming import new_state

DAYS = 9
HOURS = 24 * DAYS


def _tell(levels: np.ndarray) -> list[int]:
    """Judge levels of five minutes, hour by hour; return the slices at which something was told."""
    ts = np.arange(len(levels)) * float(SLICE_S)
    column = Column(7, ts, levels, hold_s=float(SLICE_S))
    state, severities, found = new_state(1, seed=3), {}, []
    for hour in range(len(levels) // SLICES):
        said = judge_hour(
            state, [column], severities, Basis(), np.ones(SLICES, bool), from_s=hour * 3600, offset_s=0
        )
        found += [onset.at_s // SLICE_S for onset in said.onsets]
    return found


def _levels() -> np.ndarray:
    rows = HOURS * SLICES
    day = np.sin(np.arange(rows) / (24 * SLICES) * 2 * np.pi)
    return 50 + 5 * day + np.random.default_rng(4).normal(0, 0.5, rows)


def test_a_value_that_holds_is_told_once_it_has_held_and_a_single_slice_is_not() -> None:
    levels, at = _levels(), HOURS * SLICES - 5 * SLICES
    levels[at - 3 * 24 * SLICES] += 40
    assert _tell(levels) == []
    levels[at : at + 6] += 40
    assert _tell(levels)[0] == at + 1


def test_what_was_shown_before_is_not_told_again() -> None:
    levels, at = _levels(), HOURS * SLICES - 5 * SLICES
    for days in (4, 3, 2):
        levels[at - days * 24 * SLICES : at - days * 24 * SLICES + 6] += 40
    levels[at : at + 6] += 38
    told = _tell(levels)
    assert told
    assert max(told) < at


def test_a_gap_breaks_no_spell() -> None:
    levels, at = _levels(), HOURS * SLICES - 5 * SLICES
    levels[at : at + 3] += 40
    levels[at + 1] = np.nan
    assert _tell(levels) == [at + 2]

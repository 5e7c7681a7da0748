"""Open sums are emitted only as far as a value holds: what comes after a silence finds its buckets untouched."""

from __future__ import annotations

import numpy as np
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

from forgeline.telemetry.distinct import distinct_rows
from forgeline.telemetry.rollup import Partials, Rhythm, Rows

MINUTE = 60_000_000
SLOT = np.zeros(1, np.int32)


def _rhythm(hold_us: int) -> Rhythm:
    one = np.ones(1, np.int64)
    return Rhythm(one * MINUTE, one * 0, one * hold_us, np.zeros(1, np.bool_))


def _row(at_us: int, value: float) -> Rows:
    yes = np.ones(1, np.bool_)
    return Rows(SLOT, np.array([at_us], np.int64), np.array([value]), yes, ~yes)


def test_backlog_behind_the_hold_is_not_computed_anew() -> None:
    partials, rhythm = Partials(), _rhythm(3 * MINUTE)
    partials.grow(1)
    partials.take(_row(10 * MINUTE, 5.0), rhythm)
    for settled in (60 * MINUTE, 90 * MINUTE):
        partials.emit(np.arange(1), rhythm, settled)
    closed, spans = partials.drain()
    assert closed["bucket"].tolist() == [10, 11, 12]
    assert closed["covered_s"].tolist() == [60, 60, 60]
    assert not len(spans)
    # Half an hour later the device delivers what it had kept.
    partials.take(_row(20 * MINUTE, 7.0), rhythm)
    partials.emit(np.arange(1), rhythm, 90 * MINUTE)
    closed, spans = partials.drain()
    # The hold that has come true is said once more, with the same sums.
    assert closed["bucket"].tolist() == [11, 12, 20, 21, 22]
    assert closed["covered_s"].tolist() == [60] * 5
    assert not len(spans)


def test_row_within_the_hold_has_what_was_emitted_computed_anew() -> None:
    partials, rhythm = Partials(), _rhythm(3 * MINUTE)
    partials.grow(1)
    partials.take(_row(10 * MINUTE, 5.0), rhythm)
    partials.emit(np.arange(1), rhythm, 60 * MINUTE)
    partials.drain()
    partials.take(_row(11 * MINUTE + 1, 7.0), rhythm)
    _, spans = partials.drain()
    assert spans.tolist() == [[0, 12, 12]]


@given(hnp.arrays(np.int64, st.tuples(st.integers(0, 40), st.integers(1, 3)), elements=st.integers(-3, 3)))
def test_distinct_rows_are_those_of_numpy(table: np.ndarray) -> None:
    assert distinct_rows(table).tolist() == (np.unique(table, axis=0).tolist() if len(table) else [])

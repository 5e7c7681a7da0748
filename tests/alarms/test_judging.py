"""Judging over columns, compared with a rule judged sample by sample; and cut anywhere, as after a crash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray

from forgeline.alarms.judging import bands, silence
from forgeline.alarms.judging.columns import ROWS, new_standing, new_terms
from forgeline.alarms.judging.delays import settle
from forgeline.alarms.judging.signals import Samples, note_seen, rows_of, to_membership, to_slopes

S = 1_000_000
Sample = tuple[int, float]

_values = st.one_of(st.sampled_from([0.0, 7.9, 8.0, 9.0, 9.5, 10.0, 10.1, 20.0]), st.just(float("nan")))
_streams = st.lists(st.tuples(st.integers(1, 40), _values), min_size=1, max_size=40).map(
    lambda steps: [
        (int(at) * S, value)
        for at, (_, value) in zip(np.cumsum([step for step, _ in steps]), steps, strict=True)
    ]
)
_delays = st.sampled_from([0, 1, 5, 30])


def _terms(size: int, **columns: Any) -> NDArray[np.void]:
    terms = new_terms(size)
    for name, column in columns.items():
        terms[name] = column
    return terms


def _rows(streams: Sequence[Sequence[Sample]]) -> NDArray[np.void]:
    return np.array([(rule, ts, value) for rule, stream in enumerate(streams) for ts, value in stream], ROWS)


def _one_by_one(
    stream: Sequence[Sample], *, high: float, deadband: float, on_us: int, off_us: int
) -> list[tuple[int, bool]]:
    """One rule as a person would judge it: a look at each sample, a stop-watch for the delay."""
    is_out = is_active = False
    since, changed, found = 0, 0, []
    for ts, value in stream:
        if is_out != is_active and since + (on_us if is_out else off_us) < ts:
            changed = max(changed, since + (on_us if is_out else off_us))
            is_active = is_out
            found.append((changed, is_active))
        now_out = is_out
        if value > high:
            now_out = True
        elif value <= high - deadband:
            now_out = False
        if now_out != is_out:
            is_out, since = now_out, ts
        if is_out != is_active and since + (on_us if is_out else off_us) <= ts:
            changed = max(changed, since + (on_us if is_out else off_us))
            is_active = is_out
            found.append((changed, is_active))
    return found


def _judge(
    rows: NDArray[np.void], terms: NDArray[np.void], standing: NDArray[np.void]
) -> list[tuple[int, int, bool]]:
    changes = bands.find_changes(rows, terms, standing)
    note_seen(rows, standing)
    found = settle(changes, terms, standing, known_until_us=standing["seen_us"])
    return [(int(row["rule"]), int(row["ts_us"]), bool(row["is_active"])) for row in found]


@settings(max_examples=300, deadline=None)
@given(st.lists(_streams, min_size=1, max_size=4), st.sampled_from([0.0, 0.5, 2.0]), _delays, _delays)
def test_all_rules_at_once_are_judged_as_each_alone(
    streams: list[list[Sample]], deadband: float, on_s: int, off_s: int
) -> None:
    terms = _terms(len(streams), high=10.0, deadband=deadband, on_delay_us=on_s * S, off_delay_us=off_s * S)
    found = _judge(_rows(streams), terms, new_standing(len(streams)))
    expected = [
        (rule, ts, is_active)
        for rule, stream in enumerate(streams)
        for ts, is_active in _one_by_one(
            stream, high=10.0, deadband=deadband, on_us=on_s * S, off_us=off_s * S
        )
    ]
    assert found == expected


@settings(max_examples=200, deadline=None)
@given(
    st.lists(_streams, min_size=1, max_size=3), _delays, _delays, st.lists(st.integers(0, 1600), max_size=5)
)
def test_a_stream_cut_anywhere_gives_the_same_transitions(
    streams: list[list[Sample]], on_s: int, off_s: int, cuts: list[int]
) -> None:
    terms = _terms(len(streams), high=10.0, deadband=1.0, on_delay_us=on_s * S, off_delay_us=off_s * S)
    rows = _rows(streams)
    whole = _judge(rows, terms, new_standing(len(streams)))
    standing, pieces = new_standing(len(streams)), []
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), 10**6], strict=True):
        part = rows[(rows["ts_us"] > start * S) & (rows["ts_us"] <= end * S)]
        pieces += _judge(part, terms, standing)
    assert sorted(pieces) == sorted(whole)


@settings(max_examples=200, deadline=None)
@given(_streams, st.integers(1, 1600), st.integers(0, 60))
def test_silence_begins_after_its_time_and_ends_with_a_sample(
    stream: list[Sample], cut: int, silent_s: int
) -> None:
    silent_us = (silent_s + 1) * S
    terms = _terms(1, silent_us=silent_us)
    standing = new_standing(1)
    rows = _rows([stream])
    end = int(rows["ts_us"][-1]) + 100 * S
    found: list[tuple[int, bool]] = []
    for start_us, until_us in ((0, cut * S), (cut * S, end)):
        part = rows[(rows["ts_us"] > start_us) & (rows["ts_us"] <= until_us)]
        changes = silence.find_changes(part, terms, standing, until_us=until_us)
        note_seen(part, standing)
        settled = settle(changes, terms, standing, known_until_us=np.array([until_us]))
        found += [(int(row["ts_us"]), bool(row["is_active"])) for row in settled]
    times = [ts for ts, _ in stream]
    expected: list[tuple[int, bool]] = []
    for before, after in zip(times, [*times[1:], None], strict=True):
        if before + silent_us < (end if after is None else after):
            expected.append((before + silent_us, True))
            expected += [] if after is None else [(after, False)]
    assert found == expected


def test_a_rule_sees_each_sample_of_its_point_once() -> None:
    samples = Samples(
        np.array([3, 3, 7, 9], np.int32), np.array([1, 2, 1, 5]) * S, np.array([0.5, 1.5, 7.0, 9.0])
    )
    standing = new_standing(4)
    standing["seen_us"][2] = 1 * S
    rows = rows_of(np.array([0, 1, 2, 3], np.int32), np.array([7, 3, 3, 8], np.int32), samples, standing)
    assert rows.tolist() == [(0, 1 * S, 7.0), (1, 1 * S, 0.5), (1, 2 * S, 1.5), (2, 2 * S, 1.5)]
    note_seen(rows, standing)
    assert standing["seen_us"][:3].tolist() == [1 * S, 2 * S, 2 * S]
    assert not len(rows_of(np.array([1], np.int32), np.array([3], np.int32), samples, standing))


def test_codes_become_membership() -> None:
    rows = np.array([(0, 1, 4.0), (0, 2, 5.0), (1, 1, 4.0), (1, 2, 1000.0)], ROWS)
    found = to_membership(rows, np.array([0, 1], np.int32), np.array([4, 1000]))
    assert found["signal"].tolist() == [1.0, 0.0, 0.0, 1.0]


def test_slopes_are_per_minute_and_do_not_span_a_gap() -> None:
    terms = _terms(1, hold_us=60 * S)
    standing = new_standing(1)
    first = np.array([(0, 0, 10.0), (0, 30 * S, 11.0)], ROWS)
    assert np.isnan(to_slopes(first, terms, standing)["signal"][0])
    assert to_slopes(first, terms, standing)["signal"][1] == 2.0
    note_seen(first, standing)
    later = np.array([(0, 90 * S, 10.0), (0, 160 * S, 50.0)], ROWS)
    slopes = to_slopes(later, terms, standing)["signal"]
    assert slopes[0] == -1.0
    assert np.isnan(slopes[1])

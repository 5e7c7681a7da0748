"""However a span is cut, a walk says the same as one look at all of it; and what is counted is counted right."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from forgeline.alarms.definitions import parse
from forgeline.alarms.judging.book import Input, Planned
from forgeline.alarms.judging.signals import Samples
from forgeline.alarms.trying.spans import (
    SPANS,
    find_busiest,
    length_within_us,
    pieces_of,
    share_of_chatter,
    subtract,
    total_us,
    unite,
)
from forgeline.alarms.trying.walk import NO_SAMPLES, Walk

S = 1_000_000
CONDITIONS: dict[str, dict[str, Any]] = {
    "limit": {"kind": "limit", "point": "a", "level": "H", "limit": 5.0, "deadband": 1.0},
    "low": {"kind": "limit", "point": "a", "level": "LL", "limit": 3.0},
    "far": {"kind": "deviation", "point": "a", "setpoint": "b", "above": 2.0, "below": 2.0},
    "off": {"kind": "deviation", "point": "a", "setpoint": 5.0, "above": 2.0, "deadband": 1.0},
    "fast": {"kind": "rate", "point": "a", "rise_per_min": 30.0, "fall_per_min": 30.0},
    "code": {"kind": "state", "point": "b", "codes": [3, 4]},
    "dead": {"kind": "silence", "point": "a"},
    "both": {"kind": "expression", "expression": "x > 4 and y > 4", "points": {"x": "a", "y": "b"}},
}
DELAYS = [(0.0, 0.0), (7.0, 0.0), (3.0, 11.0)]


def rules() -> list[Planned]:
    points = {"a": Input(1, 5.0), "b": Input(2, 8.0)}
    made = []
    for key, condition in CONDITIONS.items():
        for on_s, off_s in DELAYS:
            definition = parse(
                {"name": {"en": key}, "condition": condition, "on_delay_s": on_s, "off_delay_s": off_s}
            )
            inputs = {name: points[word] for name, word in definition.condition.inputs.items()}
            made.append(Planned(1, key, definition, inputs))
    return made


def samples(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> Samples:
    """(tenths of a second, value) of two points."""
    rows = sorted({(point, at): value for point, own in ((1, a), (2, b)) for at, value in own}.items())
    return Samples(
        np.array([point for (point, _at), _value in rows], np.int32),
        np.array([at * 100_000 for (_point, at), _value in rows], np.int64),
        np.array([value for _key, value in rows], np.float64),
    )


def cut(every: Samples, from_us: int, to_us: int) -> Samples:
    inside = (every.ts_us >= from_us) & (every.ts_us < to_us)
    return Samples(every.point_id[inside], every.ts_us[inside], every.value[inside])


def walk(every: Samples, borders: list[int]) -> list[list[Any]]:
    found = Walk(rules(), 0)
    found.begin(NO_SAMPLES)
    found.carry(NO_SAMPLES)
    for start, end in pairwise(borders):
        found.step(cut(every, start, end), end)
        again = Walk(rules(), 0)
        again.load(found.dump())
        found = again
    return [found.spans(number).tolist() for number in range(len(found.book))]


TRACK = st.lists(st.tuples(st.integers(0, 2999), st.integers(0, 9)), max_size=80)


@settings(max_examples=150, deadline=None)
@given(TRACK, TRACK, st.lists(st.integers(1, 2999), max_size=6))
@example([(0, 0)], [(0, 3), (1, 0), (2, 4)], [3])
def test_cut_anywhere_says_the_same(
    a: list[tuple[int, int]], b: list[tuple[int, int]], cuts: list[int]
) -> None:
    every = samples(a, b)
    end = 320 * S
    at_once = walk(every, [0, end])
    in_pieces = walk(every, [0, *sorted({at * 100_000 for at in cuts}), end])
    assert repr(in_pieces) == repr(at_once)


def test_peak_is_the_furthest_of_an_alarm_that_spans_pieces() -> None:
    every = samples([(0, 1), (100, 6), (200, 9), (300, 7), (400, 2), (500, 8)], [])
    found = Walk([rules()[0]], 0)
    found.begin(NO_SAMPLES)
    for start, end in ((0, 15), (15, 25), (25, 60)):
        found.step(cut(every, start * S, end * S), end * S)
    assert found.spans(0).tolist() == [(10 * S, 40 * S, 9.0, False), (50 * S, 60 * S, 8.0, True)]


PAIRS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted), max_size=8)


@given(PAIRS, PAIRS)
def test_pieces_are_sets_of_instants(one: list[list[int]], other: list[list[int]]) -> None:
    first, second = (unite(np.array(pairs, np.int64).reshape(-1, 2)) for pairs in (one, other))
    sets = [{n for low, high in pairs for n in range(low, high)} for pairs in (one, other)]
    left = subtract(first, second)
    assert {n for low, high in left.tolist() for n in range(low, high)} == sets[0] - sets[1]
    assert total_us(first) == len(sets[0])
    spans = np.zeros(len(first), SPANS)
    spans["begin_us"], spans["end_us"] = first[:, 0], first[:, 1]
    assert int(length_within_us(spans, second).sum()) == len(sets[0] & sets[1])
    assert pieces_of(spans).tolist() == first.tolist()


@pytest.mark.parametrize(
    ("begins_s", "busiest", "share"),
    [([], 0, 0.0), ([0, 10, 20, 3000], 3, 0.75), ([0, 599, 600], 2, 0.0), ([0, 30, 61, 90], 4, 0.75)],
)
def test_floods_and_chatter(begins_s: list[int], busiest: int, share: float) -> None:
    begins_us = np.array(begins_s, np.int64) * S
    assert find_busiest(begins_us)[0] == busiest
    assert share_of_chatter(begins_us) == share

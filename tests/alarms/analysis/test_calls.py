"""When an operator was told, until when it stood, and what an answer answers."""

from __future__ import annotations

import numpy as np
from hypothesis import given, strategies as st

from forgeline.alarms.analysis.calls import NEVER, Kind, find_answers, find_calls, standing_us
from tests.alarms.analysis.stories import DAY, MONDAY, S, journal


def told(entries: np.ndarray, until_s: float = 1000) -> list[tuple[int, float, float, bool]]:
    calls = find_calls(entries, MONDAY + round(until_s * S))
    return [
        (
            int(call["alarm"]),
            (call["at_us"] - MONDAY) / S,
            (call["end_us"] - MONDAY) / S,
            bool(call["is_open"]),
        )
        for call in calls
    ]


def test_call_stands_until_it_is_cleared_or_the_reading_ends() -> None:
    entries = journal((2, 5, Kind.RAISED), (1, 10, Kind.RAISED), (2, 30, Kind.CLEARED))
    assert told(entries) == [(1, 10, 1000, True), (2, 5, 30, False)]


def test_quiet_raise_is_no_call_until_its_suppression_ends() -> None:
    entries = journal(
        (1, 0, Kind.RAISED, True), (1, 60, Kind.UNSUPPRESSED), (1, 90, Kind.CLEARED),
        (1, 100, Kind.RAISED, True), (1, 110, Kind.CLEARED, True),
        (1, 200, Kind.RAISED), (1, 210, Kind.SUPPRESSED, True), (1, 400, Kind.CLEARED, True),
    )  # fmt: skip
    assert told(entries) == [(1, 60, 90, False), (1, 200, 210, False)]


def test_shelved_call_asks_for_no_answer() -> None:
    entries = journal((1, 0, Kind.RAISED), (1, 10, Kind.SHELVED), (1, 20, Kind.ACKNOWLEDGED))
    [call] = find_calls(entries, MONDAY + DAY)
    assert (call["is_taken_off"], call["answered_us"], call["is_cleared"]) == (True, NEVER, False)


def test_alarm_that_comes_back_while_it_is_active_is_a_call() -> None:
    entries = journal(
        (1, 0, Kind.RAISED), (1, 10, Kind.SHELVED), (1, 100, Kind.UNSHELVED), (1, 130, Kind.CLEARED),
        (2, 0, Kind.RAISED), (2, 5, Kind.SHELVED), (2, 7, Kind.CLEARED), (2, 100, Kind.UNSHELVED),
        (3, 50, Kind.RAISED, True), (3, 60, Kind.IN_SERVICE), (3, 70, Kind.CLEARED),
        (4, 0, Kind.RAISED), (4, 1, Kind.SUPPRESSED, True), (4, 2, Kind.SHELVED), (4, 3, Kind.UNSHELVED),
        (4, 4, Kind.OUT_OF_SERVICE), (4, 5, Kind.UNSUPPRESSED, True), (4, 6, Kind.IN_SERVICE), (4, 9, Kind.CLEARED),
    )  # fmt: skip
    assert told(entries) == [
        (1, 0, 10, False), (1, 100, 130, False), (2, 0, 5, False), (3, 60, 70, False), (4, 0, 1, False),
        (4, 6, 9, False),
    ]  # fmt: skip


def test_one_answer_answers_all_that_waited_and_is_measured_from_the_first() -> None:
    entries = journal(
        (1, 0, Kind.RAISED), (1, 1, Kind.CLEARED), (1, 30, Kind.RAISED), (1, 31, Kind.CLEARED),
        (2, 40, Kind.ACKNOWLEDGED), (1, 50, Kind.ACKNOWLEDGED), (1, 60, Kind.RAISED),
    )  # fmt: skip
    calls = find_calls(entries, MONDAY + DAY)
    assert (calls["answered_us"] != NEVER).tolist() == [True, True, False]
    [answer] = find_answers(calls)
    assert (answer["since_us"], answer["at_us"]) == (MONDAY, MONDAY + 50 * S)


def test_lines_of_one_instant_keep_the_order_in_which_they_were_written() -> None:
    entries = journal((1, 5, Kind.RAISED), (1, 5, Kind.CLEARED), (1, 5, Kind.ACKNOWLEDGED))
    [call] = find_calls(entries, MONDAY + DAY)
    assert (call["is_open"], call["end_us"], call["answered_us"]) == (False, MONDAY + 5 * S, MONDAY + 5 * S)


def test_empty_journal() -> None:
    assert told(journal()) == []
    assert len(find_answers(find_calls(journal(), MONDAY))) == 0


def test_standing_is_cut_to_the_span() -> None:
    calls = find_calls(
        journal((1, -100, Kind.RAISED), (1, 50, Kind.CLEARED), (2, 70, Kind.RAISED)), MONDAY + 100 * S
    )
    assert standing_us(calls, MONDAY, MONDAY + 100 * S).tolist() == [50 * S, 30 * S]


LINES = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 50), st.sampled_from(Kind), st.booleans()), max_size=40
)


@given(LINES)
def test_same_as_walking_line_by_line(lines: list[tuple[int, int, Kind, bool]]) -> None:
    entries = journal(*lines)
    ended_by = {Kind.RAISED, Kind.CLEARED, Kind.SHELVED, Kind.OUT_OF_SERVICE, Kind.SUPPRESSED}
    silences = {
        Kind.UNSHELVED: Kind.SHELVED, Kind.IN_SERVICE: Kind.OUT_OF_SERVICE, Kind.UNSUPPRESSED: Kind.SUPPRESSED,
    }  # fmt: skip
    expected: dict[int, list[list[int]]] = {1: [], 2: [], 3: []}
    is_open = dict.fromkeys(expected, False)
    is_active = dict.fromkeys(expected, False)
    silenced: dict[int, set[Kind]] = {1: set(), 2: set(), 3: set()}
    for alarm, at_us, number, is_quiet in entries.tolist():
        kind = Kind(number)
        if kind in (Kind.RAISED, Kind.CLEARED):
            is_active[alarm] = kind == Kind.RAISED
        elif kind in silences:
            silenced[alarm].discard(silences[kind])
        elif kind in silences.values():
            silenced[alarm].add(kind)
        returns = kind in silences and is_active[alarm] and not silenced[alarm]
        begins = (kind == Kind.RAISED or returns) and not is_quiet
        if is_open[alarm] and (begins or kind in ended_by):
            expected[alarm][-1][1], is_open[alarm] = at_us, False
        if begins:
            expected[alarm].append([at_us, MONDAY + DAY])
            is_open[alarm] = True
    calls = find_calls(entries, MONDAY + DAY)
    for alarm, rows in expected.items():
        own = calls[calls["alarm"] == alarm]
        assert [list(row) for row in zip(own["at_us"].tolist(), own["end_us"].tolist(), strict=True)] == rows
        assert bool(own["is_open"].any()) == is_open[alarm]

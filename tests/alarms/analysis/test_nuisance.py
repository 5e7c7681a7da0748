"""Chattering, fleeting and stale alarms of journals whose answer is known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from forgeline.alarms.analysis.calls import Kind, find_calls
from forgeline.alarms.analysis.nuisance import count_stale, find_chattering, find_fleeting, find_stale
from tests.alarms.analysis.stories import DAY, MONDAY, blip, journal


def calls_of(*lines: object, until_us: int = MONDAY + DAY) -> np.ndarray:
    return find_calls(journal(*lines), until_us)  # type: ignore[arg-type]


def test_three_within_a_minute_chatter_and_two_do_not() -> None:
    calls = calls_of(*blip(1, 0), *blip(1, 30), *blip(1, 60), *blip(2, 0), *blip(2, 30), *blip(2, 61))
    [found] = find_chattering(calls)
    assert (found.alarm, found.calls, found.chattering, found.episodes, found.most_a_minute) == (
        1,
        3,
        3,
        1,
        3,
    )
    assert found.index == pytest.approx(1 / 30, abs=1e-4)


def test_episodes_are_told_apart() -> None:
    lines = [line for at in (0, 5, 10, 15, 3600, 3610, 3620, 9000) for line in blip(7, at)]
    [found] = find_chattering(calls_of(*lines))
    assert (found.calls, found.chattering, found.episodes, found.most_a_minute) == (8, 7, 2, 4)


def test_neighbours_do_not_chatter_together() -> None:
    assert find_chattering(calls_of(*blip(1, 0), *blip(2, 1), *blip(1, 2), *blip(2, 3))) == []


def test_quiet_raises_do_not_chatter() -> None:
    lines = [(1, at, Kind.RAISED, True) for at in (0, 1, 2, 3)]
    assert find_chattering(calls_of(*lines)) == []


def test_fleeting_is_what_is_mostly_over_at_once() -> None:
    short = [line for at in (0, 1000, 2000) for line in blip(1, at, 9.9)]
    mixed = [line for at, length in ((0, 1), (900, 60), (1800, 2), (2700, 90), (3600, 3)) for line in
             blip(2, at, length)]  # fmt: skip
    rare = [*blip(3, 0), *blip(3, 900), *blip(4, 0, 10), *blip(4, 900, 10), *blip(4, 1800, 10)]
    long = [line for at in range(0, 7000, 1000) for line in blip(5, at, 3 if at < 3000 else 30)]
    found = find_fleeting(calls_of(*short, *mixed, *rare, *long))
    assert [(each.alarm, each.calls, each.fleeting) for each in found] == [(1, 3, 3), (2, 5, 3)]


def test_stale_stands_for_more_than_a_day() -> None:
    calls = calls_of(
        *blip(1, 0, 86_400), *blip(2, 0, 86_401), (3, 3600, Kind.RAISED), until_us=MONDAY + 2 * DAY
    )
    assert find_stale(calls, MONDAY, MONDAY + 2 * DAY)["alarm"].tolist() == [2, 3]
    assert find_stale(calls, MONDAY, MONDAY + DAY)["alarm"].tolist() == []
    borders = MONDAY + np.array([0, DAY, 2 * DAY])
    assert count_stale(calls, borders).tolist() == [0, 2]


def test_shelved_alarm_goes_stale_no_more() -> None:
    calls = calls_of((1, 0, Kind.RAISED), (1, 3600, Kind.SHELVED), until_us=MONDAY + 3 * DAY)
    assert len(find_stale(calls, MONDAY, MONDAY + 3 * DAY)) == 0


def test_stale_counts_on_each_day_it_stands() -> None:
    calls = calls_of(
        *blip(1, -2 * 86_400, 3.5 * 86_400), *blip(2, 0, 2.5 * 86_400), until_us=MONDAY + 4 * DAY
    )
    borders = MONDAY + np.arange(5) * DAY
    assert count_stale(calls, borders).tolist() == [1, 2, 1, 0]

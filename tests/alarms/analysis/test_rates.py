"""Floods by the rule of ISA-18.2: from the first of more than ten in ten minutes, until fewer than five came."""

from __future__ import annotations

import numpy as np
from hypothesis import given, strategies as st

from forgeline.alarms.analysis.calls import CALLS
from forgeline.alarms.analysis.rates import Flood, count_periods, find_floods, flood_us
from tests.alarms.analysis.stories import DAY, HOUR, MINUTE, MONDAY, S, utc


def calls_at(*at_s: float, alarms: list[int] | None = None, zero_us: int = MONDAY) -> np.ndarray:
    calls = np.zeros(len(at_s), CALLS)
    calls["at_us"] = [zero_us + round(at * S) for at in at_s]
    calls["alarm"] = alarms or range(1, len(at_s) + 1)
    return calls


def floods(*at_s: float, alarms: list[int] | None = None, until_us: int = MONDAY + DAY) -> list[Flood]:
    return find_floods(calls_at(*at_s, alarms=alarms), until_us)


def test_ten_in_ten_minutes_are_no_flood_and_eleven_are() -> None:
    assert floods(*range(10)) == []
    [flood] = floods(*range(11))
    assert (flood.begin_us, flood.count, flood.peak, flood.first) == (MONDAY, 11, 11, 1)
    # The seventh of them is ten minutes old at 606 s: then four are left.
    assert flood.end_us == MONDAY + 606 * S


def test_eleven_in_just_ten_minutes_are_no_flood() -> None:
    assert floods(*(60 * at for at in range(11))) == []
    assert len(floods(*(59.9 * at for at in range(11)))) == 1


def test_flood_goes_on_while_five_come_within_ten_minutes() -> None:
    burst = list(range(11))
    trickle = [110 * at for at in range(1, 9)]
    [flood] = floods(*burst, *trickle)
    # Those of 550 to 880 are left when the one of 440 is ten minutes old.
    assert (flood.end_us, flood.count) == (MONDAY + (440 + 600) * S, 19)
    [short] = floods(*burst, *(130 * at for at in range(1, 9)))
    assert (short.end_us, short.count) == (MONDAY + 610 * S, 15)


def test_two_floods_and_what_made_them() -> None:
    found = floods(*range(11), *range(7200, 7212), alarms=[5] * 8 + [6] * 3 + [9] + [7] * 6 + [8] * 5)
    assert [(flood.count, flood.first) for flood in found] == [(11, 5), (12, 9)]
    assert [flood.contributors for flood in found] == [((5, 8), (6, 3)), ((7, 6), (8, 5), (9, 1))]


def test_flood_across_midnight_is_one() -> None:
    midnight = utc(2026, 3, 2, 23)  # midnight in Berlin
    calls = calls_at(*(30 * at for at in range(-10, 20)), zero_us=midnight)
    [flood] = find_floods(calls, midnight + DAY)
    assert (flood.begin_us, flood.count) == (midnight - 300 * S, 30)
    before, after = flood_us([flood], midnight - HOUR, midnight), flood_us([flood], midnight, midnight + HOUR)
    assert before == 300 * S
    assert before + after == (flood.end_us or 0) - flood.begin_us


def test_flood_that_goes_on_has_no_end() -> None:
    [flood] = floods(*range(11), until_us=MONDAY + MINUTE)
    assert flood.end_us is None
    assert flood_us([flood], MONDAY, MONDAY + MINUTE) == MINUTE


def test_periods_begin_with_the_span() -> None:
    calls = calls_at(0, 599, 600, 1200)
    assert count_periods(calls, MONDAY, MONDAY + 1500 * S).tolist() == [2, 1, 1]


@given(st.lists(st.integers(0, 3000), max_size=60))
def test_floods_by_looking_at_each_second(at_s: list[int]) -> None:
    """Walk through the seconds with the rule's own words."""
    at_s = sorted(at_s)
    expected: list[list[int]] = []
    second = 0
    while second <= 4000:
        ahead = [at for at in at_s if second <= at < second + 600]
        if second in at_s and len(ahead) > 10:
            now = ahead[10]
            while sum(now - 600 < at <= now for at in at_s) >= 5:
                now += 1
            if expected and second <= expected[-1][1]:
                expected[-1][1] = now
            else:
                expected.append([second, now])
        second += 1
    found = floods(*at_s)
    assert [[(each.begin_us - MONDAY) // S, ((each.end_us or 0) - MONDAY) // S] for each in found] == expected

"""Shifts by the plant's clock: they tile, whatever the clock does; special days; the production day."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from forgeline.assets.calendar import PlantCalendar, ShiftRule, SpecialDay, find_overlap
from forgeline.base.clock import to_us

HOUR = 3_600_000_000
DAY = 24 * HOUR
EVERY = frozenset(range(1, 8))
WORKDAYS = frozenset(range(1, 6))
ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
THREE = (
    ShiftRule("early", time(6), time(14), EVERY),
    ShiftRule("late", time(14), time(22), EVERY),
    ShiftRule("night", time(22), time(6), EVERY),
)


def _us(zone: str, *when: int) -> int:
    return to_us(datetime(*when, tzinfo=ZoneInfo(zone)))  # type: ignore[arg-type]


_days = st.dates(date(2025, 1, 1), date(2027, 12, 31))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ZONES), _days, st.integers(0, DAY // 60_000_000))
def test_three_shifts_cover_every_minute_once(zone: str, on: date, minute: int) -> None:
    calendar = PlantCalendar(zone, time(6), THREE)
    start = _us(zone, on.year, on.month, on.day) + minute * 60_000_000
    spans = calendar.list_shifts(start, start + 3 * DAY)
    assert spans[0].from_us <= start < spans[0].to_us
    assert all(one.to_us == other.from_us for one, other in pairwise(spans))
    assert calendar.planned_us(start, start + 3 * DAY) == 3 * DAY
    assert calendar.find_shift(start) == spans[0]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ZONES), _days, st.times().map(lambda t: t.replace(second=0, microsecond=0)))
def test_production_days_tile_and_bear_the_date_on_which_they_begin(
    zone: str, on: date, starts: time
) -> None:
    calendar = PlantCalendar(zone, starts)
    start, end = calendar.production_day_span(on)
    assert 22.9 * HOUR < end - start < 25.1 * HOUR
    assert end == calendar.production_day_span(on + timedelta(days=1))[0]
    instants = np.array([start - 1, start, end - 1, end], np.int64)
    told = calendar.production_days(instants).tolist()
    assert told == [on - timedelta(days=1), on, on, on + timedelta(days=1)]


@pytest.mark.parametrize(("when", "hours"), [((2026, 3, 28), 7), ((2026, 10, 24), 9), ((2026, 6, 1), 8)])
def test_a_night_shift_is_as_long_as_the_night(when: tuple[int, int, int], hours: int) -> None:
    calendar = PlantCalendar("Europe/Berlin", time(6), THREE)
    night = calendar.find_shift(_us("Europe/Berlin", *when, 23))
    assert night is not None
    assert (night.name, night.on) == ("night", date(*when))
    assert night.to_us - night.from_us == hours * HOUR


def test_a_night_belongs_to_the_production_day_on_which_it_began() -> None:
    calendar = PlantCalendar("Asia/Shanghai", time(6), THREE)
    three_at_night = _us("Asia/Shanghai", 2026, 5, 6, 3)
    night = calendar.find_shift(three_at_night)
    assert night is not None
    assert night.on == calendar.production_day_of(three_at_night) == date(2026, 5, 5)


def test_special_days_outweigh_weekdays() -> None:
    two = (ShiftRule("early", time(6), time(14), WORKDAYS), ShiftRule("night", time(22), time(6), WORKDAYS))
    days = {
        date(2026, 10, 1): SpecialDay(False, "National Day"),
        date(2026, 10, 10): SpecialDay(True, "make-up Saturday"),
    }
    calendar = PlantCalendar("Asia/Shanghai", time(6), two, days)
    assert calendar.is_working_day(date(2026, 9, 30))
    assert not calendar.is_working_day(date(2026, 10, 1))
    assert not calendar.is_working_day(date(2026, 10, 11))
    # The night before the holiday runs into it; the make-up Saturday is worked as a Friday.
    spans = calendar.list_shifts(_us("Asia/Shanghai", 2026, 10, 1), _us("Asia/Shanghai", 2026, 10, 2))
    assert [(span.name, span.on) for span in spans] == [("night", date(2026, 9, 30))]
    saturday = calendar.list_shifts(_us("Asia/Shanghai", 2026, 10, 10, 6), _us("Asia/Shanghai", 2026, 10, 11))
    assert [span.name for span in saturday] == ["early", "night"]
    last = calendar.find_last_shift(_us("Asia/Shanghai", 2026, 10, 4))
    assert last is not None
    assert last.on == date(2026, 10, 2)


def test_a_change_leaves_the_past_as_it_was() -> None:
    rules = (
        ShiftRule("old", time(8), time(16), EVERY, valid_until=date(2026, 5, 31)),
        ShiftRule("new", time(7), time(15), EVERY, valid_from=date(2026, 6, 1)),
    )
    calendar = PlantCalendar("UTC", time(0), rules)
    names = [span.name for span in calendar.list_shifts(_us("UTC", 2026, 5, 30), _us("UTC", 2026, 6, 3))]
    assert names == ["old", "old", "new", "new"]
    assert find_overlap(rules) is None


def test_a_plant_without_shifts_has_a_production_day_all_the_same() -> None:
    calendar = PlantCalendar("Asia/Shanghai")
    now = _us("Asia/Shanghai", 2026, 5, 6, 12)
    assert calendar.find_shift(now) is None
    assert calendar.list_shifts(now, now) == []
    assert calendar.planned_us(now, now + DAY) == 0
    assert len(calendar.production_days(np.zeros(0, np.int64))) == 0


@pytest.mark.parametrize(
    ("one", "other", "overlaps"),
    [
        ((6, 14, {1}), (14, 22, {1}), False),
        ((6, 14, {1}), (13, 22, {1}), True),
        ((22, 6, {1}), (5, 9, {2}), True),
        ((22, 6, {1}), (5, 9, {1}), False),
        ((22, 6, {7}), (0, 8, {1}), True),
        ((6, 6, {1}), (6, 14, {2}), False),
        ((6, 6, {1}), (5, 6, {2}), True),
    ],
)
def test_overlaps_are_found_over_midnight_and_the_week(
    one: tuple[int, int, set[int]], other: tuple[int, int, set[int]], overlaps: bool
) -> None:
    rules = [ShiftRule("s", time(a), time(b), frozenset(days)) for a, b, days in (one, other)]
    assert (find_overlap(rules) is not None) is overlaps


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 23), st.integers(0, 23), st.frozensets(st.integers(1, 7), min_size=1)),
        min_size=1,
        max_size=3,
    )
)
def test_what_is_no_overlap_never_runs_twice_at_once(
    given_rules: list[tuple[int, int, frozenset[int]]],
) -> None:
    rules = [ShiftRule(str(n), time(a), time(b), days) for n, (a, b, days) in enumerate(given_rules)]
    start = _us("UTC", 2026, 5, 4)
    spans = PlantCalendar("UTC", time(0), rules).list_shifts(start, start + 14 * DAY)
    is_tight = all(one.to_us <= other.from_us for one, other in pairwise(spans))
    assert (find_overlap(rules) is None) is is_tight

"""The numbers of an alarm system, of weeks whose answer is known by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time
from typing import Any

import pytest

from forgeline.alarms.analysis.calls import Kind
from forgeline.alarms.analysis.kpis import KEYS, TARGETS, compute, list_days
from forgeline.alarms.analysis.weeks import Week, parse_word, week_before, week_from, week_of, word_of
from forgeline.assets.calendar import PlantCalendar
from tests.alarms.analysis.stories import BERLIN, DAY, HOUR, MONDAY, blip, journal, position, utc

WEEK = Week(date(2026, 3, 2), MONDAY, MONDAY + 7 * DAY)


def numbers(found: dict[str, Any]) -> dict[str, Any]:
    return {key: row["value"] for key, row in found.items()}


def test_week_by_hand() -> None:
    """140 calls, one an hour but for 100 in one: a flood."""
    lines = [line for hour in range(40) for line in blip(hour % 20 + 1, hour * 3600 + 1800, 60)]
    lines += [line for at in range(100) for line in blip(30, 100 * 3600 + at * 6, 3)]
    found = compute(
        position(journal(*lines), WEEK.to_us, a1="critical", a30="high"), WEEK.from_us, WEEK.to_us
    )
    assert tuple(found) == KEYS
    value = numbers(found)
    assert value["alarms"] == 140
    assert value["per_hour"] == round(140 / 168, 4)
    assert value["per_10_minutes"] == round(140 / 1008, 4)
    assert (value["per_day"], found["per_day"]["is_met"]) == (20, True)
    assert (value["peak_10_minutes"], found["peak_10_minutes"]["is_met"]) == (100, False)
    assert (value["busy_share"], found["busy_share"]["is_met"]) == (round(1 / 1008, 4), True)
    # From the first of the hundred until all but four of them are ten minutes old.
    assert value["flood_share"] == round((95 * 6 + 600) / (168 * 3600), 4)
    assert value["top_10_share"] == round((100 + 9 * 2) / 140, 4)
    assert found["top_10_share"] == {
        "value": 0.8429, "target": 0.05, "relation": "at_most", "manageable": None, "is_met": False, "why": None,
    }  # fmt: skip
    assert (value["chattering"], value["fleeting"], value["stale"]) == (1, 1, 0)
    assert found["stale"]["relation"] == "below"
    assert (value["critical_share"], value["high_share"]) == (round(2 / 140, 4), round(100 / 140, 4))
    assert (value["low_share"], found["low_share"]["is_met"]) == (round(38 / 140, 4), False)
    assert value["standing_minutes"] == 40 + 100 * 3 / 60


def test_answers() -> None:
    lines = [
        *blip(1, 0, 600), (1, 30, Kind.ACKNOWLEDGED), *blip(2, 0, 600), (2, 60, Kind.ACKNOWLEDGED),
        *blip(3, 0, 600), *blip(4, 0, 600), (4, 5, Kind.SHELVED), (5, 0, Kind.RAISED), (5, 9, Kind.OUT_OF_SERVICE),
        (6, 0, Kind.RAISED), (6, 7, Kind.SUPPRESSED, True),
    ]  # fmt: skip
    found = compute(position(journal(*lines), WEEK.to_us), WEEK.from_us, WEEK.to_us)
    value = numbers(found)
    assert value["acknowledged_share"] == round(2 / 3, 4)
    assert value["acknowledge_median_s"] == 45
    assert value["acknowledge_p90_s"] == 57
    assert (value["shelved"], value["out_of_service"], value["suppressed"]) == (1, 1, 1)
    assert found["acknowledge_median_s"]["is_met"] is None


def test_too_little_is_said_to_be_too_little() -> None:
    found = compute(position(journal(*blip(1, 0)), WEEK.to_us), WEEK.from_us, WEEK.from_us + HOUR // 2)
    whys = {key: row["why"] for key, row in found.items() if row["why"]}
    assert whys == {
        "per_hour": "too_short", "per_10_minutes": "too_short", "per_day": "too_short", "busy_share": "too_short",
        "flood_share": "too_short", "top_10_share": "too_few", "critical_share": "too_few", "high_share": "too_few",
        "medium_share": "too_few", "low_share": "too_few", "acknowledge_median_s": "nobody_answered",
        "acknowledge_p90_s": "nobody_answered",
    }  # fmt: skip
    assert all(found[key]["value"] is None and found[key]["is_met"] is None for key in whys)


def test_ten_alarms_cannot_but_make_all_of_the_load() -> None:
    lines = [line for at in range(40) for line in blip(at % 10, at * 3600)]
    row = compute(position(journal(*lines), WEEK.to_us), WEEK.from_us, WEEK.to_us)["top_10_share"]
    assert (row["value"], row["is_met"], row["why"]) == (1, None, "few_rules")


def test_empty_week_of_a_plant_that_knows_alarms() -> None:
    found = compute(position(journal(), WEEK.to_us, a1="high"), WEEK.from_us, WEEK.to_us)
    assert (found["per_day"]["value"], found["per_day"]["is_met"]) == (0, True)
    assert (found["chattering"]["value"], found["chattering"]["is_met"]) == (0, True)
    assert found["acknowledged_share"]["value"] is None


def test_plant_that_never_had_an_alarm_is_not_judged() -> None:
    found = compute(position(journal(), WEEK.to_us), WEEK.from_us, WEEK.to_us)
    assert {(row["value"], row["is_met"], row["why"]) for row in found.values()} == {
        (None, None, "nothing_yet")
    }


def test_time_before_the_first_alarm_is_not_averaged_in() -> None:
    """A plant that was connected on Friday."""
    friday = WEEK.from_us + 4 * DAY
    lines = [line for at in range(72) for line in blip(1, 4 * 86_400 + at * 3600)]
    known = replace(position(journal(*lines), WEEK.to_us), since_us=friday)
    found = numbers(compute(known, WEEK.from_us, WEEK.to_us))
    assert (found["per_hour"], found["per_day"]) == (1, 24)
    before = compute(known, WEEK.from_us, friday)
    assert {row["why"] for row in before.values()} == {"nothing_yet"}


def test_only_quiet_alarms_are_no_load() -> None:
    lines = [(1, at * 10, Kind.RAISED if at % 2 == 0 else Kind.CLEARED, True) for at in range(200)]
    found = numbers(compute(position(journal(*lines), WEEK.to_us), WEEK.from_us, WEEK.to_us))
    assert (found["alarms"], found["quiet"], found["per_day"], found["chattering"]) == (0, 100, 0, 0)
    assert (found["peak_10_minutes"], found["flood_share"], found["standing_minutes"]) == (0, 0, 0)


def test_alarm_that_stands_over_the_border_counts_where_it_was_told() -> None:
    entries = journal((1, -3600, Kind.RAISED), (1, 1800, Kind.CLEARED))
    known = position(entries, WEEK.to_us)
    here = numbers(compute(known, WEEK.from_us, WEEK.to_us))
    before = numbers(compute(known, WEEK.from_us - 7 * DAY, WEEK.from_us))
    assert (before["alarms"], before["standing_minutes"]) == (1, 60)
    assert (here["alarms"], here["standing_minutes"]) == (0, 30)


@pytest.mark.parametrize(
    ("on", "hours"), [(date(2026, 3, 23), 167), (date(2026, 10, 19), 169), (date(2026, 3, 2), 168)]
)
def test_week_in_which_the_clock_changes(on: date, hours: int) -> None:
    week = week_from(BERLIN, on)
    assert week.to_us - week.from_us == hours * HOUR
    lines = [line for hour in range(hours) for line in blip(1, hour * 3600)]
    known = position(journal(*lines, zero_us=week.from_us), week.to_us)
    found = numbers(compute(known, week.from_us, week.to_us))
    assert (found["per_hour"], found["per_day"]) == (1, round(hours / 7, 4))
    days = list_days(known, week.from_us, week.to_us)
    # The clock changes on Sunday at two or three; the production day until six is Saturday's.
    assert [day["alarms"] for day in days] == [24, 24, 24, 24, 24, 24 + hours - 168, 24]
    assert days[0]["on"] == on.isoformat()


def test_day_of_23_hours_begins_and_ends_by_the_plants_clock() -> None:
    midnight = PlantCalendar("Europe/Berlin", time(0))
    begin, end = midnight.production_day_span(date(2026, 3, 29))
    lines = [line for hour in range(-1, 24) for line in blip(1, hour * 3600)]
    known = position(journal(*lines, zero_us=begin), end + HOUR, calendar=midnight)
    days = list_days(known, begin - HOUR, end + HOUR)
    assert [(day["on"], day["alarms"]) for day in days] == [
        ("2026-03-28", 1), ("2026-03-29", 23), ("2026-03-30", 1),
    ]  # fmt: skip
    assert numbers(compute(known, begin, end))["per_day"] == 23


def test_days_tell_priorities_and_what_was_stale() -> None:
    lines = [*blip(1, 10, 2.5 * 86_400), *blip(2, 20), *blip(2, 86_420), *blip(3, 86_430)]
    days = list_days(
        position(journal(*lines), WEEK.to_us, a2="high", a3="critical"), WEEK.from_us, WEEK.to_us
    )
    told = [(day["alarms"], day["low"], day["high"], day["critical"], day["stale"]) for day in days]
    assert told == [(2, 1, 1, 0, 0), (2, 0, 1, 1, 1), (0, 0, 0, 0, 1), *[(0, 0, 0, 0, 0)] * 4]


def test_weeks_have_iso_words_and_the_plants_borders() -> None:
    shanghai = PlantCalendar("Asia/Shanghai", time(8))
    week = week_of(shanghai, utc(2027, 1, 4) - 1)
    assert (week.on, week.word) == (date(2026, 12, 28), "2026-W53")
    assert (week.from_us, week.to_us) == (utc(2026, 12, 28), utc(2027, 1, 4))
    assert week_before(shanghai, week).word == "2026-W52"
    assert parse_word("2026-W53") == week.on
    assert word_of(date(2027, 1, 4)) == "2027-W01"
    for word in ("2026-W54", "2026-W00", "1999-W10", "9999-W52", "2026W10", "x", ""):
        with pytest.raises(ValueError):
            parse_word(word)


def test_targets_are_those_of_the_standards() -> None:
    assert {key: (each.most, each.least, each.manageable) for key, each in TARGETS.items()} == {
        "per_hour": (6, None, 12), "per_10_minutes": (1, None, 2), "per_day": (150, None, 300),
        "peak_10_minutes": (10, None, None), "busy_share": (0.01, None, None), "flood_share": (0.01, None, None),
        "top_10_share": (0.05, None, None), "chattering": (0, None, None), "fleeting": (0, None, None),
        "stale": (5, None, None), "critical_share": (0.01, None, None), "high_share": (0.05, None, None),
        "medium_share": (0.15, None, None), "low_share": (None, 0.8, None),
    }  # fmt: skip

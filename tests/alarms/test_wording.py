"""Rules and alarms in sentences, in both languages."""

from __future__ import annotations

import pytest
from django.utils import translation

from forgeline.alarms.definitions import Definition, parse
from forgeline.alarms.wording import PointName, list_remarks, say_cause, say_condition, say_seconds

NAMES = {
    "t": PointName("Temperature", "°C", 1), "s": PointName("Setpoint", "°C", 1),
    "m": PointName("Mode", labels={"8": "Aborting", "9": "Aborted"}),
}  # fmt: skip


def name(word: str) -> PointName:
    return NAMES.get(word, PointName(word))


def rule(condition: dict[str, object], **said: object) -> Definition:
    return parse({"name": {"en": "R"}, "condition": condition, **said})


LIMIT = {"kind": "limit", "point": "t", "level": "H", "limit": 105}
DEVIATION = {"kind": "deviation", "point": "t", "setpoint": "s", "above": 30, "below": 80}
RATE = {"kind": "rate", "point": "t", "rise_per_min": 2.5}


@pytest.mark.parametrize(
    ("condition", "english", "chinese"),
    [
        (LIMIT, "Temperature above 105 °C", "Temperature高于 105 °C"),
        ({**LIMIT, "level": "LL", "limit": -0.5}, "Temperature below -0.5 °C", "Temperature低于 -0.5 °C"),
        (
            DEVIATION, "Temperature more than 30 °C over or more than 80 °C under Setpoint",
            "Temperature比Setpoint高出 30 °C以上或低 80 °C以上",
        ),
        (
            {"kind": "deviation", "point": "t", "setpoint": 900, "below": 5},
            "Temperature more than 5 °C under 900 °C", "Temperature比900 °C低 5 °C以上",
        ),
        (RATE, "Temperature rises by more than 2.5 °C a minute", "Temperature每分钟上升超过 2.5 °C"),
        ({"kind": "state", "point": "m", "codes": [8, 9]}, "Mode: Aborting or Aborted", "Mode：Aborting或Aborted"),
        ({"kind": "silence", "point": "t", "after_s": 400}, "Nothing new of Temperature for 6.7 min",
         "Temperature已 6.7 分钟没有新值"),
        ({"kind": "expression", "expression": "t - far > 3", "points": {"t": "t", "far": "s"}},
         "“Temperature” - “Setpoint” > 3", None),
    ],
)  # fmt: skip
def test_a_condition_in_words(condition: dict[str, object], english: str, chinese: str | None) -> None:
    with translation.override("en"):
        assert say_condition(rule(condition), name) == english
    if chinese is not None:
        with translation.override("zh-hans"):
            assert say_condition(rule(condition), name) == chinese


def test_numbers_are_said_in_the_unit_that_they_were_written_for() -> None:
    written = rule(LIMIT, units={"point": "[degF]"})
    with translation.override("en"):
        assert say_condition(written, name) == "Temperature above 105 °F"
        assert say_cause(written, 107.25, name) == "Temperature 107.2 °F, above the limit of 105 °F"


def test_a_delay_belongs_to_the_condition_but_not_to_the_cause() -> None:
    with translation.override("en"):
        slow = rule(LIMIT, on_delay_s=60)
        assert say_condition(slow, name) == "Temperature above 105 °C for 60 s"
        assert say_cause(slow, 107.25, name) == "Temperature 107.2 °C, above the limit of 105 °C"
        assert say_cause(slow, None, name) == "Temperature above 105 °C"


@pytest.mark.parametrize(
    ("condition", "value", "said"),
    [
        ({**LIMIT, "level": "L"}, 3.0, "Temperature 3.0 °C, below the limit of 105 °C"),
        (DEVIATION, 31.0, "Temperature 31.0 °C above its setpoint"),
        (DEVIATION, -81.0, "Temperature 81.0 °C below its setpoint"),
        (RATE, 2.6, "Temperature rose by 2.6 °C a minute"),
        ({**RATE, "fall_per_min": 1}, -2.6, "Temperature fell by 2.6 °C a minute"),
        ({"kind": "state", "point": "m", "codes": [8]}, 1.0, "Mode: Aborting"),
    ],
)
def test_why_an_alarm_came(condition: dict[str, object], value: float, said: str) -> None:
    with translation.override("en"):
        assert say_cause(rule(condition), value, name) == said


def test_what_else_a_rule_says() -> None:
    said = rule(
        {**LIMIT, "deadband": 2}, off_delay_s=180, latches=True, quiet_states=["off", "idle"], quiet_under=["other"],
        only_in_shifts=True, operator_bounds={"lowest": 90, "highest": 110},
    )  # fmt: skip
    with translation.override("en"):
        assert list_remarks(said, lambda key: f"<{key}>") == [
            "deadband 2", "goes after 3 min", "stands until acknowledged", "silent while: Off, Idle",
            "silent under: <other>", "only during shifts", "operators may move it from 90 to 110",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.5, "0.5 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172800, "2 d")]
)
def test_lengths_of_time(seconds: float, said: str) -> None:
    with translation.override("en"):
        assert say_seconds(seconds) == said


def test_a_large_and_a_tiny_limit_keep_their_digits() -> None:
    assert PointName("P", "Pa").say_set(101_325.0) == "101,325 Pa"
    assert PointName("P", "g").say_set(0.00025) == "0.00025 g"
    assert PointName("P").say(None) == "–"

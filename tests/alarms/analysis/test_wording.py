"""What a person reads of numbers and suggestions, in both languages."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation

from forgeline.alarms.analysis import kpis, worst
from forgeline.alarms.analysis.wording import (
    NO_SUGGESTION,
    TITLES,
    WHY,
    list_told,
    say_length,
    say_suggestion,
    with_sentences,
)
from tests.alarms.analysis.stories import DAY, MONDAY, blip, journal, position

SUGGESTION: dict[str, Any] = {
    "what": "deadband", "from": 0.0, "to": 2.5, "unit": "Cel", "before": 1234, "after": 12, "real": 9, "real_s": 60.0,
    "lost": 0, "delay_s": 0.0, "evidence": "samples", "coverage": 1.0, "definition": {},
}  # fmt: skip


def say(**changes: Any) -> str:
    return say_suggestion({"suggestion": {**SUGGESTION, **changes}, "why": None})


def test_numbers_with_their_targets() -> None:
    lines = [line for at in range(40) for line in blip(at % 20, at * 3600)]
    found = kpis.compute(position(journal(*lines), MONDAY + 7 * DAY), MONDAY, MONDAY + 7 * DAY)
    told = {each.key: each for each in list_told(found)}
    assert list(told) == list(kpis.KEYS) == list(TITLES)
    assert (told["per_hour"].value, told["per_hour"].target, told["per_hour"].is_met) == (
        "0.238", "at most 6, manageable up to 12", True,
    )  # fmt: skip
    assert (told["top_10_share"].value, told["top_10_share"].target) == ("50 %", "at most 5 %")
    assert (told["low_share"].target, told["stale"].target) == ("at least 80 %", "below 5")
    nobody = told["acknowledge_median_s"]
    assert (nobody.value, nobody.target, nobody.why) == ("–", "", "Nobody acknowledged one.")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(4.25, "4.2 s"), (200, "3.3 min"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (900_000, "250 h")],
)
def test_lengths(seconds: float, said: str) -> None:
    assert say_length(seconds) == said


def test_suggestions_say_what_they_cost_and_how_that_is_known() -> None:
    assert say() == (
        "A deadband of 2.5 °C instead of 0 °C would have left 12 of 1,234 alarms. None that stood for a minute or"
        " longer would have been lost. Judged by the stored samples."
    )
    assert say(what="on_delay_s", unit="s", lost=1, delay_s=150.0, evidence="journal") == (
        "An on-delay of 2.5 s instead of 0 s would have left 12 of 1,234 alarms. 1 of 9 alarms that stood for a minute"
        " or longer would not have come. They would have come 2.5 min later. Judged by the journal alone; its samples"
        " are gone, tell of another time, or are too many for now."
    )
    assert say(real=0, unit="1").startswith(
        "A deadband of 2.5 instead of 0 would have left 12 of 1,234 alarms. Judged"
    )


def test_chinese() -> None:
    with translation.override("zh-hans"):
        said = say(what="off_delay_s", unit="s", lost=2, delay_s=5.0)
        assert said.startswith("若恢复延时由 0 秒改为 2.5 秒，1,234 次报警将只剩 12 次。")
        assert "持续一分钟以上的 9 次报警中，有 2 次将不再出现。" in said
        chinese = [str(title) for title in TITLES.values()]
    assert not set(chinese) & {str(title) for title in TITLES.values()}


def test_every_code_has_its_words() -> None:
    whys = {kpis.TOO_SHORT, kpis.TOO_FEW, kpis.FEW_RULES, kpis.NOTHING_YET, kpis.NOBODY}
    assert set(WHY) == whys
    codes = {worst.NOT_IN_FORCE, worst.DISABLED, worst.CALM_NOW, worst.TOO_FEW, worst.NOTHING_HELPS}
    assert set(NO_SUGGESTION) == codes
    actors = [{"suggestion": None, "why": code} for code in sorted(codes)]
    assert all(actor["sentence"].endswith(".") for actor in with_sentences(actors))

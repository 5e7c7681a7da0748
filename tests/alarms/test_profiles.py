"""Every profile's rules can be judged, and say in both languages what they are."""

from __future__ import annotations

from forgeline.alarms.definitions import parse
from forgeline.alarms.profiles import check_section, list_profile_faults, list_rules
from forgeline.assets.profiles import PROFILES


def test_rules_of_every_profile_hold_water() -> None:
    assert [fault for profile in PROFILES.values() for fault in list_profile_faults(profile)] == []
    assert all(list_rules(key) for key in PROFILES)


def test_rules_speak_both_languages() -> None:
    silent = [
        f"{key}.{rule}"
        for key in PROFILES
        for rule, definition in list_rules(key).items()
        for words in (definition.name, definition.consequence, definition.instruction)
        if words and set(words) != {"en", "zh-hans"}
    ]
    assert silent == []


def test_fault_of_a_section_is_told() -> None:
    section = {"rules": {"hot": {"name": {"en": "x"}, "condition": {"kind": "silence", "point": "oil"}}}}
    assert check_section(section, ["water"]) == ["hot: there is no point oil."]
    assert check_section({"rules": {"hot": {"color": "red"}}}, ["water"])
    assert parse(section["rules"]["hot"]).name == {"en": "x"}

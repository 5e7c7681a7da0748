"""The section ``alarms`` of a device profile: rules that every machine of the profile has unless it overrides them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
from django.utils.translation import get_language

from forgeline.alarms.checking import list_faults, with_units
from forgeline.alarms.definitions import Definition, PointFacts
from forgeline.assets.profiles import PROFILES, Profile
from forgeline.telemetry.sample import PointKind


class AlarmsSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rules by their key."""

    rules: dict[str, Definition] = {}


def check_section(section: Any, points: Sequence[str]) -> list[str]:
    """Return the faults of a profile's section; ``points`` are the keys of the profile's points."""
    try:
        rules = msgspec.convert(section, AlarmsSection, strict=False).rules
    except msgspec.ValidationError as error:
        return [f"{error}."]
    return [
        f"{key}: there is no point {word}."
        for key, rule in rules.items()
        for word in rule.condition.inputs.values()
        if word not in points
    ]


@cache
def list_rules(profile_key: str) -> dict[str, Definition]:
    """Return the rules of a profile by key; none for a profile that is not there."""
    profile = PROFILES.get(profile_key)
    if profile is None or "alarms" not in profile.sections:
        return {}
    facts = points_of(profile)
    rules = msgspec.convert(profile.sections["alarms"], AlarmsSection, strict=False).rules
    return {key: with_units(rule, facts) for key, rule in rules.items()}


def points_of(profile: Profile) -> dict[str, PointFacts]:
    """Return the facts of a profile's points by key."""
    return {
        point.key: PointFacts(
            PointKind[point.kind.upper()],
            point.unit,
            point.expected_interval_s,
            point.valid_min,
            point.valid_max,
            point.name_in(get_language() or "en"),
        )
        for point in profile.points
    }


def list_profile_faults(profile: Profile) -> list[str]:
    """Return what is wrong with a profile's rules beside their points' names; a test asks for every profile."""
    facts = points_of(profile)
    rules = list_rules(profile.key)
    return [
        f"{profile.key}.{key}: {fault}"
        for key, rule in rules.items()
        for fault in list_faults(rule, facts, others=set(rules) - {key})
    ]

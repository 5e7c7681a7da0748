"""The section ``health`` of device profiles: which points tell how such a machine fares, and which way is the worse.

Declares only: with it a new machine of a known family is judged without a setting. Not here: the judging.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from math import isfinite
from typing import Any

import msgspec


class Worse(StrEnum):
    """The direction in which a value tells of harm."""

    HIGH = "high"
    LOW = "low"
    BOTH = "both"


class HealthFeature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A point by which health is judged. ``limit``: where its trend has used up the life, in the point's unit."""

    point: str
    worse: Worse
    limit: float | None = None


class HealthSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``regime``: the point that says how the machine is worked (load, speed, program); '' where it is always alike."""

    features: tuple[HealthFeature, ...]
    regime: str = ""


def parse_section(section: Any) -> HealthSection:
    """Return the section as read. **Raises** msgspec.ValidationError."""
    return msgspec.convert(section, HealthSection, strict=False)


def check_section(section: Any, points: Sequence[str]) -> list[str]:
    """Return the faults of a profile's section; ``points`` are the keys of the profile's points."""
    try:
        health = parse_section(section)
    except msgspec.ValidationError as error:
        return [f"{error}."]
    named = [feature.point for feature in health.features]
    faults = [] if named else ["name at least one feature."]
    faults += [f"there is no point {key}." for key in sorted({*named, health.regime} - {"", *points})]
    faults += [
        f"the feature {key} is there twice." for key in sorted({k for k in named if named.count(k) > 1})
    ]
    if health.regime in named:
        faults.append(f"{health.regime} is the regime and a feature; a feature is judged within its regime.")
    for feature in health.features:
        if feature.limit is not None and feature.worse is Worse.BOTH:
            faults.append(f"{feature.point} is worse both ways; a limit needs high or low.")
        if feature.limit is not None and not isfinite(feature.limit):
            faults.append(f"the limit of {feature.point} is no number.")
    return faults

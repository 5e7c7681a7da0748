"""The section ``maintenance`` of device profiles: the plans that such a machine usually has.

Not here: making them for a machine (services/defaults).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from apps.health.rules import read_lines
from forgeline.assets.profiles import LANGUAGES


class ProfileLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a checklist, in each language."""

    text: dict[str, str]
    kind: str = "check"
    unit: str = ""
    low: float | None = None
    high: float | None = None
    opens_follow_up: bool = False

    def words(self, language: str) -> dict[str, Any]:
        text = self.text.get(language) or self.text["en"]
        return {**msgspec.to_builtins(self), "text": text}


class ProfilePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One plan: every so many days, weeks or months, running hours, or units of a counter of the profile."""

    key: str
    name: dict[str, str]
    every: float | None = None
    unit: str = "month"
    """day | week | month | hours, or the key of a counter's point."""
    alarm: str = ""
    lead_days: int = 3
    priority: str = "medium"
    checklist: tuple[ProfileLine, ...] = ()


class MaintenanceSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    plans: tuple[ProfilePlan, ...] = ()


def parse_section(section: Any) -> MaintenanceSection:
    """Return the section as read. **Raises** msgspec.ValidationError."""
    return msgspec.convert(section, MaintenanceSection, strict=False)


def check_section(section: Any, points: Sequence[str]) -> list[str]:
    """Return the faults of a profile's section; ``points`` are the keys of the profile's points."""
    try:
        plans = parse_section(section).plans
    except msgspec.ValidationError as error:
        return [f"{error}."]
    faults = []
    keys = [plan.key for plan in plans]
    faults += [f"the plan {key} is there twice." for key in sorted({k for k in keys if keys.count(k) > 1})]
    for plan in plans:
        named = [plan.name, *(line.text for line in plan.checklist)]
        faults += [
            f"{plan.key} lacks words in {lang}." for lang in LANGUAGES if not all(w.get(lang) for w in named)
        ]
        if (plan.every is None) == (not plan.alarm) or (plan.every is not None and plan.every <= 0):
            faults.append(f"{plan.key} needs either a positive every or an alarm.")
        if plan.unit not in ("day", "week", "month", "hours", *points):
            faults.append(f"{plan.key} has the unknown unit {plan.unit}.")
        if plan.priority not in ("urgent", "high", "medium", "low"):
            faults.append(f"{plan.key} has the unknown priority {plan.priority}.")
        if all(w.get("en") for w in named):
            _lines, wrong = read_lines([line.words("en") for line in plan.checklist])
            faults += [f"{plan.key} has a fault in line {number} ({what})." for number, what in wrong]
    return faults

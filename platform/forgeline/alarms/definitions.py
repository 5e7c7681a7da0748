"""What a rule says: its condition, its delays, when it is silent, and what an operator is told. Read and checked.

Not here: judging (judging/), which rules stand for a machine (plan), how they are kept (models).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Any

import msgspec
from django.utils.translation import gettext as _, gettext_lazy

from forgeline.base.errors import InvalidInputError
from forgeline.telemetry.sample import PointKind
from forgeline.telemetry.state_rules import MachineState

MAX_DELAY_S = 86_400.0
MAX_SILENCE_S = 93 * 86_400.0
"""Three times as long as a point may be expected to take."""
MAX_CODE = 2**31
MAX_SEVERITY = 1000


class Priority(StrEnum):
    """How soon somebody must act. **Source** ISA-18.2 §9: three or four, few of the highest."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Level(StrEnum):
    """The four limits. **Source** OPC UA Part 9 §5.8.17, LimitAlarmType."""

    HIGH_HIGH = "HH"
    HIGH = "H"
    LOW = "L"
    LOW_LOW = "LL"

    @property
    def is_upper(self) -> bool:
        return self in (Level.HIGH_HIGH, Level.HIGH)


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """Base of the kinds of conditions. A point is named by its key on the rule's machine, or ``#id`` of any other."""

    @property
    def inputs(self) -> dict[str, str]:
        """Names in the condition → points."""
        return {"point": self.point} if hasattr(self, "point") else {}


class Limit(Condition, frozen=True, tag="limit"):
    """The value is above (H, HH) or below (L, LL) the limit, and back once ``deadband`` inside."""

    point: str
    level: Level
    limit: float
    deadband: float = 0.0


class Deviation(Condition, frozen=True, tag="deviation"):
    """The value is more than ``above`` over its setpoint or more than ``below`` under it; a point or a number."""

    point: str
    setpoint: str | float
    above: float | None = None
    below: float | None = None
    deadband: float = 0.0

    @property
    def inputs(self) -> dict[str, str]:
        named = {"point": self.point}
        return {**named, "setpoint": self.setpoint} if isinstance(self.setpoint, str) else named


class Rate(Condition, frozen=True, tag="rate"):
    """The value rises or falls faster, in units a minute."""

    point: str
    rise_per_min: float | None = None
    fall_per_min: float | None = None
    deadband: float = 0.0


class StateIs(Condition, frozen=True, tag="state"):
    """A state or a yes-or-no is one of these codes."""

    point: str
    codes: tuple[int, ...]


class Silence(Condition, frozen=True, tag="silence"):
    """No good value for this long; 0: three times as long as the point expects."""

    point: str
    after_s: float = 0.0


class Formula(Condition, frozen=True, tag="expression"):
    """An expression over several points holds; ``points`` maps its names to them."""

    expression: str
    points: dict[str, str]

    @property
    def inputs(self) -> dict[str, str]:
        return self.points


AnyCondition = Limit | Deviation | Rate | StateIs | Silence | Formula


class Bounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Between which an operator may move the limit; an engineer sets them."""

    lowest: float
    highest: float


class Definition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that a rule says. Times in seconds, values in the point's unit."""

    name: dict[str, str]
    condition: AnyCondition
    priority: Priority = Priority.MEDIUM
    severity: int | None = None
    """How grave it is beside others of its priority, 1 to 1,000. **Source** OPC UA Part 9, ConditionType."""
    on_delay_s: float = 0.0
    off_delay_s: float = 0.0
    latches: bool = False
    """Stands until somebody acknowledges it, though its condition has gone."""
    quiet_states: tuple[MachineState, ...] = ()
    """States of the machine in which nobody is told."""
    quiet_under: tuple[str, ...] = ()
    """Keys of the machine's other rules; while one of their alarms is active this one is suppressed."""
    only_in_shifts: bool = False
    operator_bounds: Bounds | None = None
    units: dict[str, str] = {}
    """Names in the condition → the UCUM units that its numbers were written for; filled in when it is published.

    A limit of 5 bar is none of 5 kPa: where the point's unit is another now, the rule is told of and not judged.
    """
    consequence: dict[str, str] = {}
    instruction: dict[str, str] = {}

    @property
    def weight(self) -> int:
        """The severity, where none is given the usual one of its priority."""
        return SEVERITIES[self.priority] if self.severity is None else self.severity

    def name_in(self, language: str) -> str:
        return _in(self.name, language)

    def consequence_in(self, language: str) -> str:
        return _in(self.consequence, language)

    def instruction_in(self, language: str) -> str:
        return _in(self.instruction, language)


def _in(words: Mapping[str, str], language: str) -> str:
    return words.get(language.lower()) or words.get("en") or next(iter(words.values()), "")


@dataclass(frozen=True, slots=True)
class PointFacts:
    """What a definition is checked against."""

    kind: PointKind
    unit: str
    interval_s: float
    valid_min: float | None = None
    valid_max: float | None = None
    title: str = ""
    """How people call the point; without it sentences say the word that the rule uses."""


SEVERITIES = {Priority.CRITICAL: 900, Priority.HIGH: 700, Priority.MEDIUM: 500, Priority.LOW: 300}
"""Where a rule says none."""
PRIORITY_NAMES: dict[Priority, Any] = {
    Priority.CRITICAL: gettext_lazy("Critical"),
    Priority.HIGH: gettext_lazy("High"),
    Priority.MEDIUM: gettext_lazy("Medium"),
    Priority.LOW: gettext_lazy("Low"),
}


def parse(raw: Any) -> Definition:
    """Return a definition as read. **Raises** InvalidInputError that names the place."""
    try:
        definition = msgspec.convert(raw, Definition, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInputError(
            _("The rule cannot be read: %(fault)s.") % {"fault": error}, key="alarms.invalid_rule"
        ) from None
    if names := _list_unbounded(dump(definition)):
        # A limit that is no number would be an alarm that nobody ever hears.
        raise InvalidInputError(
            _("%(names)s must be a finite number.") % {"names": ", ".join(names)}, key="alarms.invalid_rule"
        )
    return definition


def dump(definition: Definition) -> dict[str, Any]:
    """Return the definition as JSON-like data; ``parse`` reads it back."""
    found: dict[str, Any] = msgspec.to_builtins(definition)
    return found


def _list_unbounded(words: Mapping[str, Any]) -> list[str]:
    """Return the names of numbers that are infinite or none."""
    found = []
    for name, word in words.items():
        if isinstance(word, float) and not isfinite(word):
            found.append(name)
        elif isinstance(word, dict):
            found += _list_unbounded(word)
    return found

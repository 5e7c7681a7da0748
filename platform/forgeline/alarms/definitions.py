"""What a rule says: its condition, its delays, when it is silent, and what an operator is told. Read and checked.

Not here: judging (judging/), which rules stand for a machine (plan), how they are kept (models).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf, isfinite
from typing import Any

import msgspec
from django.utils.translation import gettext as _, gettext_lazy

from forgeline.alarms.judging.expressions import Expression
from forgeline.base.errors import InvalidInputError
from forgeline.base.units import display_unit
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


def list_faults(definition: Definition, points: Mapping[str, PointFacts], *, others: set[str]) -> list[str]:
    """Return every fault as a sentence that ends with the remedy.

    ``points`` holds the facts of the points that the rule may name, by the words it names them with; ``others`` the
    keys of the machine's other rules.
    """
    condition = definition.condition
    faults = [
        _("There is no point %(point)s here.") % {"point": word}
        for word in condition.inputs.values()
        if word not in points
    ]
    if not any(definition.name.values()):
        faults.append(_("Give the rule a name."))
    for delay_s in (definition.on_delay_s, definition.off_delay_s):
        if not 0 <= delay_s <= MAX_DELAY_S:
            faults.append(_("A delay lies between 0 s and a day."))
    if definition.severity is not None and not 1 <= definition.severity <= MAX_SEVERITY:
        faults.append(_("A severity lies between 1 and %(most)d.") % {"most": MAX_SEVERITY})
    if unknown := set(definition.quiet_under) - others:
        faults.append(
            _("There is no rule %(rules)s on this machine that could suppress it.")
            % {"rules": ", ".join(sorted(unknown))}
        )
    if faults:
        return faults
    faults += _list_other_units(definition, points) or _CHECKS[type(condition)](condition, points)
    bounds = definition.operator_bounds
    if bounds is not None and not (
        isinstance(condition, Limit) and bounds.lowest <= condition.limit <= bounds.highest
    ):
        faults.append(_("Bounds for operators need a limit that lies between them."))
    return faults


def with_units(definition: Definition, points: Mapping[str, PointFacts]) -> Definition:
    """Return the definition with the units of the points that it names, where it does not say them itself."""
    if definition.units or isinstance(definition.condition, StateIs | Silence):
        return definition
    units = {name: points[word].unit for name, word in definition.condition.inputs.items() if word in points}
    return msgspec.structs.replace(definition, units=units)


def _list_other_units(definition: Definition, points: Mapping[str, PointFacts]) -> list[str]:
    """Return a sentence for each point whose unit is not the one that the numbers were written for."""
    inputs = definition.condition.inputs
    return [
        _(
            "The numbers were written for %(point)s in %(unit)s, and it is in %(other)s now; "
            "look at them and publish the rule again."
        )
        % {"point": inputs[name], "unit": _say_unit(unit), "other": _say_unit(points[inputs[name]].unit)}
        for name, unit in definition.units.items()
        if name in inputs and points[inputs[name]].unit != unit
    ]


def _say_unit(code: str) -> str:
    return display_unit(code) or _("no unit")


def list_circles(definition: Definition, key: str, rules: Mapping[str, Definition]) -> list[str]:
    """Return the fault of a rule that would be suppressed, by way of others of its machine, by itself."""
    under = {other: rule.quiet_under for other, rule in rules.items() if other != key}
    circle = [other for other in definition.quiet_under if key and key in _reach(other, under)]
    if not circle:
        return []
    return [
        _("This rule and %(rules)s would suppress each other; take one of them out.")
        % {"rules": ", ".join(sorted(circle))}
    ]


def _reach(start: str, under: Mapping[str, Iterable[str]]) -> set[str]:
    """Return the rules that suppress ``start`` directly or by way of others, and itself."""
    reached, ahead = set(), {start}
    while ahead:
        reached |= ahead
        ahead = {above for other in ahead for above in under.get(other, ())} - reached
    return reached


def _check_limit(condition: Any, points: Mapping[str, PointFacts]) -> list[str]:
    return _check_value(condition, points) or _check_reach(condition, points[condition.point])


def _check_value(condition: Any, points: Mapping[str, PointFacts]) -> list[str]:
    faults = _needs_number(condition.point, points)
    if condition.deadband < 0:
        faults.append(_("A deadband is 0 or more."))
    return faults


def _check_reach(condition: Limit, facts: PointFacts) -> list[str]:
    """A limit that no valid value passes is an alarm that nobody will hear; a deadband beyond them one that stays."""
    lowest = -inf if facts.valid_min is None else facts.valid_min
    highest = inf if facts.valid_max is None else facts.valid_max
    is_high = condition.level.is_upper
    clears_at = condition.limit - condition.deadband if is_high else condition.limit + condition.deadband
    told = {"low": f"{lowest:g}", "high": f"{highest:g}", "clears_at": f"{clears_at:g}"}
    if condition.limit > highest if is_high else condition.limit < lowest:
        return [_("The point's values are between %(low)s and %(high)s: this rule would never come.") % told]
    if clears_at < lowest if is_high else clears_at > highest:
        return [
            _(
                "The alarm would go at %(clears_at)s, and values are between %(low)s and %(high)s: it would stay."
            )
            % told
        ]
    return []


def _check_deviation(condition: Any, points: Mapping[str, PointFacts]) -> list[str]:
    faults = _check_value(condition, points)
    if condition.above is None and condition.below is None:
        faults.append(_("Say how far the value may be above or below its setpoint."))
    sizes = [size for size in (condition.above, condition.below) if size is not None]
    if any(size <= condition.deadband for size in sizes):
        faults.append(_("A deviation is more than its deadband."))
    if isinstance(condition.setpoint, str):
        faults += _needs_number(condition.setpoint, points)
        units = points[condition.point].unit, points[condition.setpoint].unit
        if units[0] != units[1]:
            faults.append(
                _("The value is in %(unit)s, its setpoint in %(other)s; choose points of one unit.")
                % {"unit": units[0] or "1", "other": units[1] or "1"}
            )
    return faults


def _check_rate(condition: Any, points: Mapping[str, PointFacts]) -> list[str]:
    faults = _check_value(condition, points)
    rates = [rate for rate in (condition.rise_per_min, condition.fall_per_min) if rate is not None]
    if not rates:
        faults.append(_("Say how fast the value may rise or fall."))
    elif any(rate <= condition.deadband for rate in rates):
        faults.append(_("A rate is above 0 and more than its deadband."))
    return faults


def _check_state(condition: Any, points: Mapping[str, PointFacts]) -> list[str]:
    faults = []
    if points[condition.point].kind not in (PointKind.STATE, PointKind.BOOLEAN):
        faults.append(_("%(point)s is no state; use a limit.") % {"point": condition.point})
    if not condition.codes or any(abs(code) > MAX_CODE for code in condition.codes):
        faults.append(_("Name at least one code of the state."))
    return faults


def _check_silence(condition: Any, points: Mapping[str, PointFacts]) -> list[str]:
    interval_s = points[condition.point].interval_s
    if not 0 <= condition.after_s <= MAX_SILENCE_S:
        return [_("A silence lasts at most 93 days.")]
    if condition.after_s and condition.after_s < interval_s:
        return [
            _("The point is expected every %(interval)g s; silence is longer than that.")
            % {"interval": interval_s}
        ]
    return []


def _check_formula(condition: Any, points: Mapping[str, PointFacts]) -> list[str]:
    try:
        expression = Expression(condition.expression)
    except InvalidInputError as error:
        return [str(error)]
    faults = []
    if not expression.is_condition:
        faults.append(
            _("The expression is a number, not a condition; compare it with something, such as … > 6.")
        )
    names = set(expression.names)
    for name in sorted(names ^ set(condition.points)):
        sentence = (
            _("The expression does not use %(name)s; take it out.")
            if name in condition.points
            else _("The expression names %(name)s; say which point that is.")
        )
        faults.append(sentence % {"name": name})
    for word in condition.points.values():
        if points[word].kind == PointKind.TEXT:
            faults.append(_("%(point)s is text; an expression reads numbers.") % {"point": word})
    units = {name: points[word].unit for name, word in condition.points.items()}
    return faults or expression.list_misfits(units)


def _needs_number(word: str, points: Mapping[str, PointFacts]) -> list[str]:
    if points[word].kind in (PointKind.GAUGE, PointKind.COUNTER):
        return []
    return [_("%(point)s is no measurement; choose one with numbers.") % {"point": word}]


_CHECKS = {
    Limit: _check_limit, Deviation: _check_deviation, Rate: _check_rate, StateIs: _check_state,
    Silence: _check_silence, Formula: _check_formula,
}  # fmt: skip

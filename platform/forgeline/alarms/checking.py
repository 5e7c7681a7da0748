"""What is wrong with a rule on the points that it speaks of: every fault as a sentence with its remedy.

Not here: reading a rule (definitions), which points a machine has (plan).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from forgeline.alarms.definitions import (
    MAX_CODE,
    MAX_DELAY_S,
    MAX_SEVERITY,
    MAX_SILENCE_S,
    Definition,
    Deviation,
    Formula,
    Limit,
    PointFacts,
    Rate,
    Silence,
    StateIs,
)
from forgeline.alarms.judging.expressions import Expression
from forgeline.base.errors import InvalidInputError
from forgeline.base.unit_words import display_unit
from forgeline.telemetry.sample import PointKind


def list_faults(definition: Definition, points: Mapping[str, PointFacts], *, others: set[str]) -> list[str]:
    """Return every fault as a sentence that ends with the remedy.

    ``points`` holds the facts of the points that the rule may name, by the words it names them with; ``others`` the
    keys of the machine's other rules.
    """
    condition = definition.condition
    unknown_points = [
        _("There is no point %(point)s here.") % {"point": word}
        for word in condition.inputs.values()
        if word not in points
    ]
    faults = list(unknown_points)
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
    if unknown_points:
        return faults
    faults += _list_other_units(definition, points) or _CHECKS[type(condition)](condition, points)
    return faults + _list_bound_faults(definition)


def _list_bound_faults(definition: Definition) -> list[str]:
    condition, bounds = definition.condition, definition.operator_bounds
    if bounds is None:
        return []
    if not isinstance(condition, Limit):
        return [_("Only a limit rule has a range for operators; take it out.")]
    if bounds.lowest <= condition.limit <= bounds.highest:
        return []
    return [
        _(
            "The limit of %(limit)s lies outside the range that operators may choose from, %(lowest)s to %(highest)s; "
            "move the limit or the range."
        )
        % {"limit": f"{condition.limit:g}", "lowest": f"{bounds.lowest:g}", "highest": f"{bounds.highest:g}"}
    ]


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
        % {
            "point": _title(inputs[name], points), "unit": _say_unit(unit),
            "other": _say_unit(points[inputs[name]].unit),
        }
        for name, unit in definition.units.items()
        if name in inputs and points[inputs[name]].unit != unit
    ]  # fmt: skip


def _title(word: str, points: Mapping[str, PointFacts]) -> str:
    """Return how people call the point that a rule means by a word."""
    return points[word].title or word


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
                % {"unit": _say_unit(units[0]), "other": _say_unit(units[1])}
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
        faults.append(_("%(point)s is no state; use a limit.") % {"point": _title(condition.point, points)})
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
    for name in sorted(expression.truths & set(condition.points)):
        word = condition.points[name]
        if points[word].kind in (PointKind.GAUGE, PointKind.COUNTER):
            faults.append(
                _("%(point)s is a measurement, not a condition; compare it with something, such as … > 6.")
                % {"point": _title(word, points)}
            )
    for name in sorted(names ^ set(condition.points)):
        sentence = (
            _("The expression does not use %(name)s; take it out.")
            if name in condition.points
            else _("The expression names %(name)s; say which point that is.")
        )
        faults.append(sentence % {"name": name})
    for word in condition.points.values():
        if points[word].kind == PointKind.TEXT:
            faults.append(
                _("%(point)s is text; an expression reads numbers.") % {"point": _title(word, points)}
            )
    units = {name: points[word].unit for name, word in condition.points.items()}
    return faults or expression.list_misfits(units)


def _needs_number(word: str, points: Mapping[str, PointFacts]) -> list[str]:
    if points[word].kind in (PointKind.GAUGE, PointKind.COUNTER):
        return []
    return [_("%(point)s is no measurement; choose one with numbers.") % {"point": _title(word, points)}]


_CHECKS = {
    Limit: _check_limit, Deviation: _check_deviation, Rate: _check_rate, StateIs: _check_state,
    Silence: _check_silence, Formula: _check_formula,
}  # fmt: skip

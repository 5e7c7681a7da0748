"""Rules and alarms in sentences, with points by their names and values in their units. Pages and messages say these.

Not here: sentences of trials (trying.wording).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import Q
from django.utils.translation import get_language, gettext as _

from forgeline.alarms.definitions import (
    Definition,
    Deviation,
    Formula,
    Limit,
    Rate,
    Silence,
    StateIs,
)
from forgeline.assets.models import Asset, Point
from forgeline.assets.profiles import Profile
from forgeline.base.unit_words import display_unit
from forgeline.pages.templatetags.forgeline import state_word, words_of

MOST_DIGITS = 12
_NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class PointName:
    """A point as people name it. ``labels``: code → word of a state."""

    title: str
    unit: str = ""
    decimals: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    point_id: int | None = None

    def say(self, value: float | None) -> str:
        """Return a value as a person reads it, with its unit; a dash for none."""
        if value is None:
            return "–"
        word = self.labels.get(str(int(value)) if float(value).is_integer() else "")
        if word:
            return word
        number = f"{value:,.{self.decimals}f}" if self.decimals is not None else f"{value:g}"
        return f"{number} {self.unit}".rstrip()

    def say_set(self, value: float) -> str:
        """Return a number that a person has set: no digit more than was given."""
        return f"{value:,.{MOST_DIGITS}f}".rstrip("0").rstrip(".") + (f" {self.unit}" if self.unit else "")


def name_of(point: Point) -> PointName:
    return PointName(point.title, display_unit(point.unit), point.decimals, words_of(point), point.pk)


def names_of_profile(profile: Profile) -> Callable[[str], PointName]:
    """Return the names of a profile's points, by key, in the reader's language."""
    language = get_language() or "en"
    yes_or_no = {"0": _("no"), "1": _("yes")}
    found = {
        spec.key: PointName(
            spec.name_in(language), display_unit(spec.unit), spec.decimals,
            {str(code): words.get(language) or words["en"] for code, words in spec.labels.items()}
            or (yes_or_no if spec.kind == "boolean" else {}),
        )
        for spec in profile.points
    }  # fmt: skip
    return lambda word: found.get(word, PointName(word))


class Names:
    """The names of points that rules speak of: by key on their machine, by ``#id`` anywhere in the company."""

    def __init__(self, points: Iterable[Point], machines: Mapping[int, str] | None = None) -> None:
        self._by_key: dict[tuple[int, str], PointName] = {}
        self._by_id: dict[int, tuple[int, PointName]] = {}
        self._machines = machines or {}
        for point in points:
            name = name_of(point)
            self._by_key[point.asset_id, point.key] = name
            self._by_id[point.pk] = (point.asset_id, name)

    def find(self, asset_id: int, word: str) -> PointName:
        """Return the name of what a rule of the machine means by a word; the word itself where nobody knows it."""
        if word.startswith("#") and word[1:].isdecimal() and int(word[1:]) in self._by_id:
            owner, name = self._by_id[int(word[1:])]
            machine = self._machines.get(owner, "")
            if owner == asset_id or not machine:
                return name
            return PointName(f"{machine}, {name.title}", name.unit, name.decimals, name.labels, name.point_id)
        return self._by_key.get((asset_id, word), PointName(word))

    def of(self, asset_id: int) -> Callable[[str], PointName]:
        """Return the names as a rule of the machine uses them."""
        return lambda word: self.find(asset_id, word)


def read_names(rules: Iterable[tuple[int, Definition]]) -> Names:
    """Return the names of all points that these rules (machine, definition) speak of: two queries at most."""
    asked = [(asset_id, word) for asset_id, rule in rules for word in rule.condition.inputs.values()]
    ids = {int(word[1:]) for _asset, word in asked if word.startswith("#") and word[1:].isdecimal()}
    keys = {word for _asset, word in asked if not word.startswith("#")}
    if not asked:
        return Names(())
    wanted = Q(asset_id__in={asset_id for asset_id, _word in asked}, key__in=keys) | Q(
        pk__in={each for each in ids if each < 2**31}
    )
    points = list(Point.objects.filter(wanted))
    machines = {}
    if ids:
        machines = {
            asset.pk: asset.title for asset in Asset.objects.filter(pk__in={p.asset_id for p in points})
        }
    return Names(points, machines)


def say_condition(definition: Definition, name: Callable[[str], PointName]) -> str:
    """Return when the rule fires, as a person says it: “Bearing temperature above 105 °C for 60 s”."""
    condition, name = definition.condition, _in_its_units(definition, name)
    words = _CONDITIONS[type(condition)](condition, name)
    if definition.on_delay_s and not isinstance(condition, Silence):
        words = _("%(condition)s for %(time)s") % {
            "condition": words, "time": say_seconds(definition.on_delay_s)
        }  # fmt: skip
    return words


def list_remarks(definition: Definition, other: Callable[[str], str]) -> list[str]:
    """Return what else the rule says: deadband, delays, when it is silent. ``other``: name of another rule by key."""
    found = []
    deadband = getattr(definition.condition, "deadband", 0.0)
    if deadband:
        found.append(_("deadband %(size)g") % {"size": deadband})
    if definition.off_delay_s:
        found.append(_("goes after %(time)s") % {"time": say_seconds(definition.off_delay_s)})
    if definition.latches:
        found.append(_("stands until acknowledged"))
    if definition.quiet_states:
        states = ", ".join(state_word(state.value) for state in definition.quiet_states)
        found.append(_("silent while: %(states)s") % {"states": states})
    if definition.quiet_under:
        rules = ", ".join(other(key) for key in definition.quiet_under)
        found.append(_("silent under: %(rules)s") % {"rules": rules})
    if definition.only_in_shifts:
        found.append(_("only during shifts"))
    if definition.operator_bounds is not None:
        bounds = definition.operator_bounds
        found.append(
            _("operators may move it from %(lowest)g to %(highest)g")
            % {"lowest": bounds.lowest, "highest": bounds.highest}
        )
    return found


def say_cause(definition: Definition, value: float | None, name: Callable[[str], PointName]) -> str:
    """Return why an alarm came: “Bearing temperature 107.2 °C, above the limit of 105 °C”."""
    condition, name = definition.condition, _in_its_units(definition, name)
    if value is None:
        return _CONDITIONS[type(condition)](condition, name)
    if isinstance(condition, Limit):
        point = name(condition.point)
        sentence = (
            _("%(point)s %(value)s, above the limit of %(limit)s")
            if condition.level.is_upper
            else _("%(point)s %(value)s, below the limit of %(limit)s")
        )
        return sentence % {
            "point": point.title, "value": point.say(value), "limit": point.say_set(condition.limit)
        }  # fmt: skip
    if isinstance(condition, Deviation):
        point = name(condition.point)
        sentence = (
            _("%(point)s %(value)s above its setpoint")
            if value >= 0
            else _("%(point)s %(value)s below its setpoint")
        )
        return sentence % {"point": point.title, "value": point.say(abs(value))}
    if isinstance(condition, Rate):
        point = name(condition.point)
        sentence = (
            _("%(point)s rose by %(value)s a minute")
            if value >= 0
            else _("%(point)s fell by %(value)s a minute")
        )
        return sentence % {"point": point.title, "value": point.say(abs(value))}
    return _CONDITIONS[type(condition)](condition, name)


def _in_its_units(definition: Definition, name: Callable[[str], PointName]) -> Callable[[str], PointName]:
    """Return the names with the units that the rule's numbers were written for: 5 bar stay 5 bar whatever the point's
    unit is today.
    """
    written = {
        word: display_unit(definition.units[each])
        for each, word in definition.condition.inputs.items()
        if each in definition.units
    }

    def named(word: str) -> PointName:
        return replace(name(word), unit=written[word]) if word in written else name(word)

    return named


def say_seconds(seconds: float) -> str:
    """Return a length of time as a person says it."""
    if seconds < 120:
        return _("%(n)g s") % {"n": round(seconds, 2)}
    if seconds < 7200:
        return _("%(n)g min") % {"n": round(seconds / 60, 1)}
    if seconds < 172_800:
        return _("%(n)g h") % {"n": round(seconds / 3600, 1)}
    return _("%(n)g d") % {"n": round(seconds / 86_400, 1)}


def _limit(condition: Any, name: Callable[[str], PointName]) -> str:
    point = name(condition.point)
    sentence = _("%(point)s above %(limit)s") if condition.level.is_upper else _("%(point)s below %(limit)s")
    return sentence % {"point": point.title, "limit": point.say_set(condition.limit)}


def _deviation(condition: Any, name: Callable[[str], PointName]) -> str:
    point = name(condition.point)
    is_point = isinstance(condition.setpoint, str)
    setpoint = name(condition.setpoint).title if is_point else point.say_set(condition.setpoint)
    parts = []
    if condition.above is not None:
        parts.append(_("more than %(size)s over") % {"size": point.say_set(condition.above)})
    if condition.below is not None:
        parts.append(_("more than %(size)s under") % {"size": point.say_set(condition.below)})
    return _("%(point)s %(how)s %(setpoint)s") % {
        "point": point.title, "how": _(" or ").join(parts), "setpoint": setpoint
    }  # fmt: skip


def _rate(condition: Any, name: Callable[[str], PointName]) -> str:
    point = name(condition.point)
    parts = []
    if condition.rise_per_min is not None:
        parts.append(_("rises by more than %(size)s") % {"size": point.say_set(condition.rise_per_min)})
    if condition.fall_per_min is not None:
        parts.append(_("falls by more than %(size)s") % {"size": point.say_set(condition.fall_per_min)})
    return _("%(point)s %(how)s a minute") % {"point": point.title, "how": _(" or ").join(parts)}


def _state(condition: Any, name: Callable[[str], PointName]) -> str:
    point = name(condition.point)
    words = _(" or ").join(point.say(float(code)) for code in condition.codes)
    return _("%(point)s: %(value)s") % {"point": point.title, "value": words}


def _silence(condition: Any, name: Callable[[str], PointName]) -> str:
    title = name(condition.point).title
    if not condition.after_s:
        return _("Nothing new of %(point)s for three times as long as expected") % {"point": title}
    return _("Nothing new of %(point)s for %(time)s") % {
        "point": title, "time": say_seconds(condition.after_s)
    }  # fmt: skip


def _formula(condition: Any, name: Callable[[str], PointName]) -> str:
    titles = {each: name(word).title for each, word in condition.points.items()}

    def titled(found: re.Match[str]) -> str:
        # Quoted: a title may have blanks and signs of its own.
        return f"“{titles[found[0]]}”" if found[0] in titles else found[0]

    return _NAME.sub(titled, condition.expression.strip())


_CONDITIONS: dict[type, Callable[[Any, Callable[[str], PointName]], str]] = {
    Limit: _limit, Deviation: _deviation, Rate: _rate, StateIs: _state, Silence: _silence, Formula: _formula,
}  # fmt: skip

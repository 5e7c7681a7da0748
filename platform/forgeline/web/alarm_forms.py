"""The form of a rule, to and from its definition. What a rule may say is decided by alarms.definitions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from django import forms
from django.utils.text import slugify
from django.utils.translation import get_language, gettext as _, gettext_lazy

from forgeline.alarms.definitions import MAX_SEVERITY, PRIORITY_NAMES, Definition, Level, Priority, dump
from forgeline.alarms.judging.expressions import Expression
from forgeline.base.errors import InvalidInputError
from forgeline.pages.templatetags.forgeline import state_word
from forgeline.telemetry.state_rules import MachineState
from forgeline.web.alarm_points import PointChoice, PointSelect, StateBoxes

KINDS = (
    ("limit", gettext_lazy("Limit: a value is above or below")),
    ("deviation", gettext_lazy("Deviation: a value is too far from its setpoint")),
    ("rate", gettext_lazy("Rate of change: a value rises or falls too fast")),
    ("state", gettext_lazy("State: a state or a yes-or-no is there")),
    ("silence", gettext_lazy("No data: a point tells nothing new")),
    ("expression", gettext_lazy("Expression over several points")),
)
LEVELS = (
    (Level.HIGH_HIGH.value, gettext_lazy("HH: far above")), (Level.HIGH.value, gettext_lazy("H: above")),
    (Level.LOW.value, gettext_lazy("L: below")), (Level.LOW_LOW.value, gettext_lazy("LL: far below")),
)  # fmt: skip
FIELDS_OF = {
    "limit": ("point", "level", "limit", "deadband"),
    "deviation": ("point", "setpoint_point", "setpoint", "above", "below", "deadband"),
    "rate": ("point", "rise_per_min", "fall_per_min", "deadband"),
    "state": ("point", "states", "codes"),
    "silence": ("point", "after_s"),
    "expression": ("expression", "names"),
}
"""The fields of each kind of condition, in the order of the page."""
_NEEDED = {"limit": ("limit",), "expression": ("expression",)}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SAME = (
    "priority", "severity", "on_delay_s", "off_delay_s", "latches", "quiet_states", "quiet_under", "only_in_shifts",
)  # fmt: skip
_WORDS = ("name", "consequence", "instruction")
_LANGUAGES = (("en", "en"), ("zh-hans", "zh_hans"))


class RuleForm(forms.Form):
    """All that a rule says; only the fields of its kind count."""

    name_en = forms.CharField(label=gettext_lazy("Name in English"), max_length=120, required=False)
    name_zh_hans = forms.CharField(label=gettext_lazy("Name in Chinese"), max_length=120, required=False)
    key = forms.SlugField(
        label=gettext_lazy("Key"), max_length=60, required=False,
        help_text=gettext_lazy("How programs and other rules call it. Empty: made of the name."),
    )  # fmt: skip
    kind = forms.ChoiceField(label=gettext_lazy("When does it come?"), choices=KINDS, initial="limit")
    point = forms.ChoiceField(label=gettext_lazy("Point"), required=False, widget=PointSelect)
    level = forms.ChoiceField(label=gettext_lazy("Level"), choices=LEVELS, required=False, initial="H")
    limit = forms.FloatField(label=gettext_lazy("Limit"), required=False)
    setpoint_point = forms.ChoiceField(
        label=gettext_lazy("Setpoint: a point"), required=False, widget=PointSelect
    )
    setpoint = forms.FloatField(label=gettext_lazy("or a fixed number"), required=False)
    above = forms.FloatField(label=gettext_lazy("More than so much over it"), required=False, min_value=0)
    below = forms.FloatField(label=gettext_lazy("More than so much under it"), required=False, min_value=0)
    rise_per_min = forms.FloatField(
        label=gettext_lazy("Rises by more than, a minute"), required=False, min_value=0
    )
    fall_per_min = forms.FloatField(
        label=gettext_lazy("Falls by more than, a minute"), required=False, min_value=0
    )
    deadband = forms.FloatField(
        label=gettext_lazy("Deadband"), required=False, min_value=0,
        help_text=gettext_lazy("So far back inside the value must be before the alarm goes: it keeps noise quiet."),
    )  # fmt: skip
    states = forms.MultipleChoiceField(
        label=gettext_lazy("It comes in these states"), required=False, widget=StateBoxes
    )
    codes = forms.CharField(
        label=gettext_lazy("Codes"), required=False, max_length=200,
        help_text=gettext_lazy("Numbers with commas between; 1 is yes and 0 is no."),
    )  # fmt: skip
    after_s = forms.FloatField(
        label=gettext_lazy("Silent for (s)"), required=False, min_value=0,
        help_text=gettext_lazy("Empty: three times as long as the point is expected to take."),
    )  # fmt: skip
    expression = forms.CharField(
        label=gettext_lazy("Expression"), required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy(
            "It comes while this holds, such as: discharge_pressure - line_pressure > 1.5 and load > 20."
        ),
    )  # fmt: skip
    names = forms.CharField(
        label=gettext_lazy("Names of other machines' points"), required=False, max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy(
            "Keys of this machine need none. One a line for others, such as: outside = #812, where 812 is the number"
            " in the address of the point's page."
        ),
    )  # fmt: skip
    priority = forms.ChoiceField(
        label=gettext_lazy("Priority"), choices=[(each.value, word) for each, word in PRIORITY_NAMES.items()],
        initial=Priority.MEDIUM.value,
        help_text=gettext_lazy("How soon somebody must act: of a hundred alarms five are high, few critical."),
    )  # fmt: skip
    severity = forms.IntegerField(
        label=gettext_lazy("Severity"), required=False, min_value=1, max_value=MAX_SEVERITY,
        help_text=gettext_lazy("1 to 1,000: what stands first among alarms of one priority. Empty: as usual."),
    )  # fmt: skip
    on_delay_s = forms.FloatField(
        label=gettext_lazy("Comes after (s)"), required=False, min_value=0,
        help_text=gettext_lazy("So long the condition must hold."),
    )  # fmt: skip
    off_delay_s = forms.FloatField(
        label=gettext_lazy("Goes after (s)"), required=False, min_value=0,
        help_text=gettext_lazy("So long it must have gone."),
    )  # fmt: skip
    latches = forms.BooleanField(label=gettext_lazy("Stands until somebody acknowledges it"), required=False)
    quiet_states = forms.MultipleChoiceField(
        label=gettext_lazy("Silent while the machine is"), required=False, widget=forms.CheckboxSelectMultiple,
        choices=lambda: [(state.value, state_word(state.value)) for state in MachineState],
    )  # fmt: skip
    quiet_under = forms.MultipleChoiceField(
        label=gettext_lazy("Silent while another alarm of the machine stands"), required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    only_in_shifts = forms.BooleanField(label=gettext_lazy("Only during the plant's shifts"), required=False)
    lowest = forms.FloatField(label=gettext_lazy("Operators may move the limit from"), required=False)
    highest = forms.FloatField(label=gettext_lazy("up to"), required=False)
    consequence_en = forms.CharField(
        label=gettext_lazy("If nothing is done, in English"), required=False, max_length=300
    )
    consequence_zh_hans = forms.CharField(
        label=gettext_lazy("If nothing is done, in Chinese"), required=False, max_length=300
    )
    instruction_en = forms.CharField(
        label=gettext_lazy("What to do, in English"), required=False, max_length=300
    )
    instruction_zh_hans = forms.CharField(
        label=gettext_lazy("What to do, in Chinese"), required=False, max_length=300
    )
    is_enabled = forms.BooleanField(label=gettext_lazy("In use"), required=False, initial=True)
    note = forms.CharField(label=gettext_lazy("Why this change?"), required=False, max_length=200)

    def __init__(
        self, *args: Any, points: Sequence[PointChoice], others: Sequence[tuple[str, str]], has_key: bool,
        is_draft: bool = False, initial: Mapping[str, Any] | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        """``is_draft``: it is only said in words or tried, for which it needs no name."""
        initial = dict(initial or {})
        # What is most often asked for is a limit, and a state has none.
        numeric = (point.key for point in points if point.is_numeric)
        initial.setdefault("point", next(numeric, None))
        self._points = {point.key: point for point in points}
        codes = initial.get("codes", ())
        declared = self._states_of(initial["point"])
        initial["states"] = [f"{initial['point']}:{code}" for code in codes if str(code) in declared]
        initial["codes"] = ", ".join(str(code) for code in codes if str(code) not in declared)
        super().__init__(*args, **kwargs)
        self.initial = initial
        self._is_draft = is_draft
        self._taken = {key for key, _title in others}
        choices: Any = self.fields
        titles = [(point.key, point.title) for point in points]
        choices["point"].choices = titles
        choices["setpoint_point"].choices = [("", "–"), *titles]
        choices["point"].widget.points = choices["setpoint_point"].widget.points = self._points
        choices["states"].choices = [
            (point.title, [(f"{point.key}:{code}", word) for code, word in point.states.items()])
            for point in points
            if point.states
        ]
        choices["quiet_under"].choices = others
        if self._points:
            own = _("The points of this machine: %(keys)s.") % {"keys": ", ".join(sorted(self._points))}
            choices["expression"].help_text = f"{choices['expression'].help_text} {own}"
        if not others:
            del self.fields["quiet_under"]
        if has_key:
            del self.fields["key"]

    def clean(self) -> dict[str, Any]:
        """Ask for what the kind of condition needs."""
        given: dict[str, Any] = super().clean() or {}
        for name in _NEEDED.get(given.get("kind", ""), ()):
            if name not in self.errors and given.get(name) in (None, ""):
                self.add_error(name, _("This is needed."))
        if given.get("kind") == "state" and "codes" not in self.errors and not self._codes(given):
            self.add_error("states" if self._states_of(given.get("point")) else "codes", _("This is needed."))
        if given.get("kind") == "expression" and given.get("expression"):
            try:
                Expression(given["expression"])
            except InvalidInputError as error:
                self.add_error("expression", str(error))
        if (
            given.get("kind") == "deviation"
            and not given.get("setpoint_point")
            and given.get("setpoint") is None
        ):
            self.add_error("setpoint", _("Choose a point, or write a number."))
        if (given.get("lowest") is None) != (given.get("highest") is None):
            self.add_error("highest", _("Bounds have two ends."))
        if not self._is_draft and not given.get("name_en") and not given.get("name_zh_hans"):
            reads_chinese = (get_language() or "en").lower().startswith("zh")
            self.add_error("name_zh_hans" if reads_chinese else "name_en", _("Give the rule a name."))
        if "key" in self.fields and self.chosen_key in self._taken:
            self.add_error(
                "key", _("There is a rule with this key already; change that one, or choose another key.")
            )
        return given

    def list_errors(self) -> list[str]:
        """Return every error as a sentence that names its field."""
        return [
            _("%(field)s: %(fault)s") % {"field": self.fields[name].label, "fault": sentence}
            if name in self.fields
            else str(sentence)
            for name, found in self.errors.items()
            for sentence in found
        ]

    def _states_of(self, key: str | None) -> Mapping[str, str]:
        point = self._points.get(key or "")
        return point.states if point else {}

    def _codes(self, given: dict[str, Any]) -> list[int]:
        """Return the ticked states of the chosen point, and codes that were typed because it declares none."""
        ticked = [box.rpartition(":") for box in given.get("states") or ()]
        codes = [int(code) for key, _colon, code in ticked if key == given.get("point")]
        return list(dict.fromkeys([*codes, *(given.get("codes") or ())]))

    def clean_codes(self) -> list[int]:
        words = re.split(r"[,，;\s]+", self.cleaned_data["codes"].strip())
        try:
            return [int(word) for word in words if word]
        except ValueError:
            raise forms.ValidationError(_("Write whole numbers with commas between.")) from None

    def clean_names(self) -> dict[str, str]:
        found = {}
        for line in self.cleaned_data["names"].splitlines():
            if line.strip():
                name, _equals, word = line.partition("=")
                if not _NAME.fullmatch(name.strip()) or not word.strip():
                    raise forms.ValidationError(_("Write “name = #812”, one a line."))
                found[name.strip()] = word.strip()
        return found

    @property
    def chosen_key(self) -> str:
        """The key as given, else made of the name, else (a Chinese name makes none) of the kind and a number."""
        given = self.cleaned_data
        key = given.get("key") or slugify(given.get("name_en", "")).replace("-", "_")[:60]
        numbered = (f"{given.get('kind', 'rule')}_{number}" for number in count(1))
        return str(key or next(each for each in numbered if each not in self._taken))

    def definition(self) -> dict[str, Any]:
        """Return the rule as services take it; the form is valid."""
        given = self.cleaned_data
        bounds = None
        if given["lowest"] is not None and given["kind"] == "limit":
            bounds = {"lowest": given["lowest"], "highest": given["highest"]}
        return {
            **{
                word: {
                    code: given[f"{word}_{field}"] for code, field in _LANGUAGES if given[f"{word}_{field}"]
                }
                for word in _WORDS
            },
            "condition": {"kind": given["kind"], **getattr(self, f"_{given['kind']}")(given)},
            "priority": given["priority"],
            "severity": given["severity"],
            "on_delay_s": given["on_delay_s"] or 0.0,
            "off_delay_s": given["off_delay_s"] or 0.0,
            "latches": given["latches"],
            "quiet_states": given["quiet_states"],
            "quiet_under": given.get("quiet_under", []),
            "only_in_shifts": given["only_in_shifts"],
            "operator_bounds": bounds,
        }

    def _limit(self, given: dict[str, Any]) -> dict[str, Any]:
        return {
            "point": given["point"], "level": given["level"] or "H", "limit": given["limit"],
            "deadband": given["deadband"] or 0.0,
        }  # fmt: skip

    def _deviation(self, given: dict[str, Any]) -> dict[str, Any]:
        return {
            "point": given["point"], "setpoint": given["setpoint_point"] or given["setpoint"],
            "above": given["above"], "below": given["below"], "deadband": given["deadband"] or 0.0,
        }  # fmt: skip

    def _rate(self, given: dict[str, Any]) -> dict[str, Any]:
        return {
            "point": given["point"], "rise_per_min": given["rise_per_min"],
            "fall_per_min": given["fall_per_min"], "deadband": given["deadband"] or 0.0,
        }  # fmt: skip

    def _state(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"point": given["point"], "codes": self._codes(given)}

    def _silence(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"point": given["point"], "after_s": given["after_s"] or 0.0}

    def _expression(self, given: dict[str, Any]) -> dict[str, Any]:
        """Names that are keys of the machine mean its points; others are told by ``names``."""
        words = set(_NAME.findall(given["expression"]))
        own = {word: word for word in words if word in self._points}
        return {"expression": given["expression"], "points": {**own, **given["names"]}}


def initial_of(definition: Definition) -> dict[str, Any]:
    """Return what the form begins with."""
    raw = dump(definition)
    condition = dict(raw["condition"])
    found = {
        name: raw[name]
        for name in (
            "priority",
            "on_delay_s",
            "off_delay_s",
            "latches",
            "quiet_states",
            "quiet_under",
            "only_in_shifts",
        )
    }
    for word in _WORDS:
        found |= {f"{word}_{field}": raw[word].get(code, "") for code, field in _LANGUAGES}
    if raw["operator_bounds"]:
        found |= raw["operator_bounds"]
    if isinstance(condition.get("setpoint"), str):
        condition["setpoint_point"] = condition.pop("setpoint")
    if "points" in condition:
        named = {name: word for name, word in condition.pop("points").items() if name != word}
        condition["names"] = "\n".join(f"{name} = {word}" for name, word in named.items())
    if not condition.get("after_s", 1):
        condition["after_s"] = None
    # 105, not 105.0, is what somebody has written.
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in (found | condition).items()
    }

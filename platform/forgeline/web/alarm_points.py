"""The points that a rule may be about, as the form of a rule offers them: each with the conditions that it fits.

Not here: the form itself (alarm_forms).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.utils.translation import get_language

from forgeline.alarms.wording import PointName, names_of_profile
from forgeline.assets.models.point import Kind
from forgeline.assets.profiles import Profile
from forgeline.assets.queries import list_points
from forgeline.base.unit_words import display_unit
from forgeline.pages.templatetags.forgeline import words_of

_NUMERIC = (Kind.GAUGE, Kind.COUNTER)


@dataclass(frozen=True, slots=True)
class PointChoice:
    """A point that a rule may be about. ``states``: code → word in the reader's language."""

    key: str
    title: str
    kind: Kind
    states: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_numeric(self) -> bool:
        return self.kind in _NUMERIC

    @property
    def fits(self) -> str:
        """The kinds of conditions that it can be in."""
        return "limit deviation rate silence" if self.is_numeric else "state silence"


class PointSelect(forms.Select):
    """A list of points; rule.js shows those alone that fit the chosen kind of condition."""

    points: Mapping[str, PointChoice] = {}

    def create_option(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(*args, **kwargs)
        if point := self.points.get(str(option["value"])):
            option["attrs"]["data-fits"] = point.fits
        return option


class StateBoxes(forms.CheckboxSelectMultiple):
    """The states of all points, each box with the point that it belongs to."""

    def create_option(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(*args, **kwargs)
        option["attrs"]["data-state-of"] = str(option["value"]).rpartition(":")[0]
        return option


def points_of_machine(asset_id: int) -> list[PointChoice]:
    """Return the points of a machine that rules read."""
    return [
        PointChoice(point.key, _titled(point.title, point.unit), Kind(point.kind), _whole(words_of(point)))
        for point in list_points(asset_id=asset_id).exclude(kind=Kind.TEXT)
    ]


def points_of_profile(profile: Profile) -> list[PointChoice]:
    """Return the points of a profile that rules read."""
    language = get_language() or "en"
    name: Callable[[str], PointName] = names_of_profile(profile)
    return [
        PointChoice(
            spec.key, _titled(spec.name_in(language), spec.unit), Kind[spec.kind.upper()],
            _whole(name(spec.key).labels),
        )
        for spec in profile.points
        if spec.kind != "text"
    ]  # fmt: skip


def _titled(title: str, unit: str) -> str:
    return f"{title} ({display_unit(unit)})" if unit else title


def _whole(words: Mapping[str, str]) -> dict[str, str]:
    """Rules compare states with whole numbers."""
    return {code: word for code, word in words.items() if code.lstrip("-").isdigit()}

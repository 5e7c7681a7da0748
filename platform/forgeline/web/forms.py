"""The forms of set-up. What may be written is decided by assets.services; these ask for it."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import get_language, gettext_lazy as _

from forgeline.assets.industries import INDUSTRIES
from forgeline.assets.models import Asset, Point, Site
from forgeline.assets.models.place import AssetLevel
from forgeline.assets.models.point import Kind
from forgeline.assets.profiles import PROFILES
from forgeline.assets.roles import POINT_ROLES
from forgeline.assets.services.holidays import list_countries, name_country
from forgeline.tenancy.models import Tenant

_COMMON_ZONES = (
    "Asia/Shanghai", "Asia/Hong_Kong", "Asia/Taipei", "Asia/Singapore", "Asia/Tokyo", "Asia/Kolkata",
    "Europe/Berlin", "Europe/London", "America/New_York", "America/Chicago", "America/Los_Angeles", "UTC",
)  # fmt: skip


def zone_choices() -> list[tuple[Any, Any]]:
    """Time zones for a choice, the common ones first."""
    every = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))
    return [
        (_("Common"), [(zone, zone) for zone in _COMMON_ZONES]),
        (_("All"), [(zone, zone) for zone in every if zone not in _COMMON_ZONES]),
    ]


def _countries() -> list[tuple[str, str]]:
    return [("", "–"), *((code, name_country(code)) for code in list_countries())]


def _profiles() -> list[tuple[str, Any]]:
    language = get_language() or "en"
    industry = INDUSTRIES.get(Tenant.objects.values_list("industry", flat=True).get())
    likely = () if industry is None else industry.profiles
    keys = [*(key for key in likely if key in PROFILES), *(key for key in PROFILES if key not in likely)]
    return [
        ("", _("None: points are made by hand")),
        *((key, PROFILES[key].name_in(language)) for key in keys),
    ]


class NamedForm(forms.Form):
    """A name, and what the plant's people call it in the product's other languages."""

    name = forms.CharField(label=_("Name"), max_length=120)
    name_en = forms.CharField(label=_("Name in English"), max_length=120, required=False)
    name_zh_hans = forms.CharField(
        label=_("Name in Chinese"), max_length=120, required=False,
        help_text=_("Readers of that language see it; without one they see the name."),
    )  # fmt: skip

    NAMES = {"en": "name_en", "zh-hans": "name_zh_hans"}

    @classmethod
    def initial_of(cls, row: Site | Asset | Point) -> dict[str, str]:
        """Return what the name's fields begin with."""
        return {"name": row.name, **{each: row.names.get(word, "") for word, each in cls.NAMES.items()}}

    @property
    def facts(self) -> dict[str, Any]:
        """The cleaned data as services take it."""
        given = dict(self.cleaned_data)
        given["names"] = {word: given.pop(each) for word, each in self.NAMES.items()}
        return given

    def order_fields(self, field_order: Any) -> None:
        """Names in other languages stand last: most plants need none."""
        super().order_fields(field_order)
        for each in self.NAMES.values():
            self.fields[each] = self.fields.pop(each)


class SiteForm(NamedForm):
    zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=zone_choices,
        help_text=_("Days, shifts and all times of this plant follow it."),
    )
    country = forms.ChoiceField(
        label=_("Country of holidays"), required=False, choices=_countries,
        help_text=_("Its public holidays can be taken over into the calendar."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        here = self.initial.get("country", "")
        choices = dict(self.fields["country"].choices)  # type: ignore[attr-defined]
        if here not in choices:
            # A program may have written one whose holidays nobody knows; it stays until a person chooses another.
            self.fields["country"].choices = [*choices.items(), (here, here)]  # type: ignore[attr-defined]


class AssetForm(NamedForm):
    """An area, a line or a machine."""

    level = forms.ChoiceField(
        label=_("What is it?"), choices=AssetLevel.choices, initial=AssetLevel.WORK_UNIT
    )
    field_order = ("level",)
    parent = forms.ChoiceField(label=_("Belongs to"), required=False)
    profile = forms.ChoiceField(
        label=_("Device profile"), required=False, choices=_profiles,
        help_text=_("For a machine: brings its points, their units and the rule of its states."),
    )  # fmt: skip

    def __init__(
        self, *args: Any, parents: list[tuple[str, str]], is_new: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["parent"].choices = parents  # type: ignore[attr-defined]
        if not is_new:
            del self.fields["level"]


class PointForm(NamedForm):
    """One point of a machine."""

    key = forms.CharField(
        label=_("Key"), max_length=120, help_text=_("How its source names it, such as power.")
    )
    field_order = ("key",)
    kind = forms.TypedChoiceField(label=_("Kind"), choices=Kind.choices, coerce=int, initial=Kind.GAUGE)
    unit = forms.CharField(
        label=_("Unit"),
        max_length=32,
        required=False,
        help_text=_("By UCUM: Cel, kW, kWh, bar, m3/h, /min, mm/s."),
    )
    role = forms.ChoiceField(
        label=_("Role"), required=False, help_text=_("What the value is for; modules find it by this."),
        choices=lambda: [("", "–"), *((role.key, role.title) for role in POINT_ROLES.values())],
    )  # fmt: skip
    expected_interval_s = forms.FloatField(label=_("Expected every (s)"), initial=60, min_value=0.001)
    decimals = forms.IntegerField(label=_("Decimals"), initial=1, min_value=0, max_value=9)
    valid_min = forms.FloatField(label=_("Lowest valid value"), required=False)
    valid_max = forms.FloatField(label=_("Highest valid value"), required=False)

    def __init__(self, *args: Any, is_new: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_new:
            del self.fields["key"]

"""Device profiles: what a kind of machine tells, one YAML file each. Read once; all faults of all files at once.

A section of a file belongs to the area of its name, which validates it (``profile_sections`` of its manifest); what
stands under ``modules`` belongs to modules, and is left alone where one is not installed (decision 0015).
Not here: what a section means to its owner.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from forgeline.assets.roles import POINT_ROLES
from forgeline.base.units import UnitError, check_unit, units_fit
from forgeline.modules.registry import list_manifests

FOLDER = Path(__file__).parent
KINDS = ("gauge", "counter", "state", "boolean", "text")
LANGUAGES = ("en", "zh-hans")


class PointSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One point that a machine of this profile has."""

    key: str
    name: dict[str, str]
    kind: str = "gauge"
    unit: str = ""
    role: str = ""
    expected_interval_s: float = 60.0
    decimals: int = 1
    valid: tuple[float, float] | None = None
    labels: dict[int | str, dict[str, str]] = {}

    def name_in(self, language: str) -> str:
        return self.name.get(language.lower()) or self.name["en"]

    @property
    def valid_min(self) -> float | None:
        return None if self.valid is None else self.valid[0]

    @property
    def valid_max(self) -> float | None:
        return None if self.valid is None else self.valid[1]


class AssetsSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The section of this area: the points."""

    points: tuple[PointSpec, ...]


class Profile(msgspec.Struct, frozen=True):
    """One device profile; ``sections`` holds the raw sections of the other areas and modules."""

    key: str
    name: dict[str, str]
    points: tuple[PointSpec, ...]
    sections: dict[str, Any]

    def name_in(self, language: str) -> str:
        return self.name.get(language.lower()) or self.name["en"]


class ProfileBook(Mapping[str, Profile]):
    """All profiles by key, read on first use. **Raises** ImproperlyConfigured with every fault of every file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getitem__(self, key: str) -> Profile:
        return self._profiles[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._profiles)

    def __len__(self) -> int:
        return len(self._profiles)

    @cached_property
    def _profiles(self) -> dict[str, Profile]:
        checks = {
            name: import_string(path) for m in list_manifests() for name, path in m.profile_sections.items()
        }
        profiles, faults = read_profiles(self._folder, checks)
        if faults:
            raise ImproperlyConfigured("Device profiles cannot be used: " + " ".join(faults))
        return profiles


def read_profiles(folder: Path, checks: Mapping[str, Any]) -> tuple[dict[str, Profile], list[str]]:
    """Return the profiles of a folder by key, and the faults; ``checks`` maps a section to ``f(section, points)``."""
    profiles: dict[str, Profile] = {}
    faults: list[str] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            raw = msgspec.yaml.decode(path.read_bytes(), type=dict[str, Any])
            key, name = str(raw.pop("key")), msgspec.convert(raw.pop("name"), dict[str, str])
            section = msgspec.convert(raw.pop("assets"), AssetsSection, strict=False)
            of_modules = msgspec.convert(raw.pop("modules", {}), dict[str, Any])
        except (msgspec.MsgspecError, KeyError) as error:
            faults.append(f"{path.name}: {error}.")
            continue
        installed = {word: each for word, each in of_modules.items() if word in checks}
        profile = Profile(key=key, name=name, points=section.points, sections={**installed, **raw})
        faults += [f"{path.name}: {fault}" for fault in _faults_of(profile, path.stem, checks)]
        profiles[key] = profile
    return profiles, faults


def _faults_of(profile: Profile, stem: str, checks: Mapping[str, Any]) -> Iterator[str]:
    if profile.key != stem:
        yield f"its key is {profile.key}, its file says {stem}."
    yield from (f"its name lacks {language}." for language in LANGUAGES if not profile.name.get(language))
    keys = [point.key for point in profile.points]
    yield from (f"the point {key} is there twice." for key in sorted({k for k in keys if keys.count(k) > 1}))
    for point in profile.points:
        yield from (f"{point.key} {fault}" for fault in _faults_of_point(point))
    for name, section in profile.sections.items():
        if name not in checks:
            yield f"the section {name} belongs to nobody."
        else:
            yield from (f"{name}: {fault}" for fault in checks[name](section, tuple(keys)))


def _faults_of_point(point: PointSpec) -> Iterator[str]:
    yield from (f"lacks a name in {language}." for language in LANGUAGES if not point.name.get(language))
    if point.kind not in KINDS:
        yield f"has the unknown kind {point.kind}."
    try:
        check_unit(point.unit)
    except UnitError as error:
        yield str(error)
        return
    role = POINT_ROLES.get(point.role) if point.role else None
    if point.role and role is None:
        yield f"has the unknown role {point.role}."
    if role is not None and role.units and not units_fit(point.unit, role.units):
        yield f"has the unit {point.unit}, which does not fit its role {point.role}."
    if point.expected_interval_s <= 0:
        yield "is expected every 0 seconds or less."
    if point.valid is not None and point.valid[0] >= point.valid[1]:
        yield "has a valid range that is empty."


PROFILES = ProfileBook(FOLDER)

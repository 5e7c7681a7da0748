"""Every device profile stands alone: a machine made from it has its points and a rule of its states, and its industry
offers it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.utils import translation

from forgeline.assets import services
from forgeline.assets.industries import INDUSTRIES
from forgeline.assets.models import Point
from forgeline.assets.profiles import FOLDER, PROFILES, read_profiles
from forgeline.telemetry.state_rules import MachineState, check_section, parse_section
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company

FAMILIES = {
    "chiller", "cnc", "compressor", "fan", "furnace", "gearbox", "induction_furnace", "injection", "lathe", "motor",
    "press", "pump", "robot",
}  # fmt: skip


def test_profiles_are_there_for_every_family_without_a_fault() -> None:
    assert set(PROFILES) == FAMILIES
    assert {path.stem for path in FOLDER.glob("*.yaml")} == FAMILIES


def test_names_of_profiles_differ_in_each_language() -> None:
    for language in ("en", "zh-hans"):
        assert len({profile.name_in(language) for profile in PROFILES.values()}) == len(FAMILIES)


@pytest.mark.parametrize("key", sorted(FAMILIES))
def test_states_are_read_from_codes_that_the_point_has(key: str) -> None:
    profile = PROFILES[key]
    rule = parse_section(profile.sections["telemetry"]).states
    assert rule is not None
    points = {point.key: point for point in profile.points}
    labels = {int(code) for code in points[rule.point].labels}
    if rule.map:
        assert set(rule.map) == labels
    if rule.override is not None:
        assert set(rule.override.map) <= {int(code) for code in points[rule.override.point].labels}
    states = {*rule.map.values(), *(threshold.state for threshold in rule.thresholds)}
    assert {MachineState.RUNNING, MachineState.OFF} <= states
    assert check_section(profile.sections["telemetry"], tuple(points)) == []


@pytest.mark.parametrize("key", sorted(FAMILIES))
def test_a_machine_of_a_profile_has_its_points(company: Company, key: str) -> None:
    with tenant_scope(company.tenant_id), translation.override("zh-hans"):
        site = services.create_site(name="Works")
        machine = services.create_asset(
            site_id=site.pk, level="work_unit", name="M 1", profile=key, with_points=True
        )
        made = {point.key: point for point in Point.objects.filter(asset=machine)}
        assert set(made) == {spec.key for spec in PROFILES[key].points}
        for spec in PROFILES[key].points:
            point = made[spec.key]
            assert (point.unit, point.role, point.title) == (spec.unit, spec.role, spec.name["zh-hans"])
            assert (point.valid_min, point.valid_max) == (spec.valid_min, spec.valid_max)
            # What the profile makes, the services take as well: nothing there that a person could not save.
            services.update_point(point_id=point.pk, decimals=spec.decimals)


def test_industries_name_profiles_that_are_there() -> None:
    named = {key for industry in INDUSTRIES.values() for key in industry.profiles}
    assert named == FAMILIES
    assert INDUSTRIES["machining"].profiles[:2] == ("cnc", "lathe")
    assert INDUSTRIES["plastics"].profiles[0] == "injection"


def test_every_fault_of_every_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "saw.yaml").write_text(
        "key: saw\nname: {en: Saw}\nassets: {points: [{key: a, name: {en: A, zh-hans: A}, unit: furlongs}]}\n"
        "modules: {health: {features: []}, absent: {}}\n",
        encoding="utf-8",
    )
    _profiles, faults = read_profiles(tmp_path, {"health": lambda section, points: [f"{section} {points}."]})
    assert len(faults) == 3
    assert "saw.yaml: its name lacks zh-hans." in faults
    assert "saw.yaml: health: {'features': []} ('a',)." in faults

"""The device profiles and the demo plant speak of the same points."""

from pathlib import Path

import pytest
import yaml

from demoplant.catalogue import build_plant
from demoplant.model import MachineSpec

PROFILES = Path(__file__).parents[2] / "platform" / "forgeline" / "assets" / "profiles"
ONE_EACH = {machine.profile: machine for machine in build_plant()}


@pytest.mark.parametrize("machine", ONE_EACH.values(), ids=ONE_EACH)
def test_a_machine_says_what_its_profile_names(machine: MachineSpec) -> None:
    profile = yaml.safe_load((PROFILES / f"{machine.profile}.yaml").read_text(encoding="utf-8"))
    named = {point["key"]: point for point in profile["assets"]["points"]}
    assert set(named) == {point.key for point in machine.points}
    for point in machine.points:
        there = named[point.key]
        assert there["kind"] == point.kind, point.key
        assert there.get("unit", "") == point.unit, point.key
        assert there.get("role", "") == point.role, point.key
        assert there["expected_interval_s"] == point.expected_s, point.key
        assert set(there.get("labels", {})) == set(point.labels), point.key

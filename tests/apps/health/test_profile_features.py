"""What the profiles say of health and of plans: it holds water, and a machine takes it over through the services."""

from __future__ import annotations

import pytest
from django.utils import translation

from apps.health.models import MaintenancePlan
from apps.health.profile_features import Worse, check_section, parse_section
from apps.health.profiles import parse_section as parse_plans
from apps.health.services.defaults import adopt_profile_plans
from forgeline.alarms.plan import read_plan
from forgeline.alarms.profiles import list_rules
from forgeline.assets import services
from forgeline.assets.profiles import PROFILES
from forgeline.identity.policy import Actor, permissions_of
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company

KEYS = sorted(PROFILES)


@pytest.mark.parametrize("key", KEYS)
def test_features_are_measurements_within_what_is_valid(key: str) -> None:
    profile = PROFILES[key]
    points = {point.key: point for point in profile.points}
    health = parse_section(profile.sections["health"])
    assert check_section(profile.sections["health"], tuple(points)) == []
    assert len(health.features) >= 2
    assert health.regime in points
    for feature in health.features:
        point = points[feature.point]
        assert point.kind == "gauge", feature.point
        if feature.limit is not None and point.valid is not None:
            assert point.valid[0] < feature.limit < point.valid[1], feature.point


@pytest.mark.parametrize("key", KEYS)
def test_a_limit_is_never_reached_before_the_first_alarm(key: str) -> None:
    health = parse_section(PROFILES[key].sections["health"])
    limits = {f.point: f for f in health.features if f.limit is not None}
    for rule in list_rules(key).values():
        found = limits.get(getattr(rule.condition, "point", ""))
        level, limit = getattr(rule.condition, "level", None), getattr(rule.condition, "limit", None)
        if found is None or level not in ("H", "L") or found.limit is None or limit is None:
            continue
        assert limit <= found.limit if found.worse is Worse.HIGH else limit >= found.limit, found.point


@pytest.mark.parametrize("key", KEYS)
def test_a_new_machine_has_rules_in_force_and_takes_its_plans(company: Company, key: str) -> None:
    with tenant_scope(company.tenant_id), translation.override("zh-hans"):
        actor = Actor(company.tenant_id, "manager", label="A", permissions=permissions_of("manager"))
        site = services.create_site(name="Works")
        machine = services.create_asset(
            site_id=site.pk, level="work_unit", name="M 1", profile=key, with_points=True
        )
        rules = read_plan(asset_ids=[machine.pk])
        assert {rule.key for rule in rules} == set(list_rules(key))
        assert [(rule.key, rule.faults) for rule in rules if not rule.is_judged] == []

        proposed = parse_plans(PROFILES[key].sections["maintenance"]).plans
        made = adopt_profile_plans(machine.pk, actor=actor)
        assert [plan.name for plan in made] == [plan.name["zh-hans"] for plan in proposed]
        assert MaintenancePlan.objects.filter(asset=machine).count() == len(proposed) >= 2
        assert {plan.alarm for plan in proposed if plan.alarm} <= set(list_rules(key))


def test_every_rule_of_the_new_profiles_says_what_follows_and_what_to_do() -> None:
    new = set(KEYS) - {"press", "cnc", "furnace", "compressor"}
    silent = [
        f"{key}.{name}"
        for key in new
        for name, rule in list_rules(key).items()
        if set(rule.consequence) != {"en", "zh-hans"} or set(rule.instruction) != {"en", "zh-hans"}
    ]
    assert silent == []


def test_what_depends_on_running_is_quiet_while_the_machine_is_off() -> None:
    low = [
        f"{key}.{name}"
        for key in KEYS
        for name, rule in list_rules(key).items()
        if getattr(rule.condition, "level", None) in ("L", "LL")
        and "off" not in rule.quiet_states
        # A brake that is weak stays weak while the robot is off.
        and not name.startswith("brake")
    ]
    assert low == []


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        ({"features": []}, "name at least one feature."),
        ({"features": [{"point": "oil", "worse": "high"}]}, "there is no point oil."),
        ({"features": [{"point": "a", "worse": "high"}], "regime": "b"}, "there is no point b."),
        ({"features": [{"point": "a", "worse": "high"}] * 2}, "the feature a is there twice."),
        ({"features": [{"point": "a", "worse": "high"}], "regime": "a"}, "a is the regime and a feature"),
        ({"features": [{"point": "a", "worse": "both", "limit": 3}]}, "a is worse both ways"),
        (
            {"features": [{"point": "a", "worse": "low", "limit": float("inf")}]},
            "the limit of a is no number.",
        ),
        ({"features": [{"point": "a", "worse": "up"}]}, "Invalid enum value 'up'"),
        ({"features": [{"point": "a", "worse": "low", "weight": 3}]}, "unknown field `weight`"),
    ],
)
def test_a_fault_of_the_section_is_told(section: dict[str, object], fault: str) -> None:
    [told] = check_section(section, ["a"])
    assert fault in told

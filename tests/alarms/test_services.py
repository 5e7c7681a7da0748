"""What people do to alarms and rules: each a line of the journal or a version, with the person's name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from forgeline.alarms import queries, services
from forgeline.alarms.models import Alarm, JournalEntry, Rule
from forgeline.alarms.plan import Source, read_plan
from forgeline.assets.models import Point
from forgeline.assets.services import create_asset, create_points_of_profile, update_point
from forgeline.base.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from forgeline.identity.policy import Actor
from forgeline.tenancy.scoping import tenant_scope
from tests.alarms.conftest import Court
from tests.telemetry.conftest import make_plant

HOT = {
    "name": {"en": "Oil hot"},
    "condition": {"kind": "limit", "point": "oil", "level": "H", "limit": 80.0, "deadband": 5.0},
}


def _actor(court: Court, *permissions: str) -> Actor:
    return Actor(court.plant.tenant_id, "manager", label="Alice", permissions=frozenset(permissions))


@pytest.fixture
def engineer(court: Court) -> Actor:
    return _actor(court, "alarms.view", "alarms.acknowledge", "alarms.edit")


@pytest.fixture
def operator(court: Court) -> Actor:
    return _actor(court, "alarms.view", "alarms.acknowledge")


@pytest.fixture
def hot(court: Court, engineer: Actor) -> Court:
    """The press's oil is hot, and its alarm active."""
    court.add_point("oil", unit="Cel")
    with tenant_scope(court.plant.tenant_id):
        services.publish_rule(HOT, key="hot", asset_id=court.plant.machine.pk, actor=engineer)
    court.run()
    court.say("oil", (0, 99))
    court.run(after_s=1)
    return court


@pytest.fixture
def scope(court: Court) -> Iterator[None]:
    with tenant_scope(court.plant.tenant_id):
        yield


def _kinds(court: Court) -> list[str]:
    return [entry[1] for entry in court.journal()]


def test_acknowledged_once_and_by_name(hot: Court, operator: Actor) -> None:
    alarm_id = hot.alarm("hot").pk
    with tenant_scope(hot.plant.tenant_id):
        assert services.acknowledge([alarm_id], actor=operator, text="seen") == 1
        assert services.acknowledge([alarm_id], actor=operator) == 0
        entry = JournalEntry.objects.get(kind="acknowledged")
    assert (entry.person_name, entry.text) == ("Alice", "seen")
    assert _kinds(hot) == ["raised", "acknowledged"]


def test_viewer_answers_nothing(hot: Court) -> None:
    with tenant_scope(hot.plant.tenant_id), pytest.raises(ForbiddenError):
        services.acknowledge([hot.alarm("hot").pk], actor=_actor(hot, "alarms.view"))


def test_alarm_of_another_company_is_not_there(hot: Court, operator: Actor) -> None:
    other = make_plant("Bob")
    with tenant_scope(other.tenant_id), pytest.raises(NotFoundError):
        services.acknowledge([hot.alarm("hot").pk], actor=operator)


def test_shelved_alarm_comes_back_by_itself(hot: Court, operator: Actor) -> None:
    alarm_id = hot.alarm("hot").pk
    with tenant_scope(hot.plant.tenant_id):
        with pytest.raises(InvalidInputError):
            services.shelve([alarm_id], minutes=10, reason=" ", actor=operator)
        with pytest.raises(InvalidInputError):
            services.shelve([alarm_id], minutes=60 * 24 * 8, reason="later", actor=operator)
        services.shelve([alarm_id], minutes=10, reason="sensor is being changed", actor=operator)
        assert not queries.list_alarms("open").exists()
        assert [alarm.pk for alarm in queries.list_alarms("shelved")] == [alarm_id]
    hot.say("oil", (0, 60), (1, 99))
    hot.run(after_s=2)
    assert [entry[3] for entry in hot.journal() if entry[1] in {"raised", "cleared"}] == [False, True, True]
    # The shelf's time is a person's, by the wall clock; the court's clock stands an hour behind it.
    hot.run(after_s=75 * 60)
    alarm = hot.alarm("hot")
    assert (alarm.shelved_until, alarm.is_active, alarm.is_acknowledged) == (None, True, False)


def test_out_of_service_until_somebody_returns_it(hot: Court, engineer: Actor, operator: Actor) -> None:
    alarm_id = hot.alarm("hot").pk
    with tenant_scope(hot.plant.tenant_id):
        with pytest.raises(ForbiddenError):
            services.put_out_of_service([alarm_id], reason="rebuilt", actor=operator)
        services.put_out_of_service([alarm_id], reason="rebuilt", actor=engineer)
        assert not queries.list_alarms("open").exists()
        services.return_to_service([alarm_id], actor=engineer)
        assert queries.list_alarms("open").get().is_acknowledged is False


def test_rule_is_published_in_versions(court: Court, engineer: Actor, scope: None) -> None:
    court.add_point("oil")
    machine = court.plant.machine.pk
    rule = services.publish_rule(HOT, key="hot", asset_id=machine, actor=engineer)
    warmer = {**HOT, "condition": {**HOT["condition"], "limit": 90.0}}
    services.publish_rule(warmer, key="hot", asset_id=machine, number=1, note="summer", actor=engineer)
    with pytest.raises(ConflictError):
        services.publish_rule(HOT, key="hot", asset_id=machine, number=1, actor=engineer)
    assert services.roll_back(rule.pk, number=1, actor=engineer).number == 3
    versions = list(queries.list_versions(rule))
    assert [(v.number, v.definition["condition"]["limit"], v.publisher) for v in versions] == [
        (3, 80.0, "Alice"), (2, 90.0, "Alice"), (1, 80.0, "Alice")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ({"kind": "limit", "point": "water", "level": "H", "limit": 1}, "There is no point water here."),
        ({"kind": "expression", "expression": "a.b", "points": {}}, "may be used"),
        ({"kind": "expression", "expression": "9**9**9 > a", "points": {"a": "oil"}}, "may be used"),
        ({"kind": "deviation", "point": "oil", "setpoint": "power", "above": 2}, "choose points of one unit"),
        ({"kind": "limit", "point": "oil", "level": "sideways", "limit": 1}, "cannot be read"),
    ],
)
def test_rule_that_makes_no_sense_is_refused_with_a_sentence(
    court: Court, engineer: Actor, scope: None, condition: dict[str, Any], sentence: str
) -> None:
    court.add_point("oil", unit="Cel")
    court.add_point("power", unit="kW")
    with pytest.raises(InvalidInputError, match=sentence):
        services.publish_rule(
            {"name": {"en": "x"}, "condition": condition}, key="x", asset_id=court.plant.machine.pk, actor=engineer
        )  # fmt: skip
    assert not Rule.objects.exists()


def test_operator_moves_a_limit_within_bounds(
    hot: Court, engineer: Actor, operator: Actor, scope: None
) -> None:
    machine = hot.plant.machine.pk
    with pytest.raises(ForbiddenError):
        services.move_limit(asset_id=machine, key="hot", limit=85, actor=operator)
    bound = {**HOT, "operator_bounds": {"lowest": 75, "highest": 90}}
    services.publish_rule(bound, key="hot", asset_id=machine, actor=engineer)
    with pytest.raises(InvalidInputError, match="between 75 and 90"):
        services.move_limit(asset_id=machine, key="hot", limit=95, actor=operator)
    rule = services.move_limit(asset_id=machine, key="hot", limit=85, note="hot day", actor=operator)
    assert (rule.definition["condition"]["limit"], rule.number) == (85, 3)
    assert queries.list_versions(rule)[0].note == "hot day"


def test_active_alarm_follows_a_moved_limit(hot: Court, engineer: Actor) -> None:
    with tenant_scope(hot.plant.tenant_id):
        services.move_limit(asset_id=hot.plant.machine.pk, key="hot", limit=120, actor=engineer)
    hot.run(after_s=1)
    assert _kinds(hot) == ["raised", "cleared"]


def test_machine_overrides_what_it_inherits(court: Court, engineer: Actor, scope: None) -> None:
    court.plant.machine.profile = "press"
    court.plant.machine.save()
    court.add_point("bearing_temperature", unit="Cel")
    own = {**HOT, "condition": {**HOT["condition"], "point": "bearing_temperature"}}
    services.publish_rule(own, key="oil_hot", profile="press", actor=engineer)

    def in_force() -> tuple[Source, float]:
        rule = next(rule for rule in read_plan() if rule.key == "oil_hot")
        return rule.source, rule.definition.condition.limit  # type: ignore[union-attr]

    assert in_force() == (Source.COMPANY, 80.0)
    rule = services.move_limit(asset_id=court.plant.machine.pk, key="oil_hot", limit=70, actor=engineer)
    assert in_force() == (Source.MACHINE, 70.0)
    services.remove_rule(rule.pk, actor=engineer)
    assert in_force() == (Source.COMPANY, 80.0)


def test_latched_alarm_waits_for_a_person(court: Court, engineer: Actor) -> None:
    court.add_point("oil")
    court.add_rule("hot", HOT["condition"], latches=True)  # type: ignore[arg-type]
    court.run()
    court.say("oil", (0, 99), (1, 20))
    court.run(after_s=2)
    alarm = court.alarm("hot")
    assert (alarm.is_active, alarm.is_latched) == (False, True)
    with tenant_scope(court.plant.tenant_id):
        services.acknowledge([alarm.pk], actor=engineer)
        assert not queries.list_alarms("open").exists()
        assert not Alarm.objects.get().is_latched


def test_rules_that_would_suppress_each_other_are_refused(court: Court, engineer: Actor, scope: None) -> None:
    court.add_point("oil")
    machine = court.plant.machine.pk
    services.publish_rule(HOT, key="one", asset_id=machine, actor=engineer)
    services.publish_rule({**HOT, "quiet_under": ["one"]}, key="two", asset_id=machine, actor=engineer)
    with pytest.raises(InvalidInputError, match="suppress each other"):
        services.publish_rule({**HOT, "quiet_under": ["two"]}, key="one", asset_id=machine, actor=engineer)


def test_numbers_are_of_the_unit_that_they_were_written_for(hot: Court, engineer: Actor) -> None:
    machine, oil = hot.plant.machine.pk, hot.points["oil"]
    with tenant_scope(hot.plant.tenant_id):
        update_point(point_id=oil, unit="[degF]")
        rule = Rule.objects.get()
        assert rule.definition["units"] == {"point": "Cel"}
        [in_force] = read_plan(asset_ids=[machine])
    assert not in_force.is_judged
    assert in_force.faults == (
        "The numbers were written for oil in °C, and it is in °F now; look at them and publish the rule again.",
    )
    hot.run(after_s=60)
    with tenant_scope(hot.plant.tenant_id):
        assert queries.count_unjudged() == 1
        assert hot.alarm("hot").is_active is False
        with pytest.raises(InvalidInputError, match="in °F now"):
            services.roll_back(rule.pk, number=1, actor=engineer)
        with pytest.raises(InvalidInputError, match="in °F now"):
            services.move_limit(asset_id=machine, key="hot", limit=70.0, actor=engineer)
        services.publish_rule(HOT, key="hot", asset_id=machine, actor=engineer)
        [in_force] = read_plan(asset_ids=[machine])
    assert (in_force.is_judged, in_force.definition.units) == (True, {"point": "[degF]"})
    hot.say("oil", (120, 99))
    hot.run(after_s=121)
    with tenant_scope(hot.plant.tenant_id):
        assert queries.count_unjudged() == 0
        assert hot.alarm("hot").is_active is True


def test_a_profiles_rule_is_not_judged_on_a_point_of_another_unit(court: Court, scope: None) -> None:
    press = create_asset(site_id=court.plant.site.pk, name="Press", level="work_unit", profile="press")
    create_points_of_profile(asset_id=press.pk)
    before = {rule.key: rule for rule in read_plan(asset_ids=[press.pk])}
    assert all(rule.is_judged for rule in before.values())
    key, rule = next(
        (key, rule) for key, rule in before.items() if rule.definition.units.get("point") == "Cel"
    )
    point = Point.objects.get(asset=press, key=rule.definition.condition.inputs["point"])
    update_point(point_id=point.pk, unit="K")
    after = {rule.key: rule for rule in read_plan(asset_ids=[press.pk])}
    assert "in °C, and it is in K now" in after[key].faults[0]

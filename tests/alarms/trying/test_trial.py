"""A trial over stored samples says what the live judge journalled for them, and what a changed rule would change."""

from __future__ import annotations

import random
from typing import Any

import pytest

from forgeline.alarms.trying.machine import MachineTrial
from forgeline.alarms.trying.subjects import ask, find_subjects
from forgeline.alarms.trying.trial import Span, try_at_once
from forgeline.base import clock
from forgeline.base.errors import InvalidInputError, NotFoundError
from forgeline.tenancy.scoping import tenant_scope
from tests.alarms.conftest import MINUTE, Court, S, quiet_ingest

__all__ = ["quiet_ingest"]

RULES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "hot": ({"kind": "limit", "point": "oil", "level": "H", "limit": 80.0, "deadband": 3.0}, {}),
    "cold": (
        {"kind": "limit", "point": "oil", "level": "L", "limit": 70.0},
        {"on_delay_s": 20, "off_delay_s": 15},
    ),
    "fast": ({"kind": "rate", "point": "oil", "rise_per_min": 60.0}, {}),
    "away": ({"kind": "deviation", "point": "oil", "setpoint": "wish", "above": 8.0, "below": 8.0}, {}),
    "dead": ({"kind": "silence", "point": "oil", "after_s": 25.0}, {}),
    "both": (
        {"kind": "expression", "expression": "o > 75 and w < 76", "points": {"o": "oil", "w": "wish"}},
        {"on_delay_s": 5},
    ),
}


def span_of(court: Court, from_us: int) -> Span:
    return Span(1, from_us, court.now_us)


def try_rule(court: Court, raw: dict[str, Any], from_us: int, key: str = "") -> dict[str, Any]:
    with tenant_scope(court.plant.tenant_id):
        question = ask(raw, asset_id=court.plant.machine.pk, profile="", key=key)
        return try_at_once(question, find_subjects(question), span_of(court, from_us))


def test_trial_says_what_the_live_judge_journalled(court: Court) -> None:
    court.add_point("oil", unit="Cel")
    court.add_point("wish", unit="Cel", expected_interval_s=60)
    for key, (condition, said) in RULES.items():
        court.add_rule(key, condition, **said)
    from_us = court.now_us
    court.run()
    chance = random.Random(7)
    value = 75.0
    for _ in range(60):
        rows = []
        for at in range(10):
            value += chance.uniform(-4, 4) + (75 - value) * 0.05
            if chance.random() < 0.85:
                rows.append((float(at), value))
        if chance.random() < 0.6 and rows:
            court.say("oil", *rows)
        if chance.random() < 0.3:
            court.say("wish", (0.5, chance.uniform(70, 80)))
        court.run(after_s=10)
    court.run(after_s=5)
    for key, (condition, said) in RULES.items():
        told = [(what, at) for rule, what, at, _quiet in court.journal() if rule == key]
        found = try_rule(court, {"name": {"en": key}, "condition": condition, **said}, from_us, key)
        [machine] = found["machines"]
        tried = []
        for row in machine["alarms"]:
            tried.append(("raised", row["begin"]))
            if row["end"] is not None:
                tried.append(("cleared", row["end"]))
        assert [(what, _seconds(court, at)) for what, at in tried] == told, key
        assert len(told) > 2, key
        assert machine["change"] == {"added": 0, "removed": 0, "minutes_added": 0.0, "minutes_removed": 0.0}
        assert machine["new"] == machine["current"]


def _seconds(court: Court, iso: str) -> float:
    from datetime import datetime

    return (clock.to_us(datetime.fromisoformat(iso)) - court.now_us) / S


@pytest.fixture
def told(court: Court) -> Court:
    """Half an hour of oil that is above 80 in three stretches: 5, 3 and 1 minutes."""
    court.add_point("oil", unit="Cel")
    court.now_us += 30 * MINUTE - court.now_us % MINUTE
    hot = {*range(2, 7), *range(12, 15), 20}
    for minute in range(30):
        value = 90.0 if minute in hot else 70.0
        court.say("oil", *((minute * 60.0 + at - 1800, value + minute / 100) for at in range(0, 60, 10)))
    return court


def limit(size: float, **said: Any) -> dict[str, Any]:
    condition = {"kind": "limit", "point": "oil", "level": "H", "limit": size}
    return {"name": {"en": "hot"}, "condition": condition, **said}


def test_counts_minutes_longest_and_peak(told: Court) -> None:
    found = try_rule(told, limit(80), told.now_us - 30 * MINUTE)
    [machine] = found["machines"]
    new = machine["new"]
    assert (new["alarms"], new["minutes"], new["longest_minutes"], new["suppressed"]) == (3, 9.0, 5.0, 0)
    assert [(row["minutes"], row["peak"]) for row in machine["alarms"]] == [(5, 90.06), (3, 90.14), (1, 90.2)]
    assert sum(day["alarms"] for day in new["days"]) == 3
    assert sum(day["minutes"] for day in new["days"]) == 9.0
    assert machine["current"] is None
    assert machine["change"]["added"] == 3
    assert machine["points"][0]["coverage"] == 1.0
    assert "fired 3 times and stood for 9 minutes" in found["sentences"][1]
    assert not found["is_noisy"]


def test_what_comes_and_goes_against_the_rule_that_stands(told: Court) -> None:
    told.add_rule("hot", limit(80)["condition"])
    found = try_rule(told, limit(80, on_delay_s=90), told.now_us - 30 * MINUTE, "hot")
    [machine] = found["machines"]
    assert machine["change"] == {"added": 0, "removed": 1, "minutes_added": 0.0, "minutes_removed": 4.0}
    assert [row["minutes"] for row in machine["gone"]] == [1.0]
    assert machine["current"]["alarms"] == 3
    assert "0 alarms would come and 1 would go" in found["sentences"][1]
    found = try_rule(told, limit(60), told.now_us - 30 * MINUTE, "hot")
    [machine] = found["machines"]
    assert machine["change"] == {"added": 0, "removed": 0, "minutes_added": 21.0, "minutes_removed": 0.0}
    assert machine["alarms"][0]["end"] is None


def test_states_shifts_and_other_alarms_suppress(told: Court) -> None:
    from datetime import time

    from forgeline.alarms.models import Alarm, JournalEntry
    from forgeline.assets.models import Shift
    from forgeline.telemetry.models import StateInterval

    begin_us = told.now_us - 30 * MINUTE
    machine = told.plant.machine
    with tenant_scope(told.plant.tenant_id):
        StateInterval.objects.create(
            asset=machine,
            state="off",
            started_at=clock.from_us(begin_us),
            ended_at=clock.from_us(begin_us + 9 * MINUTE),
        )
        alarm = Alarm.objects.create(asset=machine, key="power", definition={}, since_us=0, changed_us=0)
        for minute, kind in ((11, "raised"), (13, "cleared")):
            JournalEntry.objects.create(
                alarm=alarm, kind=kind, happened_at=clock.from_us(begin_us + minute * MINUTE)
            )
        told.add_rule("power", limit(1000)["condition"])
    quiet = try_rule(told, limit(80, quiet_states=["off"]), begin_us)["machines"][0]
    assert (quiet["new"]["alarms"], quiet["new"]["suppressed"], quiet["new"]["minutes"]) == (2, 1, 4.0)
    assert [row["is_suppressed"] for row in quiet["alarms"]] == [True, False, False]
    under = try_rule(told, limit(80, quiet_under=["power"]), begin_us)["machines"][0]
    # One minute of the second alarm lies outside: it is told then.
    assert (under["new"]["alarms"], under["new"]["suppressed"], under["new"]["minutes"]) == (3, 0, 8.0)
    idle = try_rule(told, limit(80, only_in_shifts=True), begin_us)["machines"][0]
    assert (idle["new"]["alarms"], idle["new"]["suppressed"]) == (0, 3)
    assert any("3 alarms would have been suppressed" in sentence for sentence in idle["sentences"])
    with tenant_scope(told.plant.tenant_id):
        Shift.objects.create(
            site=told.plant.site,
            name="all",
            starts_at=time(0),
            ends_at=time(0),
            weekdays=[1, 2, 3, 4, 5, 6, 7],
        )
    busy = try_rule(told, limit(80, only_in_shifts=True), begin_us)["machines"][0]
    assert (busy["new"]["alarms"], busy["new"]["suppressed"]) == (3, 0)


def test_rule_that_always_stands_is_of_no_use_either(court: Court) -> None:
    court.add_point("oil", unit="Cel", expected_interval_s=60)
    from_us = court.now_us
    court.now_us += 25 * 60 * MINUTE
    court.say("oil", *((float(at), 90.0) for at in range(-25 * 3600, 0, 60)))
    found = try_rule(court, limit(80), from_us)
    assert found["is_noisy"]
    assert "stood nearly all of the time" in " ".join(found["sentences"])
    assert not try_rule(court, limit(95), from_us)["is_noisy"]


def test_rule_that_chatters_is_told_with_what_would_calm_it(court: Court) -> None:
    court.add_point("oil", expected_interval_s=1)
    chance = random.Random(3)
    from_us = court.now_us
    court.now_us += 2400 * S
    court.say("oil", *((at - 2400, 80 + chance.uniform(-1, 1)) for at in range(2400)))
    found = try_rule(court, limit(80), from_us)
    [machine] = found["machines"]
    fired = machine["new"]["alarms"]
    assert machine["is_noisy"]
    assert fired > 400
    assert machine["new"]["chattering_share"] > 0.9
    calmer = {row["what"]: row for row in machine["calmer"]}
    assert calmer["deadband"]["alarms"] <= fired / 10
    assert calmer["on_delay_s"]["alarms"] <= fired / 10
    again = try_rule(court, calmer["deadband"]["definition"], from_us)["machines"][0]
    assert again["new"]["alarms"] == calmer["deadband"]["alarms"]
    text = " ".join(found["sentences"])
    assert "within ten minutes; nobody can answer that" in text
    assert f"A deadband of {calmer['deadband']['size']:g} would leave" in text
    assert "An on-delay of 5 s would leave" in text


def test_trial_that_is_kept_anywhere_finds_the_same(told: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    from forgeline.alarms.trying import feeding
    from forgeline.alarms.trying.trial import find

    monkeypatch.setattr(feeding, "MOST_AT_ONCE", 10)
    monkeypatch.setattr("forgeline.alarms.trying.findings.MOST_IN_TEN_MINUTES", 1)
    with tenant_scope(told.plant.tenant_id):
        question = ask(limit(80), asset_id=told.plant.machine.pk, profile="", key="")
        [subject] = find_subjects(question)
        span = told.now_us - 30 * MINUTE, told.now_us
        whole = MachineTrial(subject, *span)
        while not whole.is_done:
            whole.step()
        pieces = MachineTrial(subject, *span)
        steps, progress = 0, -1.0
        while not pieces.is_done:
            pieces.step()
            assert pieces.progress >= progress
            progress = pieces.progress
            kept = pieces.keep()
            pieces = MachineTrial(subject, *span)
            pieces.take_up(kept)
            steps += 1
        assert steps > 20
        assert find(question, subject, pieces, most_listed=9) == find(question, subject, whole, most_listed=9)


def test_what_is_no_rule_is_told_with_its_remedy(told: Court, foreign_machine: int) -> None:
    told.add_rule("first", limit(80)["condition"], quiet_under=["second"])
    told.add_rule("second", limit(80)["condition"], quiet_under=["third"])
    told.add_rule("third", limit(80)["condition"])
    since = told.now_us - 30 * MINUTE
    for raw, key, sentence in (
        (
            {**limit(80), "condition": {**limit(80)["condition"], "point": "gas"}},
            "",
            "There is no point gas here.",
        ),
        (limit(80, quiet_under=["first"]), "third", "This rule and first would suppress each other"),
        (
            {
                "name": {"en": "x"},
                "condition": {"kind": "expression", "expression": "x ** 9", "points": {"x": "oil"}},
            },
            "",
            "Only + - * /",
        ),
    ):
        with pytest.raises(InvalidInputError) as caught:
            try_rule(told, raw, since, key)
        assert sentence in str(caught.value)
    told.add_point("gas")
    raw = {**limit(80), "condition": {**limit(80)["condition"], "point": "gas"}}
    with pytest.raises(
        InvalidInputError, match="Nothing was stored of gas in this span; nothing can be said"
    ):
        try_rule(told, raw, since)
    with tenant_scope(told.plant.tenant_id), pytest.raises(NotFoundError):
        ask(limit(80), asset_id=foreign_machine, profile="", key="")


@pytest.fixture
def foreign_machine(quiet_ingest: None) -> int:
    from tests.telemetry.conftest import make_plant

    return int(make_plant("Charlie").machine.pk)


def test_machine_with_a_rule_of_its_own_keeps_it(told: Court) -> None:
    from forgeline.alarms.trying.jobs import _Slice
    from forgeline.alarms.trying.models import Trial
    from forgeline.alarms.trying.service import try_rule as ask_for
    from forgeline.identity.policy import Actor

    told.add_point("power", unit="kW")
    with tenant_scope(told.plant.tenant_id):
        told.plant.machine.profile = "press"
        told.plant.machine.save()
    raw = {"name": {"en": "x"}, "condition": {"kind": "limit", "point": "power", "level": "H", "limit": 1.0}}
    told.add_rule("mine", raw["condition"])
    actor = Actor(told.plant.tenant_id, "manager", permissions=frozenset({"alarms.edit"}))
    sentences = []
    for key in ("mine", "other"):
        with tenant_scope(told.plant.tenant_id):
            trial = ask_for(raw, profile="press", key=key, days=90, actor=actor)
        _Slice(told.plant.tenant_id, trial.pk, now=clock.now, slice_s=60).run()
        with tenant_scope(told.plant.tenant_id):
            row = Trial.objects.get(pk=trial.pk)
        assert row.result["total"]["machines"] == 0
        assert row.result["days"] == 30
        sentences += row.result["sentences"]
    assert sentences[0] == "Raw samples are kept for 30 days here, so 30 of the 90 days were tried."
    assert "Press 1 was not tried: This machine has a rule of its own under this key" in sentences[1]
    assert "Press 1 was not tried: Nothing was stored of power in this span" in sentences[3]


def test_setpoint_that_says_nothing_is_named(told: Court) -> None:
    told.add_point("wish", unit="Cel")
    condition = {"kind": "deviation", "point": "oil", "setpoint": "wish", "above": 5.0}
    with pytest.raises(InvalidInputError, match="Nothing was stored of wish in this span"):
        try_rule(told, {"name": {"en": "x"}, "condition": condition}, told.now_us - 30 * MINUTE)

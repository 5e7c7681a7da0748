"""The judge follows the commit log: each transition once, through crashes, gaps, clocks that jump and other judges."""

from __future__ import annotations

from typing import Any

import pytest

from forgeline.alarms.judge import LEASE_S, Judge
from forgeline.telemetry import followers, queries
from forgeline.tenancy.scoping import tenant_scope
from tests.alarms.conftest import MINUTE, Court, S

HOT = {"kind": "limit", "point": "oil", "level": "H", "limit": 80.0, "deadband": 5.0}


@pytest.fixture
def hot(court: Court) -> Court:
    court.add_point("oil", unit="Cel")
    court.add_rule("hot", HOT)
    assert court.run().is_mine
    return court


def test_alarm_comes_and_goes_in_the_samples_time(hot: Court) -> None:
    hot.say("oil", (1, 70), (2, 81), (3, 79), (4, 74), (5, 90))
    hot.run(after_s=6)
    assert hot.journal() == [
        ("hot", "raised", -4, False),
        ("hot", "cleared", -2, False),
        ("hot", "raised", -1, False),
    ]
    alarm = hot.alarm("hot")
    assert (alarm.is_active, alarm.is_acknowledged, alarm.value) == (True, False, 90)


def test_last_value_is_judged_by_a_rule_that_is_new(court: Court) -> None:
    court.add_point("oil")
    court.say("oil", (-5, 99))
    court.add_rule("hot", HOT)
    court.run()
    assert court.journal() == [("hot", "raised", -5, False)]


def test_value_that_has_ceased_to_hold_raises_nothing(court: Court) -> None:
    court.add_point("oil")
    court.say("oil", (-500, 99))
    court.add_rule("hot", HOT)
    court.run()
    assert court.journal() == []


def test_crash_loses_and_doubles_nothing(hot: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    hot.say("oil", (1, 81), (2, 70))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(followers, "move", die)
        with pytest.raises(KeyboardInterrupt):
            hot.run(after_s=3)
    assert hot.journal() == []
    hot.say("oil", (-0.5, 85))
    hot.run()
    expected = [("hot", "raised", -2, False), ("hot", "cleared", -1, False), ("hot", "raised", -0.5, False)]
    assert hot.journal() == expected
    # Another process begins with what is written, and says nothing again.
    fresh = Judge(hot.plant.tenant_id, "first")
    hot.run(judge=fresh)
    assert hot.journal() == expected


@pytest.mark.parametrize("is_new", [True, False], ids=["a judge that begins", "a rule that is published"])
def test_what_is_stored_while_rules_are_read_is_judged(
    hot: Court, monkeypatch: pytest.MonkeyPatch, *, is_new: bool
) -> None:
    read, said = queries.read_last_before, iter([((-5, 81), (-4, 70)), ((-3, 81), (-2, 70), (-1, 81))])

    def store_and_read(*asked: Any) -> Any:
        for each in next(said, ()):
            hot.say("oil", each)
        return read(*asked)

    if is_new:
        hot.judge = Judge(hot.plant.tenant_id, "first")
    else:
        hot.add_rule("warm", {**HOT, "limit": 75.0})
    monkeypatch.setattr(queries, "read_last_before", store_and_read)
    hot.run(after_s=6)
    hot.run(after_s=1)
    assert next(said, None) is None
    assert [row[1:3] for row in hot.journal() if row[0] == "hot"] == [
        ("raised", -6), ("cleared", -5), ("raised", -4), ("cleared", -3), ("raised", -2),
    ]  # fmt: skip


@pytest.mark.parametrize("cut", range(1, 8))
def test_judge_that_starts_anew_anywhere_says_the_same(court: Court, cut: int) -> None:
    court.add_point("oil")
    court.add_rule("hot", HOT, on_delay_s=2, off_delay_s=1)
    court.run()
    values = [70, 90, 90, 78, 90, 60, 61, 88, 89]
    for at, value in enumerate(values):
        court.say("oil", (0, value))
        if at == cut:
            court.judge = Judge(court.plant.tenant_id, "first")
        court.run(after_s=1)
    court.run(after_s=5)
    begin = -(len(values) + 5)
    assert court.journal() == [
        ("hot", "raised", begin + 3, False),
        ("hot", "cleared", begin + 6, False),
        ("hot", "raised", begin + 9, False),
    ]


def test_old_transitions_call_nobody_but_what_stands_does(hot: Court) -> None:
    hot.now_us += 40 * MINUTE
    hot.say("oil", (-2000, 90), (-1990, 60), (-1980, 90))
    hot.run()
    assert hot.journal() == [
        ("hot", "raised", -2000, True),
        ("hot", "cleared", -1990, True),
        ("hot", "raised", -1980, False),
    ]
    assert not hot.alarm("hot").is_acknowledged


def test_silence_is_an_alarm_and_ends_with_the_next_sample(court: Court) -> None:
    court.add_point("oil")
    court.add_rule("dead", {"kind": "silence", "point": "oil"})
    court.say("oil", (0, 1))
    for _ in range(6):
        assert court.run(after_s=5).due_us > court.now_us
    assert court.journal() == []
    court.run(after_s=3)
    assert court.journal() == [("dead", "raised", -3, False)]
    court.say("oil", (0, 1))
    court.run(after_s=1)
    assert court.journal()[1:] == [("dead", "cleared", -1, False)]


def test_judge_that_stood_still_waits_for_what_is_on_its_way(court: Court) -> None:
    court.add_point("oil")
    court.add_rule("dead", {"kind": "silence", "point": "oil"})
    court.say("oil", (0, 1))
    court.run()
    court.run(after_s=300)
    assert court.journal() == []
    # The spool is replayed: it had spoken all the time.
    court.say("oil", *((at, 1) for at in range(-290, 1, 10)))
    court.run(after_s=5)
    court.run(after_s=5)
    assert court.journal() == []


def test_forgeline_that_was_stopped_waits_for_what_is_on_its_way(court: Court) -> None:
    court.add_point("oil")
    court.add_point("water")
    for key in ("oil", "water"):
        court.add_rule(f"{key}_dead", {"kind": "silence", "point": key})
    court.run()
    court.say("oil", (0, 1))
    court.say("water", (0, 1))
    court.run(after_s=1)
    court.judge.release()
    court.judge = Judge(court.plant.tenant_id, "after the stop")
    court.run(after_s=600)
    court.say("oil", *((at, 1) for at in range(-590, 0, 10)))
    for round_number in range(14):
        court.run(after_s=5)
        court.say("oil", (0, 1))
        assert court.journal() == [] or round_number > 10
    assert [entry[:2] for entry in court.journal()] == [("water_dead", "raised")]


def test_judge_that_takes_over_tells_silence_at_once(court: Court) -> None:
    court.add_point("oil")
    court.add_rule("dead", {"kind": "silence", "point": "oil"})
    court.run()
    court.say("oil", (0, 1))
    court.run(after_s=25)
    court.run(after_s=LEASE_S, judge=Judge(court.plant.tenant_id, "after a crash"))
    assert [entry[:2] for entry in court.journal()] == [("dead", "raised")]


def test_expression_spans_points(court: Court) -> None:
    court.add_point("pressure")
    court.add_point("valve", kind=3)
    court.add_rule(
        "leak",
        {"kind": "expression", "expression": "p < 5 and v == 1", "points": {"p": "pressure", "v": "valve"}},
    )
    court.run()
    court.say("pressure", (0, 6), (1, 4), (2, 4))
    court.say("valve", (0, 0), (1.5, 1))
    court.run(after_s=4)
    assert court.journal() == [("leak", "raised", -2.5, False)]
    court.say("valve", (0, 0))
    court.run(after_s=2)
    assert court.journal()[1:] == [("leak", "cleared", -2, False)]


def test_clock_that_jumps_ahead_silences_nothing(hot: Court) -> None:
    hot.say("oil", (1, 70), (200, 70))
    hot.run(after_s=2)
    hot.say("oil", (0, 95))
    hot.run(after_s=1)
    assert hot.journal() == [("hot", "raised", -1, False)]


@pytest.mark.parametrize("starts_anew", [False, True])
def test_clock_that_is_put_back_silences_nothing(hot: Court, starts_anew: bool) -> None:
    hot.add_point("water")
    hot.add_rule("dry", {"kind": "silence", "point": "water"})
    hot.add_rule("slow", HOT, on_delay_s=5.0)
    hot.run()
    hot.say("water", (1, 1))
    hot.say("oil", (1, 95))
    hot.run(after_s=2)
    hot.now_us -= 30 * MINUTE
    if starts_anew:
        hot.judge.release()
        hot.judge = Judge(hot.plant.tenant_id, "second")
    hot.run()
    hot.say("water", (1, 1))
    hot.say("oil", (1, 70), (2, 96))
    hot.run(after_s=3)
    hot.say("oil", (6, 97))
    hot.run(after_s=9)
    for _ in range(20):
        hot.run(after_s=5)
    # What the wrong clock wrote (an hour "ahead" by now) is left out.
    told = [entry[:2] for entry in hot.journal() if entry[2] <= 0]
    assert told == [("hot", "cleared"), ("hot", "raised"), ("slow", "raised"), ("dry", "raised")]


def test_lease_of_a_clock_that_was_put_back_does_not_last(hot: Court) -> None:
    hot.now_us -= 30 * MINUTE
    assert hot.run(judge=Judge(hot.plant.tenant_id, "second")).is_mine
    assert not hot.run(after_s=1).is_mine


def test_alarm_of_a_stopped_machine_is_suppressed_and_told_when_it_runs(court: Court) -> None:
    with tenant_scope(court.plant.tenant_id):
        court.plant.machine.profile = "compressor"
        court.plant.machine.save()
    court.add_point("state", kind=2, expected_interval_s=100)
    court.add_point("pressure_net")
    court.add_rule(
        "low", {"kind": "limit", "point": "pressure_net", "level": "L", "limit": 5.0}, quiet_states=["off"]
    )
    court.run()
    court.say("state", (0, 0))
    court.say("pressure_net", (1, 2))
    court.run(after_s=2)
    assert court.journal() == [("low", "raised", -1, True)]
    assert court.alarm("low").is_acknowledged
    court.say("state", (0, 2))
    court.say("pressure_net", (0, 2))
    court.run(after_s=2)
    assert [entry[1:] for entry in court.journal()][1:] == [("unsuppressed", 0, False)]
    alarm = court.alarm("low")
    assert (alarm.is_suppressed, alarm.is_acknowledged, alarm.is_active) == (False, False, True)


def test_rule_that_is_taken_away_clears_its_alarm(hot: Court) -> None:
    from forgeline.alarms.models import Judgement, Rule

    hot.say("oil", (1, 99))
    hot.run(after_s=2)
    with tenant_scope(hot.plant.tenant_id):
        Rule.objects.update(is_enabled=False)
        Judgement.objects.update(revision=99)
    hot.run(after_s=1)
    assert [entry[1] for entry in hot.journal()] == ["raised", "cleared"]
    assert not hot.alarm("hot").is_active


def test_one_judges_until_its_lease_has_ended(hot: Court) -> None:
    other = Judge(hot.plant.tenant_id, "second")
    hot.say("oil", (1, 99))
    held = hot.run(after_s=2, judge=other)
    assert not held.is_mine
    assert held.until_us <= hot.now_us + LEASE_S * S
    assert hot.journal() == []
    assert hot.run(after_s=LEASE_S, judge=other).is_mine
    assert [entry[1] for entry in hot.journal()] == ["raised"]
    assert not hot.run(after_s=1).is_mine
    other.release()
    assert hot.run(after_s=1).is_mine


def test_machine_that_is_made_later_is_judged_within_seconds(court: Court) -> None:
    court.run()
    with tenant_scope(court.plant.tenant_id):
        court.plant.machine.profile = "compressor"
        court.plant.machine.save()
    court.add_point("discharge_temperature", unit="Cel")
    court.say("discharge_temperature", (1, 110))
    for _ in range(3):
        court.run(after_s=2)
    assert [entry[:2] for entry in court.journal()] == [("discharge_hot", "raised")]


def test_point_that_speaks_of_the_past_is_not_silent(court: Court) -> None:
    court.run()
    court.add_point("oil")
    court.add_rule("dead", {"kind": "silence", "point": "oil"})
    court.now_us += 3600 * S
    for day in range(5):
        court.say("oil", *((at - 3000 + 50 * day, 1) for at in range(0, 50, 10)))
        court.run(after_s=2)
    assert court.journal() == []
    # It had stood still itself for an hour, and waits a minute longer.
    for _ in range(14):
        court.run(after_s=5)
    assert [entry[:2] for entry in court.journal()] == [("dead", "raised")]

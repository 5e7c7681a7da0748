"""Bad actors of a week, with changes judged by what the judge would have done, or by the journal alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from forgeline.alarms import services
from forgeline.alarms.analysis import worst
from forgeline.alarms.analysis.evidence import Samples, Verdict
from forgeline.alarms.analysis.queries import calendar_of, read_positions
from forgeline.alarms.analysis.remedies import Change, Outcome
from forgeline.alarms.analysis.weeks import week_of
from forgeline.alarms.definitions import dump, parse
from forgeline.alarms.judging.book import Planned
from forgeline.alarms.models import Alarm, EntryKind, JournalEntry, Rule
from forgeline.alarms.plan import read_plan
from forgeline.alarms.trying.service import try_rule
from forgeline.assets.models import Asset, Site
from forgeline.base import clock
from forgeline.base.errors import InvalidInputError, NotFoundError
from forgeline.identity.policy import Actor
from forgeline.telemetry import ingest
from forgeline.telemetry.sample import SampleBatch
from forgeline.tenancy.scoping import tenant_scope
from tests.alarms.conftest import MINUTE, Court, S, court, quiet_ingest
from tests.telemetry.conftest import make_plant

__all__ = ["court", "quiet_ingest"]

RULE: dict[str, Any] = {"kind": "limit", "point": "oil", "level": "H", "limit": 80.0}


@pytest.fixture
def midweek(court: Court) -> Court:
    """The court, on the last Wednesday: no test depends on the day on which it runs."""
    today = clock.now().replace(hour=12, minute=0, second=0, microsecond=0)
    court.now_us = clock.to_us(today - timedelta(days=(today.weekday() - 2) % 7 or 7))
    return court


def site_of(court: Court) -> Site:
    return Site.objects.get(pk=court.plant.site.pk)


def chatter(court: Court, *, from_us: int, minutes: int, at_s: tuple[int, ...] = (0, 20, 40)) -> None:
    """Journal three calls a minute of 5 s each, and nothing else."""
    alarm_id = court.alarm("hot").pk
    entries = []
    for number in range(minutes):
        for begin_s in at_s:
            at_us = from_us + number * MINUTE + begin_s * S
            for kind, us in ((EntryKind.RAISED, at_us), (EntryKind.CLEARED, at_us + 5 * S)):
                entries.append(JournalEntry(alarm_id=alarm_id, kind=kind, happened_at=clock.from_us(us)))
    JournalEntry.objects.bulk_create(entries)


def make_alarm(court: Court, key: str = "hot") -> Alarm:
    """Make an alarm that has come."""
    return Alarm.objects.create(
        asset=court.plant.machine, key=key, since_us=0, changed_us=0, raised_at=clock.from_us(court.now_us),
        definition={"name": {"en": key}, "condition": RULE},
    )  # fmt: skip


@pytest.fixture
def week_us(midweek: Court) -> int:
    """A moment within the running week of the plant."""
    return midweek.now_us - 40 * MINUTE


def actors(court: Court, **asked: Any) -> list[dict[str, Any]]:
    with tenant_scope(court.plant.tenant_id):
        [result] = worst.compute_bad_actors(now_us=court.now_us + 60 * MINUTE, **asked)
    return list(result["bad_actors"])


def test_deadband_from_samples(court: Court, week_us: int) -> None:
    """Oil that trembles by half a degree around its limit, and is really hot for two minutes."""
    court.add_point("oil", unit="Cel")
    court.add_rule("hot", RULE)  # type: ignore[arg-type]
    size = 200
    value = 80 + np.tile([0.4, -0.1], size // 2)
    value[60:80] = 95.0
    ts = week_us + np.arange(size) * 10 * S
    batch = SampleBatch.from_columns([court.points["oil"]] * size, ts.tolist(), value.tolist())
    assert ingest.ingest_batch(batch, now_us=int(ts[-1]) + S).accepted == size
    court.now_us = int(ts[-1]) + S
    with tenant_scope(court.plant.tenant_id):
        make_alarm(court)
        chatter(court, from_us=week_us, minutes=30)
        judged = Samples(
            read_plan()[0].planned(), Asset.objects.select_related("site").get(), week_us, court.now_us
        )  # fmt: skip
        entries = read_positions([site_of(court)], {court.plant.site.pk: (week_us, court.now_us)})
        verdict = judged.judge(entries[0][court.plant.site.pk].calls)
    assert verdict is not None
    assert verdict.best is not None
    change, outcome = verdict.best
    assert (change.what, change.planned.definition.on_delay_s) == ("deadband", 0.0)
    assert change.size >= 0.5
    assert (outcome.before, outcome.after, outcome.real, outcome.lost) == (90, 1, 1, 0)
    assert verdict.coverage > 0.9
    with tenant_scope(court.plant.tenant_id):
        trial = try_rule(
            dump(change.planned.definition), asset_id=court.plant.machine.pk, key="hot", now_us=court.now_us,
            actor=Actor(court.plant.tenant_id, "x", permissions=frozenset({"alarms.edit"})),
        )  # fmt: skip
    total = trial.result["total"]
    assert (total["current"]["alarms"], total["new"]["alarms"]) == (outcome.before, outcome.after)


@pytest.mark.parametrize(
    ("before", "calls", "fits"), [(554, 31, False), (33, 31, True), (4, 90, False), (6, 5, True)]
)
def test_samples_that_tell_of_other_alarms_than_came_are_not_asked(
    before: int, calls: int, fits: bool
) -> None:
    change = Change(
        "off_delay_s", 10.0, Planned(1, "hot", parse({"name": {"en": "x"}, "condition": RULE}), {})
    )
    verdict = Verdict((change, Outcome(before, 2, 1, 0, 0.0)), 1.0)
    assert worst._fits(verdict, calls) == fits


def test_journal_where_samples_are_gone(court: Court, week_us: int) -> None:
    court.add_point("oil", unit="Cel")
    court.add_rule("hot", RULE, priority="low")  # type: ignore[arg-type]
    with tenant_scope(court.plant.tenant_id):
        make_alarm(court)
        chatter(court, from_us=week_us, minutes=30)
    [actor] = actors(court)
    assert (actor["key"], actor["count"], actor["share"], actor["minutes"]) == ("hot", 90, 1.0, 7.5)
    assert (actor["chattering_share"], actor["fleeting_share"], actor["median_duration_s"]) == (1.0, 1.0, 5.0)
    assert actor["median_acknowledge_s"] is None
    assert actor["rule"]["source"] == "machine"
    suggestion = actor["suggestion"]
    assert (suggestion["what"], suggestion["from"], suggestion["to"]) == ("off_delay_s", 0.0, 30.0)
    assert (suggestion["before"], suggestion["after"], suggestion["evidence"]) == (90, 1, "journal")
    definition = parse(suggestion["definition"])
    assert (definition.off_delay_s, definition.priority) == (30.0, "low")
    engineer = Actor(court.plant.tenant_id, "x", permissions=frozenset({"alarms.edit"}))
    with tenant_scope(court.plant.tenant_id):
        services.publish_rule(
            suggestion["definition"], key="hot", asset_id=court.plant.machine.pk, actor=engineer
        )


def test_why_nothing_is_suggested(court: Court, week_us: int) -> None:
    court.add_point("oil", unit="Cel")
    court.add_rule("hot", RULE)  # type: ignore[arg-type]
    with tenant_scope(court.plant.tenant_id):
        make_alarm(court)
        chatter(court, from_us=week_us, minutes=1)
    assert [(actor["suggestion"], actor["why"]) for actor in actors(court)] == [(None, "too_few")]
    with tenant_scope(court.plant.tenant_id):
        chatter(court, from_us=week_us + 5 * MINUTE, minutes=20, at_s=(0,))
        Rule.objects.update(is_enabled=False)
    assert actors(court)[0]["why"] == "disabled"
    with tenant_scope(court.plant.tenant_id):
        Rule.objects.all().delete()
    actor = actors(court)[0]
    assert (actor["why"], actor["rule"]) == ("not_in_force", None)


def test_rule_that_was_calmed_meanwhile_needs_no_change(midweek: Court) -> None:
    """The journal is full, the rule as it stands now would tell of nothing."""
    court = midweek
    court.add_point("oil", unit="Cel")
    court.add_rule("hot", {**RULE, "limit": 200.0})
    now_us = court.now_us
    ts = now_us - 1800 * S + np.arange(180) * 10 * S
    ingest.ingest_batch(
        SampleBatch.from_columns([court.points["oil"]] * 180, ts.tolist(), [90.0] * 180), now_us=now_us
    )
    with tenant_scope(court.plant.tenant_id):
        make_alarm(court)
        chatter(court, from_us=now_us - 1800 * S, minutes=29)
        judged = Samples(
            read_plan()[0].planned(), Asset.objects.select_related("site").get(), now_us - 1800 * S, now_us
        )  # fmt: skip
        spans = {court.plant.site.pk: (now_us - 1800 * S, now_us)}
        positions, _alarms, _journal = read_positions([site_of(court)], spans)
        verdict = judged.judge(positions[court.plant.site.pk].calls)
    assert verdict is not None
    assert (verdict.best, verdict.is_calm_now) == (None, True)


def test_ten_at_most_and_the_worst_first(court: Court, week_us: int) -> None:
    with tenant_scope(court.plant.tenant_id):
        for number in range(12):
            alarm = make_alarm(court, f"a{number}")
            JournalEntry.objects.bulk_create(
                JournalEntry(
                    alarm=alarm, kind="raised", happened_at=clock.from_us(week_us + (number * 20 + at) * S)
                )
                for at in range(number + 1)
            )
    found = actors(court)
    assert [actor["count"] for actor in found] == list(range(12, 2, -1))
    assert found[0]["share"] == round(12 / 78, 4)


def test_weeks_and_companies(midweek: Court) -> None:
    court, stranger = midweek, make_plant("Charlie")
    now = clock.from_us(court.now_us)
    with tenant_scope(court.plant.tenant_id):
        make_alarm(court)
        site = site_of(court)
        running = worst.choose_week(site, None, court.now_us)
        chatter(court, from_us=running.from_us - 600 * S, minutes=9)
        last = week_of(calendar_of(site), running.from_us - 1)
        [before] = worst.compute_bad_actors(week=last.word, now_us=court.now_us)
        assert (before["is_final"], before["alarms"], before["bad_actors"][0]["count"]) == (True, 27, 27)
        [here] = worst.compute_bad_actors(site_id=site.pk, now_us=court.now_us)
        assert (here["week"], here["is_final"], here["alarms"]) == (running.word, False, 0)
        next_word = week_of(calendar_of(site), running.to_us).word
        for word in (next_word, "2026-W60", "x"):
            with pytest.raises(InvalidInputError):
                worst.compute_bad_actors(week=word, now_us=court.now_us)
    with tenant_scope(stranger.tenant_id):
        [theirs] = worst.compute_bad_actors(week=last.word, now_us=court.now_us)
        assert (theirs["plant_name"], theirs["bad_actors"]) == ("Charlie plant", [])
        with pytest.raises(NotFoundError):
            worst.compute_bad_actors(site_id=site.pk)
    assert now - timedelta(days=14) < clock.from_us(last.from_us)


def test_queries_do_not_grow_with_alarms(court: Court, week_us: int) -> None:
    counts = []
    with tenant_scope(court.plant.tenant_id):
        for number in range(9):
            alarm = make_alarm(court, f"a{number}")
            JournalEntry.objects.create(alarm=alarm, kind="raised", happened_at=clock.from_us(week_us))
            with CaptureQueriesContext(connection) as asked:
                worst.compute_bad_actors(now_us=court.now_us + 60 * MINUTE)
            counts.append(len(asked))
    assert len(set(counts)) == 1

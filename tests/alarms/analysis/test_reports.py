"""Weekly reports: each week of a plant once, whoever dies in the middle, and readable when the journal is gone."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import translation

from forgeline.alarms import metrics
from forgeline.alarms.analysis import journal, reports
from forgeline.alarms.analysis.queries import calendar_of
from forgeline.alarms.analysis.weeks import Week, week_before, week_of
from forgeline.alarms.models import Alarm, AlarmReport, EntryKind, JournalEntry
from forgeline.alarms.tasks import report_weeks
from forgeline.assets.models import Asset, Site
from forgeline.base import clock
from forgeline.base.errors import InvalidInputError, NotFoundError
from forgeline.tenancy.scoping import tenant_scope
from tests.alarms.conftest import S, quiet_ingest
from tests.telemetry.conftest import Plant, make_plant

__all__ = ["quiet_ingest"]

ROOT = Path(settings.BASE_DIR)


@pytest.fixture
def plant(quiet_ingest: None) -> Plant:
    return make_plant("Alice")


def last_week(plant: Plant, back: int = 1) -> Week:
    """Return a whole week before the one that runs; it was over an hour ago, whenever the test runs."""
    with tenant_scope(plant.tenant_id):
        calendar = calendar_of(Site.objects.get(pk=plant.site.pk))
    week = week_of(calendar, clock.now_us() - reports.SETTLES_US)
    for _ in range(back):
        week = week_before(calendar, week)
    return week


def tell(plant: Plant, week: Week, calls: int, *, key: str = "hot", asset: Any = None) -> None:
    """Journal an alarm that came every ten minutes from the week's begin on."""
    condition = {"kind": "limit", "point": "oil", "level": "H", "limit": 80.0}
    with tenant_scope(plant.tenant_id):
        alarm, _ = Alarm.objects.get_or_create(
            asset=asset or plant.machine, key=key,
            defaults={
                "since_us": 0, "changed_us": 0, "raised_at": clock.from_us(week.from_us),
                "definition": {"name": {"en": key}, "priority": "low", "condition": condition},
            },
        )  # fmt: skip
        JournalEntry.objects.bulk_create(
            JournalEntry(alarm=alarm, kind=kind, happened_at=clock.from_us(week.from_us + (number * 600 + at) * S))
            for number in range(calls)
            for kind, at in ((EntryKind.RAISED, 0), (EntryKind.CLEARED, 30))
        )  # fmt: skip


def kept(plant: Plant) -> list[tuple[str, str, int]]:
    with tenant_scope(plant.tenant_id):
        rows = AlarmReport.objects.select_related("site").order_by("on", "site__name")
        return [(row.site.name, row.on.isoformat(), row.alarms) for row in rows]


def test_week_is_reported_once(plant: Plant) -> None:
    week = last_week(plant)
    tell(plant, week, 30)
    assert reports.work() == 1
    assert reports.work() == 0
    report_weeks()
    assert kept(plant) == [("Alice plant", week.on.isoformat(), 30)]
    with tenant_scope(plant.tenant_id):
        report = reports.get_report(AlarmReport.objects.get().pk)
        assert not reports.make_report(Site.objects.get(), week)
    assert report.kpis["alarms"]["value"] == 30
    assert report.kpis["per_day"]["value"] == round(30 / 7, 4)
    assert [day["alarms"] for day in report.details["days"]] == [30, 0, 0, 0, 0, 0, 0]
    [actor] = report.bad_actors
    assert (actor["key"], actor["count"], actor["why"]) == ("hot", 30, "not_in_force")
    assert actor["sentence"] == "The rule is not in force any more."


def test_weeks_that_were_missed_are_made_up_for_and_empty_ones_too(plant: Plant) -> None:
    tell(plant, last_week(plant, 3), 4)
    assert reports.work() == 3
    assert [alarms for _site, _on, alarms in kept(plant)] == [4, 0, 0]


def test_not_further_back_than_eight_weeks(plant: Plant) -> None:
    tell(plant, last_week(plant, 12), 1)
    assert 7 <= reports.work() <= 8


def test_week_that_runs_or_has_just_ended_waits(plant: Plant) -> None:
    week = last_week(plant)
    tell(plant, week, 5)
    end = clock.from_us(week.to_us)
    assert reports.work(now=lambda: end + timedelta(minutes=59)) == 0
    assert reports.work(now=lambda: end + timedelta(minutes=61)) == 1


def test_plant_without_an_alarm_has_no_report(plant: Plant) -> None:
    assert reports.work() == 0


def test_each_plant_and_company_has_its_own(plant: Plant) -> None:
    stranger = make_plant("Charlie")
    with tenant_scope(plant.tenant_id):
        second = Site.objects.create(name="Second", zone="Asia/Shanghai")
        machine = Asset.objects.create(site=second, level="work_unit", name="Saw", path="/")
    week = last_week(plant)
    tell(plant, week, 5)
    tell(plant, week, 2, asset=machine, key="late")
    tell(stranger, week, 9)
    reports.work()
    assert [row[0] for row in kept(plant)][-2:] == ["Alice plant", "Second"]
    assert [row[2] for row in kept(stranger)] == [9]
    with tenant_scope(plant.tenant_id):
        report_id = AlarmReport.objects.first().pk  # type: ignore[union-attr]
    with tenant_scope(stranger.tenant_id), pytest.raises(NotFoundError):
        reports.get_report(report_id)


def test_kept_week_stays_readable_when_the_journal_is_gone(plant: Plant) -> None:
    week = last_week(plant)
    tell(plant, week, 30)
    with tenant_scope(plant.tenant_id):
        [before] = reports.list_bad_actors(week=week.word)
    reports.work()
    with tenant_scope(plant.tenant_id):
        Alarm.objects.all().delete()
        [after] = reports.list_bad_actors(week=week.word)
        [running] = reports.list_bad_actors()
        assert after.pop("report") == AlarmReport.objects.get().pk
        for word in ("2026-W54", "2199-W01"):
            with pytest.raises(InvalidInputError):
                reports.list_bad_actors(week=word)
    assert before.pop("report") is None
    assert after == before
    assert (running["bad_actors"], running["report"], running["is_final"]) == ([], None, False)


def test_sentences_are_in_the_readers_language(plant: Plant) -> None:
    week = last_week(plant)
    tell(plant, week, 30)
    reports.work()
    with tenant_scope(plant.tenant_id), translation.override("zh-hans"):
        [row] = reports.list_bad_actors(week=week.word)
    assert row["bad_actors"][0]["sentence"] == "该规则已不再生效。"


def test_fault_of_one_plant_is_counted_and_takes_no_others_report(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_plant("Charlie")
    week = last_week(plant)
    for each in (plant, other):
        tell(each, week, 3)
    made, failed = metrics.REPORTS._value.get(), metrics.REPORT_FAILURES._value.get()
    describe = reports.describe_actors

    def fail(positions: Any, *rest: Any) -> Any:
        return 1 / 0 if plant.site.pk in positions else describe(positions, *rest)

    monkeypatch.setattr(reports, "describe_actors", fail)
    assert reports.work() == 1
    assert (len(kept(plant)), len(kept(other))) == (0, 1)
    monkeypatch.undo()
    assert reports.work() == 1
    assert (metrics.REPORTS._value.get() - made, metrics.REPORT_FAILURES._value.get() - failed) == (2, 1)


def test_week_with_more_than_can_be_read_says_where_it_ends(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "MOST_ENTRIES", 9)
    week = last_week(plant)
    tell(plant, week, 30)
    assert reports.work() == 1
    with tenant_scope(plant.tenant_id):
        report = AlarmReport.objects.get()
        [row] = reports.list_bad_actors(week=week.word)
    assert (report.details["is_cut"], report.alarms) == (True, 5)
    assert clock.to_us(report.to_at) == week.from_us + (4 * 600 + 30) * S
    assert (row["is_cut"], row["alarms"]) == (True, 5)


SLOW_WORKER = """
import time, django
django.setup()
from forgeline.alarms.analysis import reports
describe = reports.describe_actors
def slow(*given):
    print("begun", flush=True)
    time.sleep(1)
    return describe(*given)
reports.describe_actors = slow
reports.work()
"""


@pytest.mark.parametrize("lives_for", [0, 1])
def test_worker_that_is_killed_leaves_each_week_once(
    plant: Plant, child_environment: dict[str, str], lives_for: int
) -> None:
    """Killed in its first week, and in its second."""
    tell(plant, last_week(plant, 3), 3)
    worker = subprocess.Popen(
        [sys.executable, "-c", SLOW_WORKER], env=child_environment, cwd=ROOT, stdout=subprocess.PIPE
    )
    try:
        assert worker.stdout is not None
        for _ in range(lives_for + 1):
            assert worker.stdout.readline() == b"begun\n"
    finally:
        worker.kill()
        worker.wait()
    assert len(kept(plant)) == lives_for
    assert reports.work() == 3 - lives_for
    assert [alarms for _site, _on, alarms in kept(plant)] == [3, 0, 0]


def test_two_workers_at_once_make_it_once(plant: Plant, child_environment: dict[str, str]) -> None:
    tell(plant, last_week(plant, 2), 3)
    workers = [
        subprocess.Popen([sys.executable, "-c", SLOW_WORKER], env=child_environment, cwd=ROOT)
        for _ in range(2)
    ]
    assert [worker.wait(timeout=60) for worker in workers] == [0, 0]
    assert [alarms for _site, _on, alarms in kept(plant)] == [3, 0]


def test_time_that_is_up_leaves_the_rest_for_the_next_tick(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(plant, last_week(plant, 3), 3)
    monkeypatch.setattr(reports, "WORK_FOR_S", 0.0)
    assert reports.work() == 0
    monkeypatch.setattr(reports, "WORK_FOR_S", 300.0)
    assert reports.work() == 3

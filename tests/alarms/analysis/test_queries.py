"""Analyses of what a judge and people wrote into the journal: by plant, by company, in few queries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from forgeline.alarms import services
from forgeline.alarms.analysis import journal, queries
from forgeline.alarms.models import Alarm, EntryKind, JournalEntry
from forgeline.base import clock
from forgeline.base.errors import InvalidInputError, NotFoundError
from forgeline.identity.policy import Actor
from forgeline.tenancy.scoping import tenant_scope
from tests.alarms.conftest import MINUTE, Court, court, quiet_ingest
from tests.telemetry.conftest import Plant, make_plant

__all__ = ["court", "quiet_ingest"]

LIMIT = {"kind": "limit", "point": "oil", "level": "H", "limit": 80.0}


def write(plant: Plant, key: str, *lines: tuple[float, str, bool], asset: Any = None, **fields: Any) -> Alarm:
    """Write an alarm and its journal: (minutes before now, kind, quiet)."""
    now = clock.now()
    with tenant_scope(plant.tenant_id):
        raised = [now - timedelta(minutes=line[0]) for line in lines if line[1] == "raised"]
        alarm = Alarm.objects.create(
            asset=asset or plant.machine, key=key, since_us=0, changed_us=0, raised_at=max(raised, default=None),
            definition={"name": {"en": key}, "priority": "high", "condition": LIMIT}, **fields,
        )  # fmt: skip
        JournalEntry.objects.bulk_create(
            JournalEntry(alarm=alarm, kind=kind, happened_at=now - timedelta(minutes=ago), is_quiet=is_quiet)
            for ago, kind, is_quiet in lines
        )
    return alarm


@pytest.fixture
def plant(quiet_ingest: None) -> Plant:
    return make_plant("Alice")


@pytest.fixture
def scope(plant: Plant) -> Iterator[None]:
    with tenant_scope(plant.tenant_id):
        yield


def only(found: dict[str, Any]) -> dict[str, Any]:
    [result] = found["results"]
    return dict(result)


def test_judged_alarms_are_analysed(court: Court) -> None:
    """The judge raises, a person answers, the analysis tells."""
    court.add_point("oil", unit="Cel")
    court.add_rule("hot", LIMIT, priority="high")  # type: ignore[arg-type]
    court.run()
    for at in (0, 5, 10, 15):
        court.say("oil", (at, 99), (at + 2, 20))
    court.run(after_s=20)
    court.say("oil", (0, 99))
    court.run(after_s=1)
    person = Actor(court.plant.tenant_id, "x", label="Al", permissions=frozenset({"alarms.acknowledge"}))
    with tenant_scope(court.plant.tenant_id):
        services.acknowledge([court.alarm("hot").pk], actor=person)
        result = only(queries.analyse())
    assert result["kpis"]["alarms"]["value"] == 5
    assert result["kpis"]["acknowledged_share"]["value"] == 1
    assert result["kpis"]["chattering"] == {
        "value": 1, "target": 0, "relation": "at_most", "manageable": None, "is_met": False, "why": None,
    }  # fmt: skip
    [chatterer] = result["chattering"]
    assert (chatterer["key"], chatterer["asset_name"], chatterer["chattering"]) == ("hot", "Press 1", 5)
    assert chatterer["name"] == {"en": "hot"}
    [standing] = result["standing"]
    assert (standing["key"], standing["is_acknowledged"], standing["is_stale"]) == ("hot", True, False)
    assert sum(day["high"] for day in result["days"]) == 5


def test_what_stands_is_told_by_age_and_stale_ones_are_marked(plant: Plant, scope: None) -> None:
    write(plant, "old", (60 * 30, "raised", False), is_active=True, is_acknowledged=False)
    write(plant, "new", (10, "raised", False), is_active=True)
    shelf = {"shelved_until": clock.now() + timedelta(hours=1)}
    write(plant, "shelved", (60 * 40, "raised", False), (60 * 39, "shelved", False), is_active=True, **shelf)
    write(plant, "gone", (60, "raised", False), (50, "cleared", False))
    found = queries.list_standing(site_id=plant.site.pk)
    told = [
        (row["key"], row["hours"], row["is_stale"], row["is_silenced"], row["is_acknowledged"])
        for row in found
    ]
    assert told == [
        ("shelved", 40.0, False, True, True), ("old", 30.0, True, False, False), ("new", 0.167, False, False, True),
    ]  # fmt: skip
    [stale] = only(queries.analyse())["stale"]
    assert (stale["key"], stale["hours"], stale["until"], stale["is_acknowledged"]) == (
        "old",
        30.0,
        None,
        False,
    )


def test_alarm_from_before_the_span_stands_in_it(plant: Plant, scope: None) -> None:
    week = 7 * 24 * 60
    write(
        plant,
        "old",
        (week + 500, "raised", False),
        (week + 490, "acknowledged", False),
        (30, "cleared", False),
    )
    write(plant, "over", (week + 900, "raised", False), (week + 800, "cleared", False))
    result = only(queries.analyse())
    assert result["kpis"]["alarms"]["value"] == 0
    assert result["kpis"]["standing_minutes"]["value"] == pytest.approx(week - 30, abs=0.1)
    assert result["kpis"]["stale"]["value"] == 1
    assert [row["is_acknowledged"] for row in result["stale"]] == [True]


def test_what_was_judged_before_anybody_was_told_is_no_time_of_load(plant: Plant, scope: None) -> None:
    """A plant was connected three hours ago; what it had stored of two days was judged quietly."""
    backlog = [(60 * hour, kind, True) for hour in range(4, 52, 4) for kind in ("raised", "cleared")]
    write(plant, "hot", *backlog, *((60 * hour, "raised", False) for hour in (1, 2, 3)))
    result = only(queries.analyse())
    assert result["kpis"]["per_hour"]["value"] == 1
    assert result["kpis"]["quiet"]["value"] == 12
    assert result["kpis"]["per_day"]["why"] == "too_short"
    told = JournalEntry.objects.filter(is_quiet=False).earliest("happened_at")
    assert result["known_from"] == queries.iso(clock.to_us(told.happened_at))


def test_flood_that_runs_into_the_span_begins_before_it(plant: Plant, scope: None) -> None:
    for number in range(12):
        write(plant, f"a{number}", (65 - number / 2, "raised", False), (20, "cleared", False))
    now = clock.now()
    result = only(queries.analyse(from_=now - timedelta(hours=1), to=now))
    [flood] = result["floods"]
    assert flood["begin"] < queries.iso(clock.to_us(now) - 60 * MINUTE)
    assert (flood["count"], flood["first"]["key"], flood["peak_10_minutes"]) == (12, "a0", 12)
    assert result["kpis"]["alarms"]["value"] == 1
    assert 0 < result["kpis"]["flood_share"]["value"] < 0.2


def test_companies_and_plants_are_kept_apart(plant: Plant) -> None:
    from forgeline.assets.models import Asset, Site

    stranger = make_plant("Charlie")
    write(plant, "mine", (10, "raised", False))
    with tenant_scope(plant.tenant_id):
        second = Site.objects.create(name="Second", zone="Asia/Shanghai")
        machine = Asset.objects.create(site=second, level="work_unit", name="Saw", path="/")
    write(plant, "other", (10, "raised", False), (9, "cleared", False), (5, "raised", False), asset=machine)
    with tenant_scope(plant.tenant_id):
        found = {row["plant_name"]: row["kpis"]["alarms"]["value"] for row in queries.analyse()["results"]}
        assert found == {"Alice plant": 1, "Second": 2}
        assert only(queries.analyse(site_id=second.pk))["kpis"]["alarms"]["value"] == 2
    with tenant_scope(stranger.tenant_id):
        assert only(queries.analyse())["kpis"]["alarms"]["why"] == "nothing_yet"
        assert queries.list_standing() == []
        for ask in (queries.analyse, queries.list_standing):
            with pytest.raises(NotFoundError):
                ask(site_id=plant.site.pk)


def test_queries_do_not_grow(plant: Plant, scope: None) -> None:
    from forgeline.assets.models import Asset, Site

    write(plant, "one", (10, "raised", False))
    with CaptureQueriesContext(connection) as short:
        queries.analyse()
    for number in range(20):
        site = Site.objects.create(name=f"Site {number}")
        machine = Asset.objects.create(site=site, level="work_unit", name="Saw", path="/")
        for key in range(5):
            write(plant, f"a{key}", (10, "raised", False), (9, "cleared", False), asset=machine)
    with CaptureQueriesContext(connection) as long:
        found = queries.analyse()
    assert len(found["results"]) == 21
    assert len(long) == len(short) == 3


def test_more_than_can_be_read_is_said(plant: Plant, scope: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MOST_ENTRIES", 5)
    write(plant, "one", *((30 - at, "raised" if at % 2 == 0 else "cleared", False) for at in range(10)))
    found = queries.analyse()
    assert found["is_cut"]
    assert found["to"] < queries.iso(clock.now_us() - 20 * MINUTE)
    assert only(found)["kpis"]["alarms"]["value"] == 3
    beyond = queries.analyse(from_=clock.now() - timedelta(minutes=2))
    assert beyond["is_cut"]
    assert only(beyond)["kpis"]["per_hour"]["value"] is None


def test_span_that_cannot_be_looked_at(plant: Plant, scope: None) -> None:
    now = clock.now()
    for span in (
        {"from_": now, "to": now - timedelta(hours=1)}, {"from_": now + timedelta(hours=1)},
        {"from_": now - timedelta(days=93)},
    ):  # fmt: skip
        with pytest.raises(InvalidInputError):
            queries.analyse(**span)
    found = queries.analyse(from_=now - timedelta(days=91), to=now + timedelta(days=1))
    assert found["to"] <= queries.iso(clock.now_us())


def test_every_kind_of_the_journal_that_counts_is_one_of_it() -> None:
    from forgeline.alarms.analysis.calls import Kind

    assert {kind.name.lower() for kind in Kind} <= set(EntryKind.values)

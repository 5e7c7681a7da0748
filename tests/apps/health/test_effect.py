"""Did it help: facts of before and since from orders, states, shifts; page, API and paper admit what is unknown."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.test import Client

from apps.health.effect_paper import describe
from apps.health.effect_plot import lay_plot
from apps.health.models import DowntimeReason, Watch, WorkOrder
from apps.health.queries.effect import WEEK, Effect, read_effect
from apps.health.queries.register import list_machines
from forgeline.assets.models import Asset
from forgeline.base import clock
from forgeline.telemetry.models import StateInterval
from forgeline.tenancy.scoping import tenant_scope
from tests.apps.health.conftest import Api, api_of
from tests.conftest import Company

SignIn = Callable[[Any], Client]


def _hour(weeks_ago: float) -> datetime:
    return clock.now().replace(minute=0, second=0, microsecond=0) - weeks_ago * WEEK


def monitor(machine: int, weeks_ago: float) -> None:
    """Say that monitoring of a machine began so long ago."""
    Watch.objects.update_or_create(asset_id=machine, defaults={"began_at": _hour(weeks_ago)})


def failed(machine: int, weeks_ago: float, hours: float = 2.0, **facts: Any) -> WorkOrder:
    """An order of the past for which the machine stood."""
    at = _hour(weeks_ago)
    end = at + timedelta(hours=hours)
    last = WorkOrder.objects.order_by("-number").first()
    told = {
        "kind": "corrective", "state": "verified", "title": "x", "created_at": at, "down_from": at, "down_to": end,
        "done_at": end, "labour_minutes": 90, "labour_cost": 120, **facts,
    }  # fmt: skip
    return WorkOrder.objects.create(asset_id=machine, number=(last.number if last else 0) + 1, **told)


def open_books(machine: int, weeks_ago: float) -> None:
    """The first order that is known: from it on the books tell, and it counts for nothing itself."""
    failed(machine, weeks_ago, title="the oldest")


def _read(**given: Any) -> Effect:
    return read_effect(list(list_machines()), **given)


def test_before_and_since_are_whole_weeks_around_the_beginning(company: Company, machine: int) -> None:
    with tenant_scope(company.tenant_id):
        monitor(machine, 10.4)
        open_books(machine, 30.9)
        for week in (12, 13, 20, 29):
            failed(machine, week)
        failed(machine, 5)
        planned = DowntimeReason.objects.create(name="Service", is_planned=True)
        failed(machine, 4, hours=8, downtime_reason=planned, kind="preventive")
        failed(machine, 0.2, title="in a week that is not over")
        failed(machine, 15, state="cancelled")
        [row] = _read().machines
        assert (row.before.weeks, row.after.weeks) == (20, 10)
        assert (row.before.failures, row.after.failures) == (4, 1), "a service is no failure"
        assert row.after.from_at == row.before.to_at
        assert row.before.amounts["downtime"].sum() == pytest.approx(8.0)
        assert row.after.amounts["downtime"].sum() == pytest.approx(10.0), "a service is downtime"
        assert row.after.amounts["hours"].sum() == pytest.approx(3.0)
        assert row.before.amounts["cost"].sum() == pytest.approx(480.0)
        assert not row.is_by_state
        assert row.before.operating_h == pytest.approx(20 * 168 - 8), "no shifts: always, but for the stops"
        assert _read(weeks=26).machines[0].before.weeks == 20
        assert (row.results["failures"].verdict, row.results["failures"].reason) == ("open", "")
        assert row.results["failures"].weeks_more is None, "four before are too few for any patience"


def test_hours_by_state_only_where_it_is_known_on_both_sides(company: Company, machine: int) -> None:
    with tenant_scope(company.tenant_id):
        monitor(machine, 9)
        open_books(machine, 19.5)
        for day in range(7 * 19):
            at = _hour(19) + timedelta(days=day)
            middle = at + timedelta(hours=6)
            StateInterval.objects.create(asset_id=machine, state="running", started_at=at, ended_at=middle)
            StateInterval.objects.create(
                asset_id=machine, state="idle", started_at=middle, ended_at=at + timedelta(days=1)
            )
        [row] = _read().machines
        assert row.is_by_state
        assert (row.before.operating_h, row.after.operating_h) == (10 * 7 * 6, 9 * 7 * 6)
        StateInterval.objects.filter(started_at__lt=_hour(9.5)).delete()
        [row] = _read().machines
        assert not row.is_by_state, "like is held to like"
        assert row.after.operating_h == pytest.approx(9 * 168)


def test_what_cannot_be_said_is_said(company: Company, machine: int) -> None:
    with tenant_scope(company.tenant_id):
        nothing = _read()
        assert not nothing.has_begun
        assert not nothing.has_past
        assert {each.reason for each in nothing.machines[0].results.values()} == {"not_begun"}
        open_books(machine, 30)
        failed(machine, 20)
        so_far = _read().machines[0]
        assert (so_far.before.weeks, so_far.after.weeks) == (30, 0), "what was so far is before"
        assert so_far.results["failures"].before_range is not None
        monitor(machine, 3)
        soon = _read().machines[0].results["downtime"]
        assert (soon.reason, soon.weeks_more) == ("short_after", 5)
        monitor(machine, 25)
        assert _read().machines[0].results["cost"].reason == "short_before"
        monitor(machine, 12)
        told = _read()
        assert told.machines[0].results["failures"].reason == ""
        assert told.totals["failures"].reason == "few_machines"
        WorkOrder.objects.exclude(title="the oldest").delete()
        assert _read().machines[0].results["failures"].reason == "no_failures"
        assert _read().machines[0].results["hours"].reason == "no_change"


def make_fleet(machine: int, *, machines: int = 6, seed: int = 3) -> None:
    """Machines of which each failed about weekly before, and a third as often since; half a year on each side."""
    rng = np.random.default_rng(seed)
    first = Asset.objects.get(pk=machine)
    for number in range(machines):
        pk = machine
        if number:
            asset = Asset.objects.create(
                site=first.site, parent=first.parent, level=first.level, name=f"Press {number + 1}",
                names={"zh-hans": f"{number + 1} 号压力机"}, path=f"{first.path}{number}/",
            )  # fmt: skip
            pk = asset.pk
        if not number:
            open_books(pk, 53)
        monitor(pk, 26)
        for week in range(1, 52):
            for _each in range(int(rng.poisson(1.0 if week > 26 else 0.35))):
                at, hours = week + float(rng.uniform(0, 0.9)), float(rng.lognormal(0.7, 0.6))
                failed(pk, at, hours, labour_minutes=int(rng.integers(40, 300)))


def test_a_true_effect_is_found_and_shown(company: Company, machine: int, api: Api, sign_in: SignIn) -> None:
    with tenant_scope(company.tenant_id):
        make_fleet(machine)
        found = _read()
        assert found.counted == 6
        for measure in ("failures", "downtime", "hours", "cost"):
            assert found.totals[measure].verdict == "less", measure
        failures = found.totals["failures"]
        assert failures.low is not None
        assert failures.high is not None
        assert failures.change is not None
        assert failures.low < -0.65 < failures.high
        assert -0.85 < failures.change < -0.4
        told = describe(found, company="Alpha", place="All", currency="CNY", zone=clock.UTC)
        assert len(told["rows"]) == 6
        assert len(told["plots"]) == 4
    answer = api.get("maintenance-effect/")
    assert answer["totals"]["failures"]["verdict"] == "less"
    assert "hardly by chance" in answer["totals"]["failures"]["says"]
    assert len(answer["machines"]) == 6
    one = api.get("maintenance-effect/", asset=machine, weeks=26)
    assert (len(one["machines"]), one["weeks"]) == (1, 26)
    api.get("maintenance-effect/", 400, weeks=7)
    api.get("maintenance-effect/", 404, asset=987654)
    client = sign_in(company.manager)
    for query in (
        "",
        f"?machine={machine}&of=downtime",
        "?of=cost&weeks=104",
        "?plant=1&machine=x&of=y&weeks=z",
    ):
        assert client.get(f"/health/effect/{query}").status_code == 200
    page = client.get("/health/effect/").content.decode()
    assert "hardly by chance" in page
    assert len(re.findall('<b class="before', page)) == 6
    if (settings.FONTS / "NotoSansHans-Regular.otf").is_file():
        paper = client.get("/health/effect.pdf")
        assert paper["Content-Type"] == "application/pdf"
        assert paper.content.startswith(b"%PDF-")


def test_the_same_number_of_queries_for_one_and_many(
    company: Company, machine: int, django_assert_num_queries: Any
) -> None:
    with tenant_scope(company.tenant_id):
        make_fleet(machine, machines=2)
        assets = list(list_machines())
        with django_assert_num_queries(7):
            read_effect(assets[:1])
        with django_assert_num_queries(7):
            read_effect(assets)


def test_empty_pages_say_what_to_do(company: Company, machine: int, sign_in: SignIn) -> None:
    page = sign_in(company.manager).get("/health/effect/").content.decode()
    assert "Monitoring has not begun" in page
    assert "Import work orders" in page
    page = sign_in(company.viewer).get("/health/effect/").content.decode()
    assert "A manager of your company" in page


def test_a_plot_cuts_what_reaches_too_far(company: Company, machine: int) -> None:
    with tenant_scope(company.tenant_id):
        monitor(machine, 9)
        open_books(machine, 60)
        failed(machine, 40)
        plot = lay_plot("failures", _read().machines)
        assert plot is not None
        [marks] = plot.rows
        assert all(0 <= mark.low <= mark.at <= mark.high <= 100 for mark in marks)
        assert [mark.kind for mark in marks] == ["before", "after"]
        assert marks[1].is_cut, "none since, so that the interval is wide"
        assert lay_plot("cost", []) is None


def test_strangers_see_nothing(company: Company, stranger: Company, machine: int) -> None:
    with tenant_scope(company.tenant_id):
        make_fleet(machine, machines=1)
    theirs = api_of(stranger.manager_key)
    assert theirs.get("maintenance-effect/")["machines"] == []
    theirs.get("maintenance-effect/", 404, asset=machine)

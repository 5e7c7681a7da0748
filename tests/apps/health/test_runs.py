"""Runs of the model jobs: what the page and the API say of one at work, ended, failed and broken off."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.test import Client

from apps.health.models import ModelRun, Watch
from apps.health.queries.runs import last_hour_over
from forgeline.assets.models import Asset
from forgeline.base import clock
from forgeline.tenancy.scoping import tenant_scope
from tests.apps.health.conftest import Api
from tests.conftest import Company

SignIn = Callable[[Any], Client]


def _run(at: datetime, *, ended_s: float | None = None, silent_s: float = 0.0, fault: str = "") -> int:
    return ModelRun.objects.create(
        machines=3, due=6, done=2, cpu_s=0.5, started_at=at - timedelta(seconds=300),
        worked_at=at - timedelta(seconds=silent_s), fault=fault,
        finished_at=None if ended_s is None else at - timedelta(seconds=ended_s),
    ).pk  # fmt: skip


def test_each_run_says_how_it_stands_and_how_long_it_took(company: Company, viewer_api: Api) -> None:
    with tenant_scope(company.tenant_id):
        now = clock.now()
        broken = _run(now, silent_s=200)
        failed = _run(now, ended_s=100, fault="OperationalError: gone")
        done = _run(now, ended_s=50)
        at_work = _run(now)
    told = {row["id"]: row for row in viewer_api.get("model-runs/")["results"]}
    assert list(told) == [at_work, done, failed, broken], "the newest first"
    assert [row["state"] for row in told.values()] == ["running", "done", "failed", "broken_off"]
    assert [round(row["seconds"]) for row in told.values()] == [300, 250, 200, 100]
    assert (told[failed]["fault"], told[failed]["due"], told[failed]["done"]) == (
        "OperationalError: gone",
        6,
        2,
    )
    assert viewer_api.get(f"model-runs/{done}/")["state"] == "done"
    later = (now + timedelta(days=1)).isoformat().replace("+00:00", "Z")
    assert viewer_api.get(f"model-runs/?since={later}")["results"] == []


def test_progress_counts_who_is_judged_and_names_who_is_behind(
    company: Company, viewer_api: Api, made: dict[str, Any], sign_in: SignIn
) -> None:
    with tenant_scope(company.tenant_id):
        machine = Asset.objects.get(pk=made["machine"]["id"])
        until = last_hour_over(clock.now())
        watch = Watch.objects.create(asset=machine, next_hour=until)
    told = viewer_api.get("model-runs/progress/")
    assert (told["machines"], told["watched"], told["judged"], told["behind"]) == (1, 1, 1, [])
    with tenant_scope(company.tenant_id):
        watch.next_hour = until - timedelta(hours=30)
        watch.save()
    told = viewer_api.get("model-runs/progress/")
    assert told["judged"] == 0
    [behind] = told["behind"]
    assert (behind["asset"], behind["machine"], behind["hours_left"]) == (machine.pk, machine.name, 30)
    assert machine.name in sign_in(company.manager).get("/health/condition/runs/").content.decode()

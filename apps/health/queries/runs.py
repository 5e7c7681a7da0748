"""Reads of the model jobs' runs: how far they are, how long they took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import QuerySet

from apps.health.models import ModelRun, Watch
from apps.health.queries.register import list_machines
from forgeline.assets.models import Asset
from forgeline.tenancy.context import current_branches

SILENT = timedelta(minutes=2)
"""A run writes with every stretch of hours, seconds long; one that was silent for so long has died."""
BEHIND = timedelta(hours=2)
GRACE = timedelta(minutes=5)
"""An hour is judged when its last samples have had time to come."""


class RunState(StrEnum):
    """FAILED: it ended with a fault. BROKEN_OFF: its worker died; the next run goes on."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    BROKEN_OFF = "broken_off"


@dataclass(frozen=True, slots=True)
class Behind:
    """A machine whose hours are still being caught up with, or that waits for its history."""

    asset: Asset
    next_hour: datetime | None
    hours_left: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the present hour is. ``watched``: machines whose judgement has begun."""

    machines: int
    watched: int
    judged: int
    behind: list[Behind]

    @property
    def share(self) -> float:
        return self.judged / self.watched if self.watched else 0.0


def list_runs() -> QuerySet[ModelRun]:
    """Return the runs that are kept, the newest first; none to whoever has a part of the company only.

    A run goes through machines of every part, and its fault may name any of them.
    """
    rows = ModelRun.objects.none() if current_branches.get() else ModelRun.objects.all()
    return rows.order_by("-started_at", "-pk")


def state_of(run: ModelRun, now: datetime) -> RunState:
    """Say how a run stands."""
    if run.finished_at is not None:
        return RunState.FAILED if run.fault else RunState.DONE
    return RunState.RUNNING if now - run.worked_at < SILENT else RunState.BROKEN_OFF


def seconds_of(run: ModelRun) -> float:
    """Return how long a run took by the clock, or has taken so far."""
    return max(0.0, ((run.finished_at or run.worked_at) - run.started_at).total_seconds())


def last_hour_over(now: datetime) -> datetime:
    """Return the end of the newest hour that can be judged."""
    return (now - GRACE).replace(minute=0, second=0, microsecond=0)


def read_progress(due_before: datetime) -> Progress:
    """Return how many machines are judged up to the hour that ends before ``due_before``; two queries."""
    machines = list(list_machines())
    ahead = dict(Watch.objects.values_list("asset_id", "next_hour"))
    begun = [(asset, at) for asset in machines if (at := ahead.get(asset.pk)) is not None]
    hour = timedelta(hours=1)
    behind = [
        Behind(asset, at, int((due_before - at) / hour)) for asset, at in begun if due_before - at >= BEHIND
    ]
    behind.sort(key=lambda each: -each.hours_left)
    judged = sum(due_before - at < hour for _asset, at in begun)
    return Progress(len(machines), len(begun), judged, behind)

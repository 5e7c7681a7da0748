"""Runs of the model jobs, written as they go. Not here: the judging (condition), what is shown (queries/runs)."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F

from apps.health.models import ModelRun
from forgeline.base import clock

KEPT = timedelta(days=14)


def begin_run(*, machines: int, due: int) -> int:
    """Note that a worker begins, and forget what is old; returns the run's id."""
    now = clock.now()
    ModelRun.objects.filter(started_at__lt=now - KEPT).delete()
    return ModelRun.objects.create(machines=machines, due=due, started_at=now, worked_at=now).pk


def advance_run(run_id: int, *, hours: int, cpu_s: float) -> None:
    """Note so many hours more; in the transaction that keeps them, so that both are there or neither."""
    ModelRun.objects.filter(pk=run_id).update(
        done=F("done") + hours, cpu_s=F("cpu_s") + cpu_s, worked_at=clock.now()
    )


def end_run(run_id: int, *, fault: str = "") -> None:
    """Note the end; ``fault`` says why it came early."""
    now = clock.now()
    ModelRun.objects.filter(pk=run_id).update(worked_at=now, finished_at=now, fault=fault[:200])

"""What the worker does for jobs. Shells only: one call."""

from __future__ import annotations

from celery import shared_task

from forgeline.jobs import working


@shared_task(name="jobs.work", ignore_result=True, expires=10)
def work() -> None:
    """Go on with the jobs that somebody waits for."""
    working.work()


@shared_task(name="jobs.trim", ignore_result=True)
def trim() -> None:
    """Delete old jobs and old files."""
    working.trim()

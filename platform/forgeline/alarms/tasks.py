"""What the worker does for alarms. Shells only: one call each. Judging is a process of its own (process)."""

from __future__ import annotations

from celery import shared_task

from forgeline.alarms.analysis import reports
from forgeline.alarms.trying import jobs


@shared_task(name="alarms.try_rules", ignore_result=True, expires=10)
def try_rules() -> None:
    """Go on with the trials of rules that somebody waits for."""
    jobs.work()


@shared_task(name="alarms.trim_trials", ignore_result=True)
def trim_trials() -> None:
    """Delete trials that are older than a day."""
    jobs.trim()


@shared_task(name="alarms.report_weeks", ignore_result=True, expires=1800)
def report_weeks() -> None:
    """Make the reports of weeks that are over."""
    reports.work()

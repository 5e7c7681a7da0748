"""What the worker does for identity. Shells only: one call."""

from __future__ import annotations

from celery import shared_task

from forgeline.identity import belongings, once


@shared_task(name="identity.trim_answers", ignore_result=True)
def trim_answers() -> None:
    """Delete kept answers that nobody can ask for any more."""
    once.trim()


@shared_task(name="identity.end_grants", ignore_result=True)
def end_grants() -> None:
    """Stop what partners whose time is over have left behind."""
    belongings.end_grants()

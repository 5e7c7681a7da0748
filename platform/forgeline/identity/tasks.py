"""What the worker does for identity. Shells only: one call."""

from __future__ import annotations

from celery import shared_task

from forgeline.identity import once


@shared_task(name="identity.trim_answers", ignore_result=True)
def trim_answers() -> None:
    """Delete kept answers that nobody can ask for any more."""
    once.trim()

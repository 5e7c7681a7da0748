"""What the worker does for the audit. Shells only: one call."""

from __future__ import annotations

from celery import shared_task

from forgeline.audit import services


@shared_task(name="audit.trim", ignore_result=True)
def trim() -> None:
    """Take out of each company's log what is older than it is kept."""
    services.trim()

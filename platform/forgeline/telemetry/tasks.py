"""What beat has the worker do for telemetry. Shells only: ids in, one call."""

from __future__ import annotations

from celery import shared_task

from forgeline.telemetry import maintenance, states
from forgeline.tenancy.scoping import list_tenant_ids


@shared_task(name="telemetry.follow_states", ignore_result=True, expires=30)
def follow_states() -> None:
    """Bring the machine states of every tenant up to the commit log."""
    for tenant_id in list_tenant_ids():
        states.follow(tenant_id)


@shared_task(name="telemetry.make_chunks_ahead", ignore_result=True)
def make_chunks_ahead() -> None:
    """Make the chunks of the coming days."""
    maintenance.make_chunks_ahead()


@shared_task(name="telemetry.apply_retention", ignore_result=True)
def apply_retention() -> None:
    """Drop what is too old, or does not fit on the disk."""
    maintenance.apply_retention()
    maintenance.compress()


@shared_task(name="telemetry.trim_commit_log", ignore_result=True)
def trim_commit_log() -> None:
    """Delete commits that every follower has had a day for."""
    maintenance.trim_commit_log()

"""What the worker does for notifications. Shells only: ids in, one call."""

from __future__ import annotations

from celery import shared_task

from forgeline.notifications import outbox, queries


@shared_task(name="notifications.work", ignore_result=True, expires=60)
def work(tenant_id: int) -> None:
    """Work off what is due in one tenant's outbox."""
    outbox.work(tenant_id)


@shared_task(name="notifications.sweep", ignore_result=True, expires=10)
def sweep() -> None:
    """Have every outbox worked off in which something is due: later steps, retries, what a dead worker left."""
    for tenant_id in queries.list_due_tenant_ids():
        work.delay(tenant_id)


@shared_task(name="notifications.trim", ignore_result=True)
def trim() -> None:
    """Delete what is older than the delivery log is kept."""
    outbox.trim()

"""What the worker does for the webhooks. Shells only: ids in, one call."""

from __future__ import annotations

from celery import shared_task

from forgeline.webhooks import sending


@shared_task(name="webhooks.work", ignore_result=True, expires=60)
def work(tenant_id: int, endpoint_id: int) -> None:
    """Send what is due to one endpoint."""
    sending.work(tenant_id, endpoint_id)


@shared_task(name="webhooks.sweep", ignore_result=True, expires=10)
def sweep() -> None:
    """Have everything sent that is due: what is new, later tries, what a dead worker left."""
    for tenant_id, endpoint_id in sending.list_due():
        work.delay(tenant_id, endpoint_id)


@shared_task(name="webhooks.trim", ignore_result=True)
def trim() -> None:
    """Delete what is older than events are kept."""
    sending.trim()

"""What the worker does for billing. Shells only."""

from __future__ import annotations

from celery import shared_task

from forgeline.billing import mailing, metering, quota, subscriptions


@shared_task(name="billing.meter", ignore_result=True, expires=60)
def meter() -> None:
    """Count what was used, and warn of what is nearly used up."""
    metering.meter_all()
    quota.review_all()


@shared_task(name="billing.measure_storage", ignore_result=True, expires=600)
def measure_storage() -> None:
    """Share out the store's bytes of this hour."""
    metering.measure_storage()


@shared_task(name="billing.advance", ignore_result=True, expires=600)
def advance() -> None:
    """Begin new periods, issue their invoices, see what is overdue."""
    subscriptions.advance_all()


@shared_task(name="billing.mail", ignore_result=True, expires=60)
def mail(tenant_id: int) -> None:
    """Send the invoices of a company that are due."""
    mailing.work(tenant_id)


@shared_task(name="billing.sweep_mail", ignore_result=True, expires=20)
def sweep_mail() -> None:
    """Have every invoice sent that is due: later tries, what nobody could be called for, what a dead worker left."""
    for tenant_id in mailing.list_due():
        mail.delay(tenant_id)

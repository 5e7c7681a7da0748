"""What the worker does for billing. Shells only."""

from __future__ import annotations

from smtplib import SMTPException

from celery import shared_task

from forgeline.billing import mailing, metering, quota, subscriptions
from forgeline.tenancy.scoping import tenant_scope


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


@shared_task(
    name="billing.mail_invoice", ignore_result=True, autoretry_for=(SMTPException, OSError), max_retries=10,
    retry_backoff=10, retry_backoff_max=3600,
)  # fmt: skip
def mail_invoice(tenant_id: int, invoice_id: int) -> None:
    """Send an invoice to its company; tried again for some hours where the mail server is away."""
    with tenant_scope(tenant_id, branches=()):
        letter = mailing.write_letter(invoice_id)
    if letter is not None:
        mailing.send(letter)

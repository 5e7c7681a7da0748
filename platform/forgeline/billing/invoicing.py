"""Invoices and credit notes: numbered without gaps, never changed once issued, and what was paid of them.

Not here: when one is due (subscriptions), how it looks on paper (paper).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils.translation import get_language, gettext as _

from forgeline.audit.recorder import record
from forgeline.base import clock
from forgeline.base.errors import ConflictError, InvalidInputError, NotFoundError
from forgeline.billing.metering import sum_usage
from forgeline.billing.models import (
    Invoice,
    InvoiceLine,
    Kind,
    Payment,
    Series,
    Subscription,
    seller_facts,
)
from forgeline.billing.money import tax_of, words
from forgeline.tenancy.models import Tenant
from forgeline.webhooks.outbox import News, announce

DUE_DAYS = 14
BALANCE = "balance"
"""The gateway of what is drawn on a company's credit."""


@dataclass(frozen=True, slots=True)
class Item:
    """A line before it is issued; ``net`` is ``price`` × days / of_days, below zero for what is given back."""

    what: str
    plan: str
    period: str
    from_on: date
    to_on: date
    days: int
    of_days: int
    price: int
    net: int
    tax_bp: int


@dataclass(frozen=True, slots=True)
class Totals:
    net: int
    tax: int

    @property
    def total(self) -> int:
        return self.net + self.tax


def sum_items(items: Sequence[Item]) -> Totals:
    """Return the net sum and the tax on it."""
    return Totals(sum(item.net for item in items), tax_of((item.net, item.tax_bp) for item in items))


def settle(row: Subscription, items: Sequence[Item], today: date) -> Invoice:
    """Issue what lines come to: an invoice, drawn first on the balance; or a credit note, added to it.

    Runs in the caller's transaction, with the subscription locked.
    """
    totals = sum_items(items)
    if totals.total < 0:
        newest = Invoice.objects.filter(kind=Kind.INVOICE).first()
        note = _issue(row, items, today, kind=Kind.CREDIT, corrects=newest)
        row.balance += -totals.total
        row.save()
        return note
    invoice = _issue(row, items, today, kind=Kind.INVOICE)
    drawn = min(row.balance, invoice.total)
    if drawn:
        row.balance -= drawn
        row.save()
        Payment.objects.create(
            invoice=invoice, amount=drawn, gateway=BALANCE, reference=invoice.number, paid_on=today,
            noted_by="Forgeline",
        )  # fmt: skip
    return invoice


def correct(invoice_id: int, *, today: date) -> Invoice:
    """Take an invoice back whole by a credit note; what was paid of it goes to the balance.

    **Raises** ConflictError for one that was taken back already or is a credit note itself.
    """
    with transaction.atomic():
        row = Subscription.objects.select_for_update(of=("self",)).select_related("plan").get()
        invoice = get_invoice(invoice_id)
        if invoice.kind == Kind.CREDIT or invoice.corrections.filter(lines__what="correction").exists():
            raise ConflictError(_("This is a credit note, or was corrected by one."), key="billing.corrected")
        items = [
            Item("correction", line.plan, line.period, line.from_on, line.to_on, line.days, line.of_days, line.price,
                 -line.net, line.tax_bp)
            for line in invoice.lines.all()
        ]  # fmt: skip
        note = _issue(row, items, today, kind=Kind.CREDIT, corrects=invoice)
        paid = _paid(invoice)
        row.balance += paid
        row.save()
        return note


def pay(
    invoice_id: int, *, amount: int, gateway: str, reference: str, paid_on: date, noted_by: str
) -> Payment:
    """Note that money came in. Noted twice under one reference, it is one payment; what is too much goes to the
    balance.

    **Raises** InvalidInputError for an amount of nothing.
    """
    if amount <= 0 or not reference.strip():
        raise InvalidInputError(
            _("A payment has an amount above zero and a reference."), key="billing.payment_invalid"
        )
    with transaction.atomic():
        row = Subscription.objects.select_for_update(of=("self",)).get()
        invoice = get_invoice(invoice_id)
        if invoice.kind == Kind.CREDIT:
            raise ConflictError(_("This is a credit note, or was corrected by one."), key="billing.corrected")
        open_ = open_amount(invoice)
        payment, is_new = Payment.objects.get_or_create(
            invoice=invoice, gateway=gateway, reference=reference.strip(),
            defaults={"amount": amount, "paid_on": paid_on, "noted_by": noted_by},
        )  # fmt: skip
        if is_new:
            if amount > open_:
                row.balance += amount - open_
                row.save()
            announce(
                [
                    News(
                        "billing.invoice.paid", f"billing.invoice:{invoice.pk}",
                        {
                            "id": invoice.pk, "number": invoice.number, "amount": amount,
                            "currency": invoice.currency, "paid_on": paid_on.isoformat(),
                        },
                        clock.now(),
                    )
                ]
            )  # fmt: skip
            paid = {"amount": words(amount, invoice.currency), "paid_on": paid_on.isoformat()}
            record(
                "billing.invoice.paid", subject=invoice.number, subject_id=invoice.pk,
                changes={name: [None, word] for name, word in {**paid, "reference": payment.reference}.items()},
            )  # fmt: skip
        return payment


def list_invoices() -> QuerySet[Invoice]:
    """Return the company's invoices and credit notes, the newest first, with what was paid of them."""
    return Invoice.objects.prefetch_related("payments", "corrections__lines")


def get_invoice(invoice_id: int) -> Invoice:
    """Return an invoice of the company in force. **Raises** NotFoundError."""
    found = list_invoices().prefetch_related("lines").filter(pk=invoice_id).first()
    if found is None:
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": invoice_id})
    return found


def open_amount(invoice: Invoice) -> int:
    """Return what is still to be paid; nothing of what was taken back."""
    if invoice.kind == Kind.CREDIT or _is_corrected(invoice):
        return 0
    return max(0, invoice.total - _paid(invoice))


def find_oldest_due() -> Invoice | None:
    """Return the open invoice that was, or is, due first."""
    rows = list_invoices().filter(kind=Kind.INVOICE).order_by("due_on", "pk")
    return next((row for row in rows if open_amount(row)), None)


def recount(invoice: Invoice) -> dict[str, Any]:
    """Return what the usage table says today of an invoice's span: the same as was told on it."""
    return _used(invoice.used_from, invoice.used_to)


def _issue(
    row: Subscription, items: Sequence[Item], today: date, *, kind: str, corrects: Invoice | None = None
) -> Invoice:
    totals = sum_items(items)
    zone = ZoneInfo(row.zone)
    used_to = datetime.combine(today, time(), zone)
    used_from = _last_used_to() or used_to - timedelta(days=31)
    tenant = Tenant.objects.get()
    invoice = Invoice.objects.create(
        kind=kind, number=_take_number(kind, today), corrects=corrects, issued_on=today,
        due_on=today + timedelta(days=DUE_DAYS), currency=row.currency, language=tenant.language or get_language(),
        seller=seller_facts(),
        buyer={
            "title": row.title or tenant.name, "tax_number": row.tax_number, "address": row.address,
            "bank": row.bank, "email": row.email, "zone": row.zone,
        },
        net=totals.net, tax=totals.tax, total=totals.total,
        used_from=used_from, used_to=used_to, used=_used(used_from, used_to),
    )  # fmt: skip
    InvoiceLine.objects.bulk_create(
        InvoiceLine(
            invoice=invoice, position=position, what=item.what, plan=item.plan, period=item.period,
            from_on=item.from_on, to_on=item.to_on, days=item.days, of_days=item.of_days, price=item.price,
            net=item.net, tax_bp=item.tax_bp,
        )
        for position, item in enumerate(items, 1)
    )  # fmt: skip
    announce(
        [
            News(
                "billing.invoice.issued", f"billing.invoice:{invoice.pk}",
                {
                    "id": invoice.pk, "number": invoice.number, "total": invoice.total,
                    "currency": invoice.currency, "due_on": invoice.due_on.isoformat(),
                },
                clock.now(),
            )
        ]
    )  # fmt: skip
    return invoice


def _take_number(kind: str, today: date) -> str:
    """The next of its series. The row stays locked until the invoice is committed: numbers have no gaps."""
    key = f"{'FL' if kind == Kind.INVOICE else 'CN'}-{today.year}"
    Series.objects.get_or_create(key=key)
    series = Series.objects.select_for_update().get(key=key)
    series.last += 1
    series.save(update_fields=["last"])
    return f"{key}-{series.last:06d}"


def _last_used_to() -> datetime | None:
    return Invoice.objects.order_by("-used_to").values_list("used_to", flat=True).first()


def _used(since: datetime, until: datetime) -> dict[str, Any]:
    sums = sum_usage(since, until)
    return {
        "samples_stored": sums.samples_stored,
        "gb_days": round(sums.gb_days, 6),
        "active_devices": sums.active_devices,
        "cpu_s": round(sums.cpu_s, 3),
        "notifications": sums.notifications,
        "api_calls": sums.api_calls,
    }


def _paid(invoice: Invoice) -> int:
    if "payments" in getattr(invoice, "_prefetched_objects_cache", {}):
        return sum(payment.amount for payment in invoice.payments.all())
    return int(invoice.payments.aggregate(sum=Sum("amount"))["sum"] or 0)


def _is_corrected(invoice: Invoice) -> bool:
    return any(line.what == "correction" for note in invoice.corrections.all() for line in note.lines.all())

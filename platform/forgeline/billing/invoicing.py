"""Invoices and credit notes: numbered without gaps, never changed once issued, and what was paid of them.

Not here: when one is due (subscriptions), how it looks on paper (paper).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils.formats import date_format
from django.utils.translation import get_language, gettext as _

from forgeline.audit.recorder import record
from forgeline.base import clock
from forgeline.base.errors import ConflictError, InvalidInputError, NotFoundError
from forgeline.billing.models import (
    Invoice,
    InvoiceLine,
    Kind,
    Letter,
    Payment,
    Series,
    Subscription,
    seller_facts,
)
from forgeline.billing.money import tax_of, words
from forgeline.billing.used import find_span, sum_used
from forgeline.identity.models import Membership, Role
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


def settle(
    row: Subscription, items: Sequence[Item], today: date, *, gives_back: Invoice | None = None
) -> Invoice | None:
    """Issue what lines come to: an invoice, or a credit note on the one that it ``gives_back``; nothing for nothing.

    A credit note goes to the balance, and the balance pays at once what is open (see ``draw``): so what stays there is
    money that was really paid. Runs in the caller's transaction, with the subscription locked.
    """
    total = sum_items(items).total
    if not total:
        return None
    if total < 0:
        issued = _issue(row, items, today, kind=Kind.CREDIT, corrects=gives_back)
        row.balance -= total
        row.save()
    else:
        issued = _issue(row, items, today, kind=Kind.INVOICE)
    draw(row, today, first=(issued.corrects,) if issued.corrects else ())
    return issued


def draw(row: Subscription, today: date, *, first: Sequence[Invoice] = ()) -> None:
    """Pay open invoices out of the balance: those of ``first`` in their order, then the oldest.

    An invoice and its payments are never changed, so what a credit takes off it is a payment too. Runs in the caller's
    transaction, with the subscription locked.
    """
    if not row.balance:
        return
    before = row.balance
    rows = list(list_invoices().filter(kind=Kind.INVOICE).order_by("due_on", "id"))
    order = {invoice.pk: place for place, invoice in enumerate(first)}
    rows.sort(key=lambda each: order.get(each.pk, len(order)))
    for invoice in rows:
        amount = min(row.balance, open_amount(invoice))
        if amount:
            times = sum(payment.gateway == BALANCE for payment in invoice.payments.all())
            row.balance -= amount
            Payment.objects.create(
                invoice=invoice, amount=amount, gateway=BALANCE, paid_on=today, noted_by="Forgeline",
                reference=f"{invoice.number}-{times + 1}" if times else invoice.number,
            )  # fmt: skip
    if row.balance != before:
        row.save()


def find_charge(row: Subscription, today: date) -> InvoiceLine | None:
    """Return the line by which the days that are left were charged, at the price of then; None where none was, or
    where it was given or taken back.
    """
    lines = InvoiceLine.objects.filter(what="subscription", to_on=row.to_on, from_on__lte=today)
    for line in lines.select_related("invoice").order_by("-id"):
        if not is_corrected(line.invoice) and _find_unused(line) is None:
            return line
    return None


def correct(invoice_id: int, *, today: date, reason: str, reissue: bool = False) -> Invoice:
    """Take an invoice back whole by a credit note, which pays first what is open of it, then what else is open; the
    rest, which was paid, stays on the balance. ``reissue`` bills the same anew, to the name of today, before the credit
    is spent: what was paid of the one pays the other.

    **Raises** InvalidInputError without a reason; ConflictError for one that was taken back already, is a credit note
    itself, or of which a change of plan has given back a part.
    """
    if not reason.strip():
        sentence = _("Say why: it stands on the credit note.")
        raise InvalidInputError.at("reason", sentence)
    with transaction.atomic():
        row = Subscription.objects.select_for_update(of=("self",)).select_related("plan").get()
        invoice = get_invoice(invoice_id)
        if invoice.kind == Kind.CREDIT or is_corrected(invoice):
            raise ConflictError(_("This is a credit note, or was corrected by one."), key="billing.corrected")
        _require_whole(invoice)
        lines = [
            Item(line.what, line.plan, line.period, line.from_on, line.to_on, line.days, line.of_days, line.price,
                 line.net, line.tax_bp)
            for line in invoice.lines.all()
        ]  # fmt: skip
        items = [replace(line, what="correction", net=-line.net) for line in lines]
        note = _issue(row, items, today, kind=Kind.CREDIT, corrects=invoice, reason=reason.strip()[:200])
        row.balance += invoice.total
        row.save()
        first = [invoice]
        if reissue:
            first.append(_issue(row, lines, today, kind=Kind.INVOICE))
        draw(row, today, first=first)
        return note


def pay(
    invoice_id: int, *, amount: int, gateway: str, reference: str, paid_on: date, noted_by: str
) -> Payment:
    """Note that money came in. Noted twice under one reference, it is one payment; what is too much goes to the
    balance, which pays what else is open. Of a company that was erased there is no balance, and no log of its own.

    **Raises** InvalidInputError for an amount of nothing, a day that has not come yet, or one before the invoice.
    """
    if amount <= 0 or not reference.strip():
        raise InvalidInputError(
            _("A payment has an amount above zero and a reference."), key="billing.payment_invalid"
        )
    with transaction.atomic():
        row = Subscription.objects.select_for_update(of=("self",)).first()
        _require_past(paid_on, row.zone if row else "UTC")
        invoice = get_invoice(invoice_id)
        if invoice.kind == Kind.CREDIT:
            raise ConflictError(_("This is a credit note, or was corrected by one."), key="billing.corrected")
        # Where the payer's day begins earlier it may be the day before.
        if paid_on < invoice.issued_on - timedelta(days=1):
            raise _no_day(
                _("The invoice is of %(day)s: give the day on which the money came in.")
                % {"day": date_format(invoice.issued_on)}
            )
        open_ = open_amount(invoice)
        payment, is_new = Payment.objects.get_or_create(
            invoice=invoice, gateway=gateway, reference=reference.strip(),
            defaults={"amount": amount, "paid_on": paid_on, "noted_by": noted_by},
        )  # fmt: skip
        if is_new and row is not None:
            if amount > open_:
                row.balance += amount - open_
                row.save()
            draw(row, paid_on)
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
            record_payment(invoice.number, payment, invoice.currency)
        return payment


def record_payment(number: str, payment: Payment, currency: str) -> None:
    """Write a payment of an invoice into the audit of the company in force."""
    told = {
        "amount": words(payment.amount, currency), "paid_on": payment.paid_on.isoformat(),
        "reference": payment.reference,
    }  # fmt: skip
    changes = {name: [None, word] for name, word in told.items()}
    record("billing.invoice.paid", subject=number, subject_id=payment.invoice_id, changes=changes)


def list_invoices() -> QuerySet[Invoice]:
    """Return the company's invoices and credit notes, the newest first, with what was paid of them."""
    return Invoice.objects.select_related("letter", "corrects").prefetch_related(
        "payments", "corrections__lines"
    )


def get_invoice(invoice_id: int) -> Invoice:
    """Return an invoice of the company in force. **Raises** NotFoundError."""
    found = list_invoices().prefetch_related("lines").filter(pk=invoice_id).first()
    if found is None:
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": invoice_id})
    return found


def open_amount(invoice: Invoice) -> int:
    """Return what is still to be paid."""
    if invoice.kind == Kind.CREDIT:
        return 0
    return max(0, invoice.total - _paid(invoice))


def find_oldest_due() -> Invoice | None:
    """Return the open invoice that was, or is, due first."""
    rows = list_invoices().filter(kind=Kind.INVOICE).order_by("due_on", "pk")
    return next((row for row in rows if open_amount(row)), None)


def recount(invoice: Invoice) -> dict[str, Any]:
    """Return what the usage table says today of an invoice's span: the same as was told on it."""
    return sum_used(invoice.used_from, invoice.used_to)


def _issue(
    row: Subscription, items: Sequence[Item], today: date, *, kind: str, corrects: Invoice | None = None,
    reason: str = "",
) -> Invoice:  # fmt: skip
    totals = sum_items(items)
    zone = ZoneInfo(row.zone)
    used_to = datetime.combine(today, time(), zone)
    tenant = Tenant.objects.get()
    used_from = find_span(row, tenant, used_to)
    invoice = Invoice.objects.create(
        kind=kind, number=_take_number(kind, today), corrects=corrects, reason=reason, issued_on=today,
        due_on=today + timedelta(days=DUE_DAYS), currency=row.currency, language=tenant.language or get_language(),
        seller=seller_facts(),
        buyer=_buyer(row, tenant, corrects if kind == Kind.CREDIT else None),
        net=totals.net, tax=totals.tax, total=totals.total,
        used_from=used_from, used_to=used_to, used=sum_used(used_from, used_to),
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
    told = {"amount": words(invoice.total, invoice.currency)}
    if corrects is None:
        told["due_on"] = invoice.due_on.isoformat()
    else:
        told |= {"corrects": corrects.number, "reason": reason}
    record(
        "billing.invoice.issued" if kind == Kind.INVOICE else "billing.invoice.corrected",
        subject=invoice.number, subject_id=invoice.pk,
        changes={name: [None, word] for name, word in told.items() if word},
    )  # fmt: skip
    if address := find_address(row):
        Letter.objects.create(invoice=invoice, address=address, due_at=clock.now())
        transaction.on_commit(partial(_mail, invoice.tenant_id), robust=True)
    return invoice


def find_address(row: Subscription | None) -> str:
    """Return where invoices are mailed to: the address that was given for them, else the first owner's."""
    if row is not None and row.email:
        return row.email
    owners = Membership.objects.filter(role=Role.OWNER, deactivated_at=None).order_by("pk")
    return owners.values_list("user__email", flat=True).first() or ""


def _buyer(row: Subscription, tenant: Tenant, credited: Invoice | None) -> dict[str, Any]:
    """Return to whom it is made out: in today's words; a credit note in those of the invoice that it credits."""
    now = {
        "title": row.title or tenant.name, "tax_number": row.tax_number, "address": row.address, "bank": row.bank,
    }  # fmt: skip
    named = now if credited is None else {name: credited.buyer.get(name, "") for name in now}
    return {**named, "email": row.email, "zone": row.zone}


def _mail(tenant_id: int) -> None:
    # The letter is made of an invoice; an import at the top would go in a circle.
    from forgeline.billing.mailing import wake

    wake(tenant_id)


def _take_number(kind: str, today: date) -> str:
    """The next of its series. The row stays locked until the invoice is committed: numbers have no gaps."""
    key = f"{'FL' if kind == Kind.INVOICE else 'CN'}-{today.year}"
    Series.objects.get_or_create(key=key)
    series = Series.objects.select_for_update().get(key=key)
    series.last += 1
    series.save(update_fields=["last"])
    return f"{key}-{series.last:06d}"


def _paid(invoice: Invoice) -> int:
    if "payments" in getattr(invoice, "_prefetched_objects_cache", {}):
        return sum(payment.amount for payment in invoice.payments.all())
    return int(invoice.payments.aggregate(sum=Sum("amount"))["sum"] or 0)


def find_corrections(invoice: Invoice) -> list[Invoice]:
    """Return the credit notes by which it was taken back whole: one, or none."""
    notes = invoice.corrections.all()
    return [note for note in notes if any(line.what == "correction" for line in note.lines.all())]


def is_corrected(invoice: Invoice) -> bool:
    """Say whether it was taken back whole."""
    return bool(find_corrections(invoice))


def _find_unused(line: InvoiceLine) -> InvoiceLine | None:
    """Return the line by which a change of plan has given back days that this one charges."""
    later = InvoiceLine.objects.filter(
        what="unused", plan=line.plan, period=line.period, to_on=line.to_on, invoice_id__gt=line.invoice_id
    )
    return next((each for each in later.select_related("invoice") if not is_corrected(each.invoice)), None)


def _require_whole(invoice: Invoice) -> None:
    """Pass where no change of plan has given back a part of an invoice: it would be given back twice."""
    for line in invoice.lines.all():
        unused = _find_unused(line) if line.what == "subscription" else None
        if unused is not None:
            number = unused.invoice.number
            sentence = (
                _("%(number)s has given back a part of this invoice already; take that back first.")
                if unused.invoice.kind == Kind.INVOICE
                else _("The credit note %(number)s has given back a part of this invoice already.")
            )
            raise ConflictError(
                sentence % {"number": number}, key="billing.given_back", data={"number": number}
            )


def _require_past(paid_on: date, zone: str) -> None:
    now = clock.now()
    # The later of the company's day and UTC's: pages offer the latter.
    if paid_on > max(now.date(), now.astimezone(ZoneInfo(zone)).date()):
        raise _no_day(_("This day has not come yet: give the day on which the money came in."))


def _no_day(sentence: str) -> InvalidInputError:
    return InvalidInputError.at("paid_on", sentence, key="billing.payment_invalid")

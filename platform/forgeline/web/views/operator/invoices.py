"""A row of the operator's table of invoices, with the forms that it has. Not here: the pages (tenants, gone)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _, gettext_lazy

from forgeline.base import clock
from forgeline.base.moments import check_moment
from forgeline.billing import console, mailing
from forgeline.billing.models import Kind
from forgeline.billing.money import words


class CorrectionForm(forms.Form):
    """Why an invoice is taken back."""

    correction_reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=200,
        help_text=gettext_lazy("It stands on the credit note and in the customer's audit log."),
    )  # fmt: skip
    reissue = forms.BooleanField(
        label=gettext_lazy("Issue it anew"), required=False,
        help_text=gettext_lazy(
            "With the name and tax number that the company has now; what was paid of the one pays the other. Without "
            "it the plan goes on and nothing is billed for it: change or cancel it where it should end."
        ),
    )  # fmt: skip


class PaidForm(forms.Form):
    """Money that came in for an invoice."""

    reference = forms.CharField(
        label=gettext_lazy("Reference"),
        max_length=120,
        help_text=gettext_lazy("As the bank statement has it."),
    )
    amount = forms.DecimalField(
        label=gettext_lazy("Amount"),
        min_value=Decimal("0.01"),
        max_digits=12,
        decimal_places=2,
        help_text=gettext_lazy("What is more than is open goes to the company's balance."),
    )
    paid_on = forms.DateField(
        validators=[check_moment],
        label=gettext_lazy("Paid on"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


def row_of(
    each: console.InvoiceFacts, form: forms.Form | None, request: HttpRequest, *, may_correct: bool = True
) -> dict[str, Any]:
    """A row with forms of its own: an id stands on a page once. The form that was sent shows its faults."""
    number = str(each.invoice_id)
    names = f"id_{number}_%s"
    first = {"paid_on": clock.now().date(), "amount": Decimal(each.open) / 100}
    paid: forms.Form = PaidForm(initial=first, auto_id=names)
    correction: forms.Form = CorrectionForm(auto_id=names)
    if isinstance(form, PaidForm) and request.POST.get("paid") == number:
        paid = form
    if isinstance(form, CorrectionForm) and request.POST.get("correct") == number:
        correction = form
    return {
        "paid_form": paid,
        "correction_form": correction,
        "invoice": each,
        "is_credit": each.kind == Kind.CREDIT,
        "settled": ""
        if each.kind == Kind.CREDIT or each.open
        else _("taken back")
        if each.is_corrected
        else _("paid"),
        "total": words(each.total, each.currency),
        "open": words(each.open, each.currency) if each.open else "",
        "may_correct": may_correct and each.kind == Kind.INVOICE and not each.is_corrected,
        "mail": mailing.say(
            each.mailed_to, sent_at=each.mailed_at, due_at=each.mail_due_at, fault=each.mail_fault
        ),
        "is_late": bool(each.open) and each.due_on < clock.now().date(),
    }


def payment_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a filled-in form says of a payment, the amount in cents."""
    return {**given, "amount": int(given["amount"] * 100)}


def read_number(word: str) -> int:
    """The id that a button carries; 0, which nothing has, for anything else."""
    return int(word) if word.isdecimal() and len(word) < 19 else 0

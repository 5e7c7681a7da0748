"""Money that goes back: a credit pays what is open before it becomes a balance, and a balance never waits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from forgeline.audit.models import Entry
from forgeline.base import clock
from forgeline.base.errors import ConflictError, InvalidInputError
from forgeline.billing import invoicing, subscriptions
from forgeline.billing.models import Invoice, Kind, Payment, State, Subscription
from tests.billing.conftest import Customer


def opens() -> list[int]:
    """What is open of each invoice, the oldest first."""
    rows = invoicing.list_invoices().filter(kind=Kind.INVOICE).order_by("id")
    return [invoicing.open_amount(row) for row in rows]


def pay(customer: Customer, invoice: Invoice, amount: int | None = None, reference: str = "A1") -> Payment:
    return subscriptions.take_payment(
        invoice.pk, amount=invoice.total if amount is None else amount, gateway="bank_transfer", reference=reference,
        paid_on=customer.now.date(), noted_by="operator", now=customer.now,
    )  # fmt: skip


def assert_sound(customer: Customer) -> None:
    """The balance is what was really paid beyond what was charged, less nothing that is still open."""
    charged = sum(Invoice.objects.values_list("total", flat=True))
    paid = sum(Payment.objects.exclude(gateway=invoicing.BALANCE).values_list("amount", flat=True))
    balance = customer.row.balance
    assert balance - sum(opens()) == paid - charged
    assert not balance or not sum(opens())


def test_changes_on_one_day_with_nothing_paid_leave_nothing_open_and_no_balance(customer: Customer) -> None:
    customer.name()
    for plan in ("starter", "professional", "free"):
        customer.choose(plan)
        assert_sound(customer)
    note = Invoice.objects.get(kind=Kind.CREDIT)
    assert note.total == -99_900 - 5_994
    assert (opens(), customer.row.balance) == ([0, 0], 0)
    customer.choose("starter")
    assert (opens(), customer.row.balance) == ([0, 0, 31_694], 0)


def test_a_credit_pays_the_invoice_that_it_is_on_then_the_oldest_then_waits(customer: Customer) -> None:
    customer.name()
    customer.choose("starter")
    customer.wait(7)
    customer.choose("professional")
    starter, up = Invoice.objects.order_by("id")
    customer.choose("starter")
    down = Invoice.objects.get(kind=Kind.CREDIT)
    assert (down.corrects_id, up.total + down.total) == (up.pk, 0)
    assert (opens(), customer.row.balance) == ([31_694, 0], 0)
    pay(customer, starter)
    customer.choose("free")
    # Seven of 28 days were used.
    assert customer.row.balance == 22_425 + 1_346
    assert_sound(customer)


def test_what_was_given_back_pays_the_next_invoice(customer: Customer) -> None:
    customer.name()
    customer.choose("professional")
    pay(customer, Invoice.objects.get())
    customer.wait(1)
    customer.choose("starter")
    credit = customer.row.balance
    assert credit > 31_694
    customer.wait(27)
    newest = Invoice.objects.first()
    assert newest is not None
    assert (newest.kind, newest.total, opens()) == (Kind.INVOICE, 31_694, [0, 0])
    assert customer.row.balance == credit - 31_694


def test_nobody_is_shut_out_who_has_a_balance(customer: Customer) -> None:
    customer.name()
    customer.choose("starter")
    Subscription.objects.update(balance=20_000)
    customer.wait(1)
    assert (opens(), customer.row.balance) == ([11_694], 0)
    Subscription.objects.update(balance=42_506)
    row = customer.wait(14 + 29)
    # The second invoice is open in part; the oldest was paid first.
    assert (opens(), row.state, row.balance) == ([0, 882], State.PAST_DUE, 0)
    references = sorted(Payment.objects.values_list("reference", flat=True))
    first = Invoice.objects.order_by("id").first()
    assert first is not None
    assert references[:2] == [first.number, f"{first.number}-2"]


def test_what_is_paid_too_much_pays_what_else_is_open(customer: Customer) -> None:
    customer.name()
    customer.choose("starter")
    customer.wait(28)
    first, second = Invoice.objects.order_by("id")
    pay(customer, second, 31_694 + 20_000)
    assert (opens(), customer.row.balance) == ([11_694, 0], 0)
    pay(customer, first, 31_694, "A2")
    assert (opens(), customer.row.balance) == ([0, 0], 20_000)
    assert_sound(customer)


def test_an_invoice_is_taken_back_whole_once(customer: Customer) -> None:
    customer.name()
    customer.choose("starter")
    invoice = Invoice.objects.get()
    pay(customer, invoice)
    pay(customer, invoice)
    assert opens() == [0]
    with pytest.raises(InvalidInputError):
        subscriptions.correct_invoice(invoice.pk, reason=" ", now=customer.now)
    note = subscriptions.correct_invoice(invoice.pk, reason="Sold twice", now=customer.now)
    assert (note.kind, note.total, note.corrects_id, note.reason, customer.row.balance) == (
        Kind.CREDIT, -31_694, invoice.pk, "Sold twice", 31_694,
    )  # fmt: skip
    for number in (invoice.pk, note.pk):
        with pytest.raises(ConflictError):
            subscriptions.correct_invoice(number, reason="again", now=customer.now)
    actions = list(
        Entry.objects.filter(action__startswith="billing.invoice.").values_list("action", flat=True)
    )
    assert sorted(actions) == [f"billing.invoice.{word}" for word in ("corrected", "issued", "paid")]
    # What was taken back is not given back again when the plan changes.
    customer.choose("free")
    assert (Invoice.objects.count(), customer.row.balance) == (2, 31_694)


def test_an_invoice_is_issued_anew_to_another_name_and_what_was_paid_pays_it(customer: Customer) -> None:
    customer.name()
    customer.choose("starter")
    customer.wait(28)
    paid, late = Invoice.objects.order_by("id")
    pay(customer, paid)
    Subscription.objects.update(title="Alice Stamping (Suzhou) Ltd", tax_number="91320500MA1ABCDE2X")
    subscriptions.correct_invoice(paid.pk, reason="Wrong tax number", reissue=True, now=customer.now)
    again = Invoice.objects.order_by("id").last()
    assert again is not None
    assert (again.buyer["title"], again.buyer["tax_number"]) == (
        "Alice Stamping (Suzhou) Ltd",
        "91320500MA1ABCDE2X",
    )
    lines = [
        list(row.lines.values_list("what", "from_on", "to_on", "net", "tax_bp")) for row in (paid, again)
    ]
    assert (lines[0], again.total) == (lines[1], paid.total)
    # The money stays with what it was paid for; an older invoice that is open does not take it.
    assert (opens(), customer.row.balance) == ([0, late.total, 0], 0)
    assert_sound(customer)
    # The days of the new one are given back when the plan changes.
    subscriptions.correct_invoice(late.pk, reason="Never used", now=customer.now)
    subscriptions.correct_invoice(again.pk, reason="Never used", now=customer.now)
    assert (opens(), customer.row.balance) == ([0, 0, 0], paid.total)


def test_a_correction_opens_what_an_unpaid_invoice_had_shut(customer: Customer) -> None:
    customer.name()
    customer.choose("starter")
    customer.wait(14 + 29)
    assert customer.row.state == State.SUSPENDED
    for invoice in Invoice.objects.filter(kind=Kind.INVOICE):
        subscriptions.correct_invoice(invoice.pk, reason="Never used", now=customer.now)
    assert (opens()[:2], customer.row.balance, customer.row.state) == ([0, 0], 0, State.ACTIVE)
    assert_sound(customer)


def test_what_a_change_has_given_back_is_not_taken_back_too(customer: Customer) -> None:
    customer.name()
    customer.choose("starter")
    customer.choose("professional")
    first, second = Invoice.objects.order_by("id")
    with pytest.raises(ConflictError) as refused:
        subscriptions.correct_invoice(first.pk, reason="wrong", now=customer.now)
    assert (refused.value.key, refused.value.data["number"]) == ("billing.given_back", second.number)
    for invoice in (second, first):
        subscriptions.correct_invoice(invoice.pk, reason="wrong", now=customer.now)
    assert (opens(), customer.row.balance) == ([0, 0], 0)


@pytest.mark.parametrize("days", [1, 400])
def test_money_does_not_come_in_tomorrow(customer: Customer, days: int) -> None:
    customer.name()
    customer.choose("starter")
    ahead = (clock.now() + timedelta(days=days, hours=8)).date()
    facts: dict[str, Any] = {"amount": 1, "gateway": "operator", "reference": "x", "noted_by": "x"}
    with pytest.raises(InvalidInputError) as refused:
        invoicing.pay(Invoice.objects.get().pk, paid_on=ahead, **facts)
    assert "paid_on" in refused.value.data["fields"]
    early = Invoice.objects.get().issued_on - timedelta(days=2)
    with pytest.raises(InvalidInputError) as refused:
        invoicing.pay(Invoice.objects.get().pk, paid_on=early, **facts)
    assert "The invoice is of" in refused.value.data["fields"]["paid_on"][0]
    assert invoicing.pay(Invoice.objects.get().pk, paid_on=early + timedelta(days=1), **facts).amount == 1


def test_the_first_invoice_tells_no_time_before_the_subscription(customer: Customer) -> None:
    customer.name()
    customer.wait(3)
    customer.choose("starter")
    invoice = Invoice.objects.get()
    assert (invoice.used_to - invoice.used_from).days == 3

"""What the operator of the service reads of companies, what they cost and bring, and what it does with their money.

Every read goes through a function of the migrations that answers in the operator's scope alone; every deed runs in the
company's scope and stands in its audit log. Not here: visits and switches (identity.operating), pages (web).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils.translation import gettext as _

from forgeline.assets.queries import read_home_zone
from forgeline.audit.recorder import record
from forgeline.base.errors import ConflictError, InvalidInputError, NotFoundError
from forgeline.billing import invoicing, plan_news, subscriptions
from forgeline.billing.metering import Sums
from forgeline.billing.models import (
    Currency,
    Invoice,
    Kind,
    Payment,
    Seller,
    Subscription,
    UnitCosts,
    seller_facts,
)
from forgeline.billing.money import words
from forgeline.billing.paper import print_invoice
from forgeline.identity.operating import at_company
from forgeline.identity.policy import Actor, require_permission
from forgeline.identity.roles import OPERATE
from forgeline.tenancy.scoping import list_tenant_ids, tenant_scope

GATEWAY = "operator"
"""Of payments that a person of the operator has noted."""
RATES = ("per_million_samples", "per_gb_day", "per_cpu_s", "per_notification", "per_api_call")
MOST = Decimal(100_000)
ROWS = 500
"""Companies of one list; the page says so where there are more."""
GONE = "gone"
"""The kind of a company that was erased: it has no name and no page any more."""
_EVERY = 1_000_000
_NO_TENANT = 2**62
"""A number within the database's that no company has."""


class TenantFacts(NamedTuple):
    """A company as the operator sees it; ``plan``, ``state`` and ``currency`` None where it has bought nothing."""

    tenant_id: int
    name: str
    slug: str
    kind: str
    created_at: datetime
    plan: str | None
    state: str | None
    currency: str | None
    access: str | None
    switches: dict[str, bool]
    members: int
    newest_at: datetime | None
    """When it last stored samples: to the second for a day, to the hour before that."""


class MemberFacts(NamedTuple):
    membership_id: int
    name: str
    email: str
    role: str
    own_role: str | None


class InvoiceFacts(NamedTuple):
    invoice_id: int
    number: str
    kind: str
    issued_on: date
    due_on: date
    currency: str
    total: int
    paid: int
    is_corrected: bool
    mailed_to: str
    mailed_at: datetime | None
    mail_due_at: datetime | None
    mail_fault: str

    @property
    def open(self) -> int:
        """What is still to be paid."""
        return 0 if self.kind == Kind.CREDIT else max(0, self.total - self.paid)


class SubscriptionFacts(NamedTuple):
    """What a company has bought; everything but ``erased_at`` None where it is nothing."""

    currency: str | None
    balance: int | None
    period: str | None
    from_on: date | None
    to_on: date | None
    next_plan: str | None
    next_period: str | None
    title: str | None
    erased_at: datetime | None
    """When the company is erased, where its owner has asked for it."""


@dataclass(frozen=True, slots=True)
class Margin:
    """A company's month: cents of ``currency``; ``cost`` None where no unit costs are set in it."""

    tenant: TenantFacts
    used: Sums
    currency: str
    invoiced: int
    cost: int | None

    @property
    def margin(self) -> int | None:
        return None if self.cost is None else self.invoiced - self.cost


_NOTHING = Sums(0, 0.0, 0, 0.0, 0, 0)


def list_tenants(*, actor: Actor, search: str = "") -> list[TenantFacts]:
    """Return the live companies by name, at most ROWS and one; ``search`` is a part of name or short name."""
    require_permission(actor, OPERATE)
    return _list_tenants(search.strip(), ROWS + 1)


def get_tenant(tenant_id: int, *, actor: Actor) -> TenantFacts:
    """Return one company. **Raises** NotFoundError."""
    require_permission(actor, OPERATE)
    for row in _rows(TenantFacts, "billing_operator_tenants('', %s, 1)", [min(tenant_id, _NO_TENANT)]):
        return _tenant(row)
    raise NotFoundError(_("There is no such company."), data={"id": tenant_id})


def get_subscription_of(tenant_id: int, *, actor: Actor) -> SubscriptionFacts:
    """Return what a company has bought, and whether it is to be erased. **Raises** NotFoundError."""
    require_permission(actor, OPERATE)
    call = "billing_operator_subscription(%s)"
    for row in _rows(SubscriptionFacts, call, [min(tenant_id, _NO_TENANT)]):
        return SubscriptionFacts(*row)
    raise NotFoundError(_("There is no such company."), data={"id": tenant_id})


def list_members_of(tenant_id: int, *, actor: Actor) -> list[MemberFacts]:
    """Return who can come into a company, by name."""
    require_permission(actor, OPERATE)
    return [MemberFacts(*row) for row in _rows(MemberFacts, "billing_operator_members(%s)", [tenant_id])]


def list_invoices_of(tenant_id: int, *, actor: Actor) -> list[InvoiceFacts]:
    """Return a company's last hundred invoices and credit notes, the newest first."""
    require_permission(actor, OPERATE)
    call = "billing_operator_invoices(%s)"
    return [InvoiceFacts(*row) for row in _rows(InvoiceFacts, call, [min(tenant_id, _NO_TENANT)])]


def sum_open(*, actor: Actor) -> dict[int, list[tuple[str, int]]]:
    """Return what is open of each company's invoices: (currency, cents); also of companies that are gone."""
    require_permission(actor, OPERATE)
    found: dict[int, list[tuple[str, int]]] = {}
    for tenant_id, currency, amount in _all("SELECT * FROM billing_operator_open()", []):
        found.setdefault(tenant_id, []).append((currency, amount))
    return found


def read_month(first: date, *, actor: Actor) -> list[Margin]:
    """Return what each company used, was invoiced and cost in the month that begins on ``first``, the largest first.

    **Time**: the month is UTC's. **Units**: whole cents; an invoice's lines are spread over the days they are for.
    """
    require_permission(actor, OPERATE)
    end = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    span = [datetime(day.year, day.month, 1, tzinfo=UTC) for day in (first, end)]
    used = {row[0]: Sums(*row[1:]) for row in _all("SELECT * FROM billing_operator_usage(%s, %s)", span)}
    invoiced: dict[int, dict[str, int]] = {}
    for tenant_id, currency, net in _all("SELECT * FROM billing_operator_invoiced(%s, %s)", [first, end]):
        invoiced.setdefault(tenant_id, {})[currency] = net
    rates = {row.currency: row for row in UnitCosts.objects.all()}
    found = []
    live = _list_tenants("", _EVERY)
    # What a company that was erased since has brought stays counted; its name is the record's to tell.
    gone = [_gone(each) for each in sorted({*invoiced}.difference(row.tenant_id for row in live))]
    for tenant in (*live, *gone):
        sums, nets = used.get(tenant.tenant_id, _NOTHING), invoiced.get(tenant.tenant_id, {})
        for currency in sorted(nets) or [tenant.currency or next(iter(sorted(rates)), Currency.CNY)]:
            row = rates.get(currency)
            cost = None if row is None else cost_of(sums, row)
            found.append(Margin(tenant, sums, currency, nets.get(currency, 0), cost))
    return sorted(found, key=lambda each: (-each.used.samples_stored, each.tenant.name))


def _gone(tenant_id: int) -> TenantFacts:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return TenantFacts(tenant_id, "", "", GONE, epoch, None, None, None, None, {}, 0, None)


def cost_of(used: Sums, rates: UnitCosts) -> int:
    """Return what a use costs by unit costs, in cents."""
    cost = (
        Decimal(used.samples_stored) / 1_000_000 * rates.per_million_samples
        + Decimal(repr(used.gb_days)) * rates.per_gb_day
        + Decimal(repr(used.cpu_s)) * rates.per_cpu_s
        + used.notifications * rates.per_notification
        + used.api_calls * rates.per_api_call
    )
    return int((cost * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def list_unit_costs(*, actor: Actor) -> dict[str, UnitCosts]:
    """Return currency → what units cost in it."""
    require_permission(actor, OPERATE)
    return {row.currency: row for row in UnitCosts.objects.order_by("currency")}


def set_unit_costs(currency: str, rates: Mapping[str, Decimal], *, actor: Actor) -> UnitCosts:
    """Say what units cost in a currency. **Raises** InvalidInputError for a rate below zero or beyond MOST."""
    require_permission(actor, OPERATE)
    wrong = [name for name in RATES if not 0 <= rates[name] <= MOST]
    if wrong or currency not in Currency:
        sentence = _("A cost is a number from 0 to %(most)s.") % {"most": f"{MOST:,}"}
        raise InvalidInputError(
            sentence, data={"fields": {name: [sentence] for name in wrong or ["currency"]}}
        )
    row, _is_new = UnitCosts.objects.update_or_create(
        currency=currency, defaults={name: rates[name] for name in RATES}
    )
    return row


def get_seller(*, actor: Actor) -> dict[str, Any]:
    """Return who sells, as the next invoice will name it: title, address, tax_number, bank (currency → account)."""
    require_permission(actor, OPERATE)
    return seller_facts()


def set_seller(
    *, title: str, address: str, tax_number: str, bank: Mapping[str, str], actor: Actor
) -> dict[str, Any]:
    """Say who sells, on the invoices that are issued from now on. It stands in the operator's own audit log.

    **Raises** InvalidInputError without a name, or for an account in a currency in which nothing is sold.
    """
    require_permission(actor, OPERATE)
    if not title.strip():
        sentence = _("Fill in the name that stands on invoices.")
        raise InvalidInputError.at("title", sentence)
    if not set(bank) <= set(Currency.values):
        raise InvalidInputError(_("Choose one of the currencies."), data={"fields": {"bank": list(bank)}})
    told = {"title": title.strip(), "address": address.strip(), "tax_number": tax_number.strip()}
    accounts = {currency: word.strip() for currency, word in sorted(bank.items()) if word.strip()}
    with transaction.atomic():
        row = Seller.objects.select_for_update().first() or Seller()
        given = {**told, "bank": accounts}
        changes = {
            name: [_in_words(getattr(row, name)), _in_words(value)]
            for name, value in given.items() if getattr(row, name) != value
        }  # fmt: skip
        for name, value in given.items():
            setattr(row, name, value)
        row.save()
        if changes:
            record("billing.seller.changed", subject=row.title, subject_id=row.pk, changes=changes)
    return seller_facts()


def change_plan_of(
    tenant_id: int, plan: str, period: str, *, at_once: bool, actor: Actor, title: str = ""
) -> Subscription:
    """Change a company's plan as it could itself (see ``subscriptions.change_plan``).

    ``title`` is the name on its invoices where it has filled in none: it need not come to its pages first.
    """
    with at_company(tenant_id, actor=actor), transaction.atomic():
        if title.strip():
            Subscription.objects.filter(title="").update(title=title.strip()[:200])
        return plan_news.told(lambda: subscriptions.change_plan(plan, period, at_once=at_once))


def cancel_of(tenant_id: int, *, actor: Actor) -> Subscription:
    """Let a company fall back to the free plan when its period ends, also with more than that holds."""
    with at_company(tenant_id, actor=actor), transaction.atomic():
        return plan_news.told(subscriptions.cancel)


def correct_invoice_of(
    tenant_id: int, invoice_id: int, *, reason: str, actor: Actor, reissue: bool = False
) -> Invoice:
    """Take a company's invoice back by a credit note, and issue it anew where wanted (see ``invoicing.correct``)."""
    with at_company(tenant_id, actor=actor):
        return subscriptions.correct_invoice(invoice_id, reason=reason, reissue=reissue)


def begin_trial_of(tenant_id: int, currency: str, *, actor: Actor) -> Subscription:
    """Give a company that has bought nothing a trial. **Raises** ConflictError where it has a plan already."""
    if currency not in Currency:
        raise InvalidInputError(_("Choose one of the currencies."), data={"fields": {"currency": [currency]}})
    with at_company(tenant_id, actor=actor):
        if subscriptions.get_subscription() is not None:
            raise ConflictError(_("This company has a plan already."), key="billing.has_plan")
        return subscriptions.start_trial(currency=currency, zone=read_home_zone())


def mark_paid(
    tenant_id: int, invoice_id: int, *, reference: str, paid_on: date, actor: Actor, amount: int | None = None
) -> Payment:
    """Note that money came in for an invoice; what that had shut opens at once.

    ``amount`` is in cents, all that is open where it is None; what is more goes to the company's balance.
    **Raises** ConflictError for one of which nothing is open, InvalidInputError without a reference, or for more than
    is open of a company that is gone and has no balance.
    """
    invoice = _find_invoice(tenant_id, invoice_id, actor=actor)
    if not invoice.open:
        raise ConflictError(
            _("Nothing is open of %(number)s.") % {"number": invoice.number}, key="billing.nothing_open"
        )
    told: Any = {
        "amount": invoice.open if amount is None else amount, "gateway": GATEWAY, "reference": reference,
        "paid_on": paid_on, "noted_by": actor.label[:120],
    }  # fmt: skip
    if tenant_id in list_tenant_ids():
        with at_company(tenant_id, actor=actor):
            return subscriptions.take_payment(invoice_id, **told)
    if told["amount"] > invoice.open:
        sentence = _("Not more than is open, %(open)s: the company is gone and has no balance.")
        raise InvalidInputError.at("amount", sentence % {"open": words(invoice.open, invoice.currency)})
    with transaction.atomic():
        with tenant_scope(tenant_id, branches=()):
            before = Payment.objects.filter(invoice_id=invoice_id).count()
            payment = invoicing.pay(invoice_id, **told)
            is_new = Payment.objects.filter(invoice_id=invoice_id).count() > before
        if is_new:
            # The company is gone with its own log.
            invoicing.record_payment(invoice.number, payment, invoice.currency)
        return payment


def print_invoice_of(tenant_id: int, invoice_id: int, *, actor: Actor) -> tuple[str, bytes]:
    """Return the number and the PDF of an invoice or a credit note, also of a company that was erased.

    **Raises** NotFoundError, UnavailableError where the paper cannot be set.
    """
    number = _find_invoice(tenant_id, invoice_id, actor=actor).number
    with tenant_scope(tenant_id, branches=()):
        return number, print_invoice(invoicing.get_invoice(invoice_id))


def _find_invoice(tenant_id: int, invoice_id: int, *, actor: Actor) -> InvoiceFacts:
    rows = list_invoices_of(tenant_id, actor=actor)
    found = next((each for each in rows if each.invoice_id == invoice_id), None)
    if found is None:
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": invoice_id})
    return found


def _in_words(value: Any) -> str:
    """The accounts one after another, as the audit tells them; other words as they are."""
    if isinstance(value, Mapping):
        return "; ".join(f"{currency}: {word}" for currency, word in sorted(value.items()))
    return str(value)


def _list_tenants(search: str, most: int) -> list[TenantFacts]:
    rows = _rows(TenantFacts, "billing_operator_tenants(%s, NULL, %s)", [search, most])
    return [_tenant(row) for row in rows]


def _tenant(row: tuple[Any, ...]) -> TenantFacts:
    facts = TenantFacts(*row)
    told: Any = facts.switches
    # A raw cursor gives JSON as it is written.
    return facts._replace(switches=json.loads(told) if isinstance(told, str) else told or {})


def _rows(shape: Any, call: str, values: list[Any]) -> list[tuple[Any, ...]]:
    return _all(f"SELECT {', '.join(shape._fields)} FROM {call}", values)  # noqa: S608 - words of ours


def _all(statement: str, values: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

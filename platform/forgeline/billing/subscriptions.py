"""The life of a subscription: trial → active → past due → grace → suspended → closed, and changes of plan.

Days are the company's. Decision 0010 says what each state means. Not here: invoices (invoicing), counting (quota),
what a change would mean (quoting).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from forgeline.base import clock
from forgeline.base.errors import ConflictError, InvalidInputError, NotFoundError
from forgeline.billing import invoicing, overdue, quoting
from forgeline.billing.models import (
    Invoice,
    Payment,
    Period,
    Plan,
    State,
    Subscription,
)
from forgeline.billing.money import add_period
from forgeline.billing.quoting import Quote
from forgeline.entitlements import rights
from forgeline.entitlements.models import Access
from forgeline.telemetry import retention
from forgeline.tenancy.context import require_tenant_id
from forgeline.tenancy.scoping import list_tenant_ids, tenant_scope

TRIAL_DAYS = 30
PAST_DUE_DAYS = 14
"""After the day on which an invoice was due, until grace."""
GRACE_DAYS = 14
SUSPENDED_DAYS = 60
FREE = "free"


def list_plans() -> list[Plan]:
    """Return the plans that are offered, the smallest first, with their prices."""
    return list(Plan.objects.filter(is_offered=True).prefetch_related("prices"))


def get_subscription() -> Subscription | None:
    """Return the subscription of the company in force; None on a server where nothing is sold."""
    return Subscription.objects.select_related("plan", "next_plan").first()


def start_trial(
    *, currency: str, zone: str, plan: str = "professional", now: datetime | None = None
) -> Subscription:
    """Give the company in force a plan for TRIAL_DAYS without a price."""
    today = _today(zone, now)
    row = Subscription.objects.create(
        tenant_id=require_tenant_id(), plan_id=plan, currency=currency, zone=zone, state=State.TRIAL,
        state_since=today, began_on=today, from_on=today, to_on=today + timedelta(days=TRIAL_DAYS),
        anchor_day=today.day,
    )  # fmt: skip
    grant(row)
    return row


def quote(plan_key: str, period: str, *, at_once: bool, now: datetime | None = None) -> Quote:
    """Return what a change to a plan and period would mean (see ``quoting.make_quote``); changes nothing."""
    row = _require()
    return quoting.make_quote(row, plan_key, period, at_once=at_once, today=_today(row.zone, now))


@transaction.atomic
def change_plan(plan_key: str, period: str, *, at_once: bool, now: datetime | None = None) -> Subscription:
    """Change to a plan now, with what is unused of the old one taken off, or when the period ends. The plan in force,
    when the period ends, calls back what was chosen for then.

    **Raises** ConflictError with what is in the way when the company has more than the plan holds, and for a change now
    to what it has; InvalidInputError where an invoice would have no name on it.
    """
    row = _lock()
    if not at_once and quoting.is_present(row, row.plan, period) and plan_key == row.plan_id:
        # Even where the plan is too small by now, or no longer offered: nobody is made to leave it.
        row.next_plan, row.next_period = None, ""
        row.save()
        return row
    asked = quote(plan_key, period, at_once=at_once, now=now)
    if asked.in_the_way:
        raise ConflictError(
            _("This plan is too small for what you have: %(list)s") % {"list": " ".join(asked.in_the_way)},
            key="billing.does_not_fit", data={"in_the_way": list(asked.in_the_way)},
        )  # fmt: skip
    if asked.needs_title:
        raise InvalidInputError(
            _("Fill in the name that stands on the invoice first."), key="billing.no_title",
            data={"fields": {"title": [_("Fill in the name that stands on the invoice first.")]}},
        )  # fmt: skip
    if not at_once:
        row.next_plan, row.next_period = asked.plan, period
        row.save()
        return row
    today = asked.begins_on
    row.plan, row.period, row.next_plan, row.next_period = asked.plan, period, None, ""
    if asked.is_new_period:
        row.anchor_day, row.from_on = today.day, today
        row.to_on = add_period(today, period, row.anchor_day)
    if row.state == State.TRIAL:
        _enter(row, State.ACTIVE, today)
    row.save()
    invoicing.settle(row, asked.items, today, gives_back=asked.gives_back)
    _review(row, today)
    grant(row)
    return row


@transaction.atomic
def cancel(*, now: datetime | None = None) -> Subscription:
    """Fall back to the free plan when the period ends, also with more than it holds; nothing is deleted.

    A company that is on it stays there.
    """
    row = _lock()
    row.next_plan, row.next_period = Plan.objects.get(pk=FREE), Period.MONTH
    if row.plan_id == FREE and row.state != State.TRIAL:
        row.next_plan, row.next_period = None, ""
    row.save()
    return row


@transaction.atomic
def advance(*, now: datetime | None = None) -> Subscription | None:
    """Bring the subscription of the company in force to today: new periods, invoices, what is overdue."""
    row = Subscription.objects.select_for_update(of=("self",)).select_related("plan", "next_plan").first()
    if row is None:
        return None
    today = _today(row.zone, now)
    invoicing.draw(row, today)
    _review(row, today)
    while today >= row.to_on and row.state not in (State.SUSPENDED, State.CLOSED):
        _begin_period(row, row.to_on)
    _review(row, today)
    grant(row)
    return row


@transaction.atomic
def take_payment(
    invoice_id: int, *, amount: int, gateway: str, reference: str, paid_on: date, noted_by: str,
    now: datetime | None = None,
) -> Payment:  # fmt: skip
    """Note a payment of the company in force (see ``invoicing.pay``) and open at once what it had shut."""
    payment = invoicing.pay(
        invoice_id, amount=amount, gateway=gateway, reference=reference, paid_on=paid_on, noted_by=noted_by
    )
    advance(now=now)
    return payment


@transaction.atomic
def correct_invoice(
    invoice_id: int, *, reason: str, reissue: bool = False, now: datetime | None = None
) -> Invoice:
    """Take an invoice of the company in force back (see ``invoicing.correct``) and open at once what it had shut."""
    note = invoicing.correct(invoice_id, today=_today(_require().zone, now), reason=reason, reissue=reissue)
    advance(now=now)
    return note


def advance_all(*, now: datetime | None = None) -> None:
    """Bring every company's subscription to today, each in a transaction of its own."""
    for tenant_id in list_tenant_ids():
        with tenant_scope(tenant_id, branches=()):
            advance(now=now)


_ACCESS = {
    State.PAST_DUE: Access.OVERDUE, State.GRACE: Access.OVERDUE,
    State.SUSPENDED: Access.SUSPENDED, State.CLOSED: Access.SUSPENDED,
}  # fmt: skip


def grant(row: Subscription) -> None:
    """Give the company what its plan and its state allow."""
    access = _ACCESS.get(State(row.state), Access.FULL)
    rights.set_rights(limits=row.plan.limits, modules=row.plan.modules, access=access, plan=row.plan_id)
    retention.follow_plan()


def _begin_period(row: Subscription, first: date) -> None:
    """Begin the period after the one that has ended, with the plan that was chosen for it."""
    was_trial = row.state == State.TRIAL
    plan, period = row.next_plan, row.next_period
    if was_trial and plan is None:
        plan, period = Plan.objects.get(pk=FREE), Period.MONTH
    # A plan that has become too small meanwhile is not forced on anybody; but for the end of a trial.
    if plan is not None and (was_trial or plan.pk == FREE or not quoting.list_in_the_way(plan)):
        row.plan, row.period = plan, period
    row.next_plan, row.next_period = None, ""
    if was_trial:
        row.anchor_day = first.day
        _enter(row, State.ACTIVE, first)
    row.from_on, row.to_on = first, add_period(first, row.period, row.anchor_day)
    row.save()
    price = quoting.price_of(row.plan, row.currency)
    if price.amount(row.period):
        span = row.from_on, row.to_on
        invoicing.settle(row, [quoting.item_of(price, row.period, span, (span[1] - span[0]).days)], first)


def _review(row: Subscription, today: date) -> None:
    """Set the state by the oldest invoice that is overdue."""
    if row.state == State.TRIAL:
        return
    oldest = invoicing.find_oldest_due()
    late = -1 if oldest is None else (today - oldest.due_on).days
    if late <= 0:
        state = State.ACTIVE
    elif late <= PAST_DUE_DAYS:
        state = State.PAST_DUE
    elif late <= PAST_DUE_DAYS + GRACE_DAYS:
        state = State.GRACE
    elif late <= PAST_DUE_DAYS + GRACE_DAYS + SUSPENDED_DAYS:
        state = State.SUSPENDED
    else:
        state = State.CLOSED
    if state == row.state:
        return
    if row.state in (State.SUSPENDED, State.CLOSED) and state == State.ACTIVE and row.to_on < today:
        # Nothing is charged for the time in which the pages were shut: a new period begins today.
        row.to_on, row.anchor_day = today, today.day
    _enter(row, state, today)
    row.save()
    if oldest is not None:
        overdue.tell(oldest, state, oldest.due_on + timedelta(days=PAST_DUE_DAYS + GRACE_DAYS + 1))


def _enter(row: Subscription, state: str, today: date) -> None:
    row.state, row.state_since = state, today


def _require() -> Subscription:
    row = get_subscription()
    if row is None:
        raise NotFoundError(_("This server sells no plans: nothing is limited."), key="billing.nothing_sold")
    return row


def _lock() -> Subscription:
    _require()
    return Subscription.objects.select_for_update(of=("self",)).select_related("plan", "next_plan").get()


def _today(zone: str, now: datetime | None) -> date:
    return (clock.now() if now is None else now).astimezone(ZoneInfo(zone)).date()

"""What a change of plan would mean: lines and sums, what the balance pays of it, what is lost, what is in the way.

Nothing is changed here; ``subscriptions.change_plan`` does what was quoted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from forgeline.assets import queries as assets
from forgeline.base.errors import ConflictError, InvalidInputError
from forgeline.billing import invoicing
from forgeline.billing.invoicing import Item
from forgeline.billing.models import Invoice, InvoiceLine, Kind, Period, Plan, Price, State, Subscription
from forgeline.billing.money import add_period, share
from forgeline.entitlements import rights
from forgeline.identity import people
from forgeline.modules.registry import list_switchable
from forgeline.telemetry import retention
from forgeline.tenancy.context import require_tenant_id


@dataclass(frozen=True, slots=True)
class Quote:
    """What a change of plan would cost and when it would begin; ``in_the_way`` says why it cannot be done yet."""

    plan: Plan
    period: str
    begins_on: date
    items: Sequence[Item]
    totals: invoicing.Totals
    drawn: int
    """What the balance pays of it at once."""
    in_the_way: Sequence[str]
    lost_modules: Sequence[str]
    """Keys of modules that the company may use now and could not then."""
    raw_days_now: int
    raw_days_then: int
    ends_trial: bool
    needs_title: bool
    """An invoice would have no name on it."""
    is_new_period: bool
    gives_back: Invoice | None

    @property
    def to_pay(self) -> int:
        """What is left to be paid of the invoice; nothing of a credit note."""
        return max(0, self.totals.total - self.drawn)


def make_quote(row: Subscription, plan_key: str, period: str, *, at_once: bool, today: date) -> Quote:
    """Return what a change to a plan and period would mean, now or when the period ends.

    **Raises** InvalidInputError for a plan that is not offered, ConflictError for a change now to what the company has.
    """
    plan = Plan.objects.filter(key=plan_key, is_offered=True).first()
    if plan is None or period not in Period:
        raise InvalidInputError(
            _("Choose one of the plans that are offered, monthly or yearly."), key="billing.no_such_plan"
        )
    charge = None
    if at_once:
        if is_present(row, plan, period):
            raise ConflictError(
                _("This plan is in force already, with this period."), key="billing.same_plan"
            )
        if row.state != State.TRIAL and today < row.to_on:
            charge = invoicing.find_charge(row, today)
        items = _items_of_change(row, plan, period, today, charge)
    else:
        items = _items_of_renewal(row, plan, period)
    totals = invoicing.sum_items(items)
    raw_days = int(retention.get_retention().raw_days)
    return Quote(
        plan=plan, period=period, begins_on=today if at_once else row.to_on, items=items, totals=totals,
        drawn=max(0, min(row.balance, totals.total)), in_the_way=list_in_the_way(plan),
        lost_modules=_list_lost(plan), raw_days_now=raw_days,
        raw_days_then=min(raw_days, plan.limits.get("raw_days", raw_days)),
        ends_trial=at_once and row.state == State.TRIAL,
        needs_title=not row.title and price_of(plan, row.currency).amount(period) > 0,
        is_new_period=charge is None or period != row.period, gives_back=_invoice_of(charge),
    )  # fmt: skip


def is_present(row: Subscription, plan: Plan, period: str) -> bool:
    """Say whether a company has this already. A trial of it is not it; what costs nothing has no other period."""
    is_free = not any(price.amount(period) for price in plan.prices.all() if price.currency == row.currency)
    return plan.pk == row.plan_id and row.state != State.TRIAL and (period == row.period or is_free)


def list_in_the_way(plan: Plan) -> list[str]:
    """Return a sentence for each kind of which the company has more than the plan holds."""
    present = {
        "devices": assets.list_devices().count(),
        "points": assets.list_points().count(),
        "users": people.list_members().filter(deactivated_at=None).count(),
    }
    return [
        _("%(present)s %(kind)s are in use, the plan has %(limit)s: retire %(more)s.")
        % {"present": count, "kind": rights.KINDS[kind], "limit": plan.limits[kind], "more": count - plan.limits[kind]}
        for kind, count in present.items()
        if plan.limits.get(kind) is not None and count > plan.limits[kind]
    ]  # fmt: skip


def price_of(plan: Plan, currency: str) -> Price:
    """Return what a plan costs in a currency."""
    return Price.objects.get(plan=plan, currency=currency)


def item_of(price: Price, period: str, span: tuple[date, date], of_days: int) -> Item:
    """Return the line of a plan for the days of a span, out of a period of ``of_days``."""
    cents, days = price.amount(period), (span[1] - span[0]).days
    return Item(
        what="subscription", plan=price.plan_id, period=period, from_on=span[0], to_on=span[1], days=days,
        of_days=of_days, price=cents, net=share(cents, days, of_days), tax_bp=price.tax_bp,
    )  # fmt: skip


def _items_of_change(
    row: Subscription, plan: Plan, period: str, today: date, charge: InvoiceLine | None
) -> list[Item]:
    """Return what is charged, and given back of ``charge`` for the days that are left, when the plan changes today."""
    new, of_days = price_of(plan, row.currency), (row.to_on - row.from_on).days
    items: list[Item] = []
    if new.amount(period):
        if charge is not None and period == row.period:
            items.append(item_of(new, period, (today, row.to_on), of_days))
        else:
            span = today, add_period(today, period, today.day)
            items.append(item_of(new, period, span, (span[1] - span[0]).days))
    if charge is not None:
        days = (row.to_on - today).days
        items.append(
            Item(
                what="unused", plan=charge.plan, period=charge.period, from_on=today, to_on=row.to_on, days=days,
                of_days=charge.of_days, price=charge.price, net=-share(charge.price, days, charge.of_days),
                tax_bp=charge.tax_bp,
            )
        )  # fmt: skip
    return items


def _items_of_renewal(row: Subscription, plan: Plan, period: str) -> list[Item]:
    """Return what the first period costs that begins when the present one ends."""
    price, anchor_day = price_of(plan, row.currency), row.anchor_day
    if not price.amount(period):
        return []
    if row.state == State.TRIAL:
        anchor_day = row.to_on.day
    span = row.to_on, add_period(row.to_on, period, anchor_day)
    return [item_of(price, period, span, (span[1] - span[0]).days)]


def _list_lost(plan: Plan) -> list[str]:
    if plan.modules is None:
        return []
    present = rights.rights_of(require_tenant_id())
    return [
        module.key
        for module in list_switchable()
        # What the operator has switched on stays, whatever the plan.
        if present.may_have(module.key) and not present.switches.get(module.key) and module.key not in plan.modules
    ]  # fmt: skip


def _invoice_of(charge: InvoiceLine | None) -> Invoice | None:
    """The invoice on which a credit note is issued: that of the line, or the one that the line's credit note is on."""
    if charge is None or charge.invoice.kind == Kind.INVOICE:
        return None if charge is None else charge.invoice
    return charge.invoice.corrects

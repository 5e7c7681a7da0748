"""A subscription from its trial to its end, and changes of plan on the way."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import ProgrammingError, connection, transaction

from forgeline.assets import services as assets
from forgeline.base.errors import ConflictError, InvalidInputError, NotFoundError, PaymentRequiredError
from forgeline.billing import invoicing, subscriptions
from forgeline.billing.models import Invoice, Series, State
from forgeline.entitlements.rights import rights_of
from forgeline.notifications.models import Notice
from forgeline.telemetry.retention import get_retention
from forgeline.tenancy.scoping import tenant_scope
from tests.billing.conftest import Customer
from tests.conftest import Company

DAY = timedelta(days=1)


def test_a_trial_ends_in_the_free_plan(customer: Customer) -> None:
    row = customer.row
    assert (row.state, row.plan_id, row.from_on, row.to_on) == (
        State.TRIAL, "professional", date(2026, 1, 31), date(2026, 3, 2),
    )  # fmt: skip
    assert rights_of(customer.company.tenant_id).limits["devices"] == 100
    row = customer.wait(29)
    assert row.state == State.TRIAL
    row = customer.wait(1)
    assert (row.state, row.plan_id) == (State.ACTIVE, "free")
    assert rights_of(customer.company.tenant_id).limits["devices"] == 5
    assert get_retention().raw_days == 7
    customer.wait(40)
    assert not Invoice.objects.exists()


def test_a_plan_chosen_in_the_trial_begins_after_it_and_renews(customer: Customer) -> None:
    with pytest.raises(InvalidInputError) as refused:
        customer.choose("starter", at_once=False)
    assert refused.value.key == "billing.no_title"
    customer.name()
    customer.choose("starter", at_once=False)
    row = customer.wait(30)
    assert (row.state, row.plan_id, row.from_on, row.to_on) == (
        State.ACTIVE, "starter", date(2026, 3, 2), date(2026, 4, 2),
    )  # fmt: skip
    (invoice,) = Invoice.objects.all()
    assert (invoice.net, invoice.tax, invoice.total) == (29_900, 1_794, 31_694)
    assert (invoice.issued_on, invoice.due_on) == (date(2026, 3, 2), date(2026, 3, 16))
    assert invoice.buyer["title"] == "Alice Stamping Ltd"
    # The trial began 30 days before it, in Shanghai.
    assert invoice.used_from.isoformat() == "2026-01-30T16:00:00+00:00"
    invoicing.pay(
        invoice.pk,
        amount=31_694,
        gateway="bank_transfer",
        reference="A1",
        paid_on=date(2026, 3, 5),
        noted_by="x",
    )
    row = customer.wait(31)
    assert (row.state, row.from_on) == (State.ACTIVE, date(2026, 4, 2))
    assert Invoice.objects.count() == 2


def test_who_does_not_pay_is_reminded_shut_out_and_let_in_again(customer: Customer) -> None:
    customer.name()
    customer.choose("starter")
    (invoice,) = Invoice.objects.all()
    states = {}
    for _day in range(14 + 14 + 14 + 60 + 1):
        row = customer.wait(1)
        states.setdefault(row.state, (customer.now.date() - invoice.due_on).days)
    assert states == {
        State.ACTIVE: -13, State.PAST_DUE: 1, State.GRACE: 15, State.SUSPENDED: 29, State.CLOSED: 89,
    }  # fmt: skip
    assert rights_of(customer.company.tenant_id).is_suspended
    # People were told at each step, with the day on which the pages are shut.
    told = [*Notice.objects.filter(kind="billing.overdue").order_by("id")]
    assert [notice.subject for notice in told] == [
        f"invoice:{invoice.pk}-{state}" for state in ("past_due", "grace", "suspended")
    ]
    shut_on = invoice.due_on + timedelta(days=28)
    assert f"after {shut_on}" in told[0].body["en"]
    assert "逾期" in told[0].title["zh-hans"]
    # Nothing is charged for a time in which nothing could be used.
    assert Invoice.objects.count() == 2


@pytest.mark.parametrize(("days", "state"), [(50, State.SUSPENDED), (90, State.CLOSED)])
def test_payment_opens_at_once_and_the_time_outside_costs_nothing(
    customer: Customer, days: int, state: State
) -> None:
    customer.name()
    customer.choose("starter")
    row = customer.wait(14 + 29 + days)
    assert row.state == state
    assert Invoice.objects.count() == 2
    for invoice in Invoice.objects.all():
        subscriptions.take_payment(
            invoice.pk, amount=invoice.total, gateway="bank_transfer", reference=invoice.number,
            paid_on=customer.now.date(), noted_by="operator", now=customer.now,
        )  # fmt: skip
    assert customer.row.state == State.ACTIVE
    assert customer.row.from_on == customer.now.date()
    assert not rights_of(customer.company.tenant_id).is_suspended
    assert Invoice.objects.count() == 3


def test_an_upgrade_costs_what_is_left_of_the_period(customer: Customer) -> None:
    customer.name()
    customer.choose("starter")
    customer.wait(10)
    quote = subscriptions.quote("professional", "month", at_once=True, now=customer.now)
    # 31 January to 28 February: 18 of 28 days are left.
    assert [(item.what, item.days, item.of_days, item.net) for item in quote.items] == [
        ("subscription", 18, 28, 64_221), ("unused", 18, 28, -19_221),
    ]  # fmt: skip
    assert (quote.totals.net, quote.totals.tax) == (45_000, 2_700)
    row = customer.choose("professional")
    assert (row.plan_id, row.to_on) == ("professional", date(2026, 2, 28))
    newest = Invoice.objects.first()
    assert newest is not None
    assert newest.total == 47_700
    assert sum(line.net for line in newest.lines.all()) == newest.net


def test_a_year_begins_anew_and_takes_off_the_month(customer: Customer) -> None:
    customer.name()
    customer.choose("starter")
    customer.wait(14)
    row = customer.choose("starter", "year")
    assert (row.from_on, row.to_on) == (date(2026, 2, 14), date(2027, 2, 14))
    newest = Invoice.objects.first()
    assert newest is not None
    assert newest.net == 299_000 - 14_950


def test_what_a_company_has_is_not_sold_again(customer: Customer) -> None:
    customer.name()
    customer.choose("starter")
    with pytest.raises(ConflictError) as refused:
        customer.choose("starter")
    assert refused.value.key == "billing.same_plan"
    with pytest.raises(ConflictError):
        subscriptions.quote("starter", "month", at_once=True, now=customer.now)
    assert Invoice.objects.count() == 1
    customer.choose("free")
    with pytest.raises(ConflictError):
        customer.choose("free", "year")
    assert Invoice.objects.count() == 2


def test_what_was_chosen_for_later_is_called_back(customer: Customer) -> None:
    customer.name()
    customer.choose("starter")
    assert customer.choose("free", at_once=False).next_plan_id == "free"
    row = customer.choose("starter", at_once=False)
    assert (row.next_plan_id, row.next_period) == (None, "")
    subscriptions.cancel(now=customer.now)
    row = customer.wait(28)
    assert (row.plan_id, Invoice.objects.count()) == ("free", 1)
    assert subscriptions.cancel(now=customer.now).next_plan_id is None


def test_a_downgrade_that_does_not_fit_says_what_is_in_the_way(customer: Customer) -> None:
    for number in range(7):
        assets.create_device(name=f"d{number}", key=f"d{number}")
    with pytest.raises(ConflictError, match="7 devices are in use, the plan has 5: retire 2"):
        customer.choose("free")
    customer.name()
    customer.choose("starter", at_once=False)
    assert customer.row.next_plan_id == "starter"


def test_a_scheduled_downgrade_that_no_longer_fits_is_not_forced(customer: Customer) -> None:
    customer.name()
    customer.choose("professional")
    customer.choose("starter", at_once=False)
    for number in range(21):
        assets.create_device(name=f"d{number}", key=f"d{number}")
    row = customer.wait(28)
    assert (row.plan_id, row.from_on) == ("professional", date(2026, 2, 28))


def test_nothing_is_made_beyond_a_hard_limit(customer: Customer) -> None:
    customer.wait(30)
    for number in range(5):
        assets.create_device(name=f"d{number}", key=f"d{number}")
    with pytest.raises(PaymentRequiredError, match="Your plan has 5 devices and 5 are in use") as refused:
        assets.create_device(name="d6", key="d6")
    assert refused.value.data == {"kind": "devices", "limit": 5, "present": 5}


def test_numbers_have_no_gaps_and_what_was_issued_stays(customer: Customer) -> None:
    customer.name()
    customer.choose("starter")
    customer.wait(3)

    @transaction.atomic
    def fail() -> None:
        customer.choose("professional")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    customer.choose("professional")
    numbers = sorted(Invoice.objects.values_list("number", flat=True))
    last = Series.objects.get(key="FL-2026").last
    assert numbers == [f"FL-2026-{last - 1:06d}", f"FL-2026-{last:06d}"]
    for statement in (
        "UPDATE billing_invoice SET total = 0", "DELETE FROM billing_invoice", "DELETE FROM billing_invoiceline",
        "UPDATE billing_payment SET amount = 0", "TRUNCATE billing_payment",
    ):  # fmt: skip
        cursor = connection.cursor()
        with pytest.raises(ProgrammingError, match=r"permission denied"), transaction.atomic():
            cursor.execute(statement)


def test_a_server_that_sells_nothing_limits_nothing(company: Company) -> None:
    with tenant_scope(company.tenant_id):
        assert subscriptions.get_subscription() is None
        assert subscriptions.advance() is None
        with pytest.raises(NotFoundError):
            subscriptions.change_plan("starter", "month", at_once=True)
        assert rights_of(company.tenant_id).limits == {}


def test_a_stranger_sees_no_invoice(customer: Customer, stranger: Company) -> None:
    customer.name()
    customer.choose("starter")
    (invoice,) = Invoice.objects.all()
    with tenant_scope(stranger.tenant_id):
        assert not Invoice.objects.exists()
        with pytest.raises(NotFoundError):
            invoicing.get_invoice(invoice.pk)

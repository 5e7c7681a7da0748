"""The operator's console: what it reads of companies, what they cost and bring, and what it does with their money."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from forgeline.audit.models import Entry
from forgeline.base import clock
from forgeline.base.errors import ConflictError, InvalidInputError
from forgeline.billing import console, subscriptions
from forgeline.billing.metering import Sums
from forgeline.billing.models import Invoice, Subscription, UnitCosts, Usage
from forgeline.identity.policy import Actor
from forgeline.identity.queries import actor_of_member, list_memberships
from forgeline.notifications.models import Notice
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company

SignIn = Callable[[Any], Client]
RATES = {
    "per_million_samples": Decimal("0.5"), "per_gb_day": Decimal("0.02"), "per_cpu_s": Decimal("0.001"),
    "per_notification": Decimal("0.01"), "per_api_call": Decimal("0.00001"),
}  # fmt: skip


def olga(operator: Company) -> Actor:
    [row] = list_memberships(operator.manager.pk)
    return actor_of_member(row, user_id=operator.manager.pk, label="Olga")


def sell(company: Company, plan: str = "professional") -> int:
    """Give the company a plan, paid monthly; return its invoice."""
    with tenant_scope(company.tenant_id):
        subscriptions.start_trial(currency="CNY", zone="UTC")
        Subscription.objects.update(title="Alice Stamping Ltd")
        subscriptions.change_plan(plan, "month", at_once=True)
        return int(Invoice.objects.get().pk)


def test_costs_are_what_units_cost() -> None:
    used = Sums(3_000_000, 10.0, 5, 200.0, 40, 100_000)
    assert console.cost_of(used, UnitCosts(tenant_id=1, currency="CNY", **RATES)) == 150 + 20 + 20 + 40 + 100


def test_a_month_of_two_companies(live_company: Company, live_stranger: Company, operator: Company) -> None:
    sell(live_company)
    hour = clock.now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    for company, samples in ((live_company, 4_000_000), (live_stranger, 1_000_000)):
        with tenant_scope(company.tenant_id):
            Usage.objects.create(hour=hour, samples_stored=samples, gb_days=1.5, notifications=10)
    actor, first = olga(operator), hour.date().replace(day=1)
    with tenant_scope(operator.tenant_id):
        console.set_unit_costs("CNY", RATES, actor=actor)
        rows = {row.tenant.name: row for row in console.read_month(first, actor=actor)}
        before = {row.tenant.name: row for row in console.read_month(date(2026, 1, 1), actor=actor)}
    alice, charlie = rows["Alice Stamping"], rows["Charlie Castings"]
    # 2.00 for samples, 0.03 for storage, 0.10 for messages.
    assert (alice.cost, charlie.cost) == (213, 63)
    assert alice.margin is not None
    assert alice.margin == alice.invoiced - 213
    assert charlie.margin == -63
    with tenant_scope(live_company.tenant_id):
        line = Invoice.objects.get().lines.get()
    following = (first + timedelta(days=32)).replace(day=1)
    days = (min(line.to_on, following) - line.from_on).days
    assert alice.invoiced == round(line.net * days / line.of_days)
    assert (before["Alice Stamping"].invoiced, before["Alice Stamping"].used.samples_stored) == (0, 0)


def test_a_currency_without_unit_costs_has_no_margin_and_bad_costs_are_refused(
    live_company: Company, operator: Company
) -> None:
    sell(live_company)
    actor = olga(operator)
    with tenant_scope(operator.tenant_id):
        console.set_unit_costs("EUR", RATES, actor=actor)
        [row] = [
            each for each in console.read_month(clock.now().date().replace(day=1), actor=actor)
            if each.tenant.name == "Alice Stamping"
        ]  # fmt: skip
        assert (row.currency, row.cost, row.margin) == ("CNY", None, None)
        for name, value in (("per_gb_day", Decimal(-1)), ("per_cpu_s", Decimal(200_000))):
            with pytest.raises(InvalidInputError) as caught:
                console.set_unit_costs("EUR", RATES | {name: value}, actor=actor)
            assert name in caught.value.data["fields"]


def test_the_list_tells_plan_state_members_and_the_last_sample(
    live_company: Company, live_stranger: Company, operator: Company
) -> None:
    sell(live_company)
    hour = datetime(2026, 11, 1, 3, tzinfo=UTC)
    with tenant_scope(live_company.tenant_id):
        Usage.objects.create(hour=hour, samples_stored=5)
    actor = olga(operator)
    with tenant_scope(operator.tenant_id):
        rows = console.list_tenants(actor=actor)
        found = console.list_tenants(actor=actor, search="STAMP")
    assert [row.name for row in rows] == ["Alice Stamping", "Charlie Castings", "Forgeline Ops"]
    [alice] = found
    assert (alice.plan, alice.state, alice.members, alice.newest_at) == ("professional", "active", 2, hour)
    assert (rows[1].plan, rows[1].newest_at) == (None, None)


def test_a_payment_is_noted_and_a_plan_changed_in_the_companys_own_audit(
    live_company: Company, operator: Company, sign_in: SignIn
) -> None:
    number = sell(live_company)
    client = sign_in(operator.manager)
    address = f"/operator/tenants/{live_company.tenant_id}/"
    page = client.get(address).content.decode()
    assert "FL-" in page
    today = f"{clock.now():%Y-%m-%d}"
    for reference, code in (("", 422), ("B-1", 302)):
        given = {"paid": str(number), "reference": reference, "paid_on": today, "amount": "1058.94"}
        assert client.post(address, given).status_code == code
    actor = olga(operator)
    with tenant_scope(operator.tenant_id):
        [invoice] = console.list_invoices_of(live_company.tenant_id, actor=actor)
        assert (invoice.open, invoice.paid) == (0, invoice.total)
        with pytest.raises(ConflictError):
            console.mark_paid(
                live_company.tenant_id, number, reference="B-2", paid_on=clock.now().date(), actor=actor
            )
    changed = client.post(
        address, {"change_plan": "1", "plan": "enterprise", "period": "month", "when": "now"}
    )
    assert changed.status_code == 302
    with tenant_scope(live_company.tenant_id):
        assert subscriptions.get_subscription().plan_id == "enterprise"  # type: ignore[union-attr]
        told = Notice.objects.get(kind="billing.plan")
        assert told.body["en"] == "You have Enterprise, monthly."
    # What changes nothing is told to nobody.
    client.post(address, {"change_plan": "1", "plan": "enterprise", "period": "month", "when": "later"})
    with tenant_scope(live_company.tenant_id):
        assert Notice.objects.filter(kind="billing.plan").count() == 1
    client.post(address, {"cancel": "1"})
    with tenant_scope(live_company.tenant_id):
        told = Notice.objects.filter(kind="billing.plan").latest("id")
        assert "on: Free, monthly; until then it can be called back" in told.body["en"]
        whos = set(Entry.objects.filter(action="billing.subscription.changed").values_list("who", flat=True))
    assert "Olga (Forgeline Ops)" in whos


def test_a_payment_in_part_leaves_the_rest_open_and_one_too_large_a_balance(
    live_company: Company, operator: Company, sign_in: SignIn
) -> None:
    number, actor = sell(live_company), olga(operator)
    client, today = sign_in(operator.manager), f"{clock.now():%Y-%m-%d}"
    address = f"/operator/tenants/{live_company.tenant_id}/"
    assert 'value="1058.94"' in client.get(address).content.decode()
    for amount in ("0", "-5", "1.234", "x", "1e30", ""):
        bad = client.post(
            address, {"paid": str(number), "reference": "B", "paid_on": today, "amount": amount}
        )
        assert bad.status_code == 422, amount
    for reference, amount, left, balance in (
        ("B-1", "1000", 5894, 0),
        ("B-1", "1000", 5894, 0),
        ("B-2", "60", 0, 106),
    ):
        given = {"paid": str(number), "reference": reference, "paid_on": today, "amount": amount}
        assert client.post(address, given).status_code == 302
        with tenant_scope(operator.tenant_id):
            [invoice] = console.list_invoices_of(live_company.tenant_id, actor=actor)
            bought = console.get_subscription_of(live_company.tenant_id, actor=actor)
        assert (invoice.open, bought.balance) == (left, balance)


def test_a_company_that_bought_nothing_gets_a_trial(
    live_company: Company, operator: Company, sign_in: SignIn
) -> None:
    client = sign_in(operator.manager)
    address = f"/operator/tenants/{live_company.tenant_id}/"
    client.post(address, {"trial": "CNY"})
    with tenant_scope(live_company.tenant_id):
        row = subscriptions.get_subscription()
        assert row is not None
        assert (row.plan_id, row.state) == ("professional", "trial")


def test_the_api_tells_the_operators_keys(live_company: Company, operator: Company) -> None:
    client = APIClient(headers={"Authorization": f"Bearer {operator.manager_key}"})
    assert [row["name"] for row in client.get("/api/v1/operator/tenants/?search=alice").json()] == [
        "Alice Stamping"
    ]
    rows = client.get("/api/v1/operator/margins/?month=2026-11-05").json()
    assert {row["name"] for row in rows} == {"Alice Stamping", "Forgeline Ops"}
    assert client.get("/api/v1/operator/margins/?month=never").status_code == 400
    viewer = APIClient(headers={"Authorization": f"Bearer {operator.viewer_key}"})
    assert viewer.get("/api/v1/operator/tenants/").status_code == 403


def test_the_form_offers_what_the_customer_has_when_the_period_ends(
    live_company: Company, operator: Company, sign_in: SignIn
) -> None:
    with tenant_scope(live_company.tenant_id):
        subscriptions.start_trial(currency="CNY", zone="UTC")
        Subscription.objects.update(title="Alice Stamping Ltd", balance=42_506)
        subscriptions.change_plan("starter", "year", at_once=True)
    client = sign_in(operator.manager)
    address = f"/operator/tenants/{live_company.tenant_id}/"
    page = client.get(address).content.decode()
    for chosen in ('value="starter" selected', 'value="year" selected', 'value="later" selected'):
        assert chosen in page
    assert "Name on the invoice" in page
    # A second click changes nothing and says why.
    again = {"change_plan": "1", "plan": "starter", "period": "year", "when": "now"}
    answer = client.post(address, again)
    assert (answer.status_code, "in force already" in answer.content.decode()) == (422, True)
    with tenant_scope(live_company.tenant_id):
        assert Invoice.objects.count() == 1


def test_the_operator_fills_in_the_name_and_goes_on(
    live_company: Company, operator: Company, sign_in: SignIn
) -> None:
    with tenant_scope(live_company.tenant_id):
        subscriptions.start_trial(currency="CNY", zone="UTC")
    client = sign_in(operator.manager)
    address = f"/operator/tenants/{live_company.tenant_id}/"
    deed = {"change_plan": "1", "plan": "starter", "period": "month", "when": "now"}
    refused = client.post(address, deed)
    assert (refused.status_code, "Fill in the name" in refused.content.decode()) == (422, True)
    assert client.post(address, {**deed, "title": "Alice Stamping Ltd"}).status_code == 302
    with tenant_scope(live_company.tenant_id):
        assert Invoice.objects.get().buyer["title"] == "Alice Stamping Ltd"


def test_an_invoice_is_taken_back_and_a_plan_cancelled_on_the_page(
    live_company: Company, operator: Company, sign_in: SignIn
) -> None:
    number = sell(live_company)
    client = sign_in(operator.manager)
    address = f"/operator/tenants/{live_company.tenant_id}/"
    tomorrow = f"{clock.now() + timedelta(days=2):%Y-%m-%d}"
    late = client.post(address, {"paid": str(number), "reference": "B-1", "paid_on": tomorrow, "amount": "1"})
    assert (late.status_code, "has not come yet" in late.content.decode()) == (422, True)
    assert "<details open" in late.content.decode()
    assert client.post(address, {"correct": str(number), "correction_reason": " "}).status_code == 422
    given = {"correct": str(number), "correction_reason": "Wrong name", "reissue": "on"}
    assert client.post(address, given).status_code == 302
    page = client.get(address).content.decode()
    assert "taken back" in page
    again = str(number + 2)
    assert f'name="correct" value="{again}"' in page
    assert client.post(address, {"correct": again, "correction_reason": "Twice"}).status_code == 302
    assert client.post(address, {"cancel": "1"}).status_code == 302
    page = client.get(address).content.decode()
    assert "Free, monthly" in page
    assert 'name="correct"' not in page
    with tenant_scope(live_company.tenant_id):
        whos = set(Entry.objects.filter(action="billing.invoice.corrected").values_list("who", flat=True))
    assert whos == {"Olga (Forgeline Ops)"}


def test_each_currency_has_unit_costs_of_its_own(operator: Company, sign_in: SignIn) -> None:
    client, actor = sign_in(operator.manager), olga(operator)
    with tenant_scope(operator.tenant_id):
        console.set_unit_costs("CNY", RATES, actor=actor)
    page = client.get("/operator/costs/?currency=EUR").content.decode()
    assert '<input type="hidden" name="currency" value="EUR"' in page
    assert 'value="0.5"' not in page
    assert 'value="0.5"' in client.get("/operator/costs/?currency=CNY").content.decode()
    assert 'name="currency" value="CNY"' in client.get("/operator/costs/?currency=DM").content.decode()
    body = {"currency": "EUR", **dict.fromkeys(console.RATES, "0.25")}
    assert client.post("/operator/costs/?currency=CNY", body).headers["Location"].endswith("?currency=EUR")
    with tenant_scope(operator.tenant_id):
        rates = console.list_unit_costs(actor=actor)
    assert (rates["CNY"].per_gb_day, rates["EUR"].per_gb_day) == (Decimal("0.02"), Decimal("0.25"))


def test_who_sells_stands_on_the_invoices_from_then_on(
    live_company: Company, operator: Company, sign_in: SignIn
) -> None:
    first = sell(live_company)
    client = sign_in(operator.manager)
    customer = f"/operator/tenants/{live_company.tenant_id}/"
    assert "No account is filled in" in client.get("/operator/seller/").content.decode()
    assert "No account for CNY is filled in" in client.get(customer).content.decode()
    assert client.post("/operator/seller/", {"title": " "}).status_code == 422
    told = {"title": "炼线科技", "address": "苏州", "tax_number": "9132", "bank_CNY": "工商银行 6222"}
    assert client.post("/operator/seller/", told).status_code == 302
    assert "工商银行 6222" in client.get("/operator/seller/").content.decode()
    assert "No account for" not in client.get(customer).content.decode()
    with tenant_scope(live_company.tenant_id):
        subscriptions.change_plan("enterprise", "month", at_once=True)
        newest, oldest = Invoice.objects.first(), Invoice.objects.get(pk=first)
    assert newest is not None
    assert (newest.seller["title"], newest.seller["bank"]) == ("炼线科技", {"CNY": "工商银行 6222"})
    assert oldest.seller["title"] == "Forgeline"
    with tenant_scope(operator.tenant_id):
        entry = Entry.objects.get(action="billing.seller.changed")
    assert (entry.who, entry.changes["bank"]) == ("Olga", ["", "CNY: 工商银行 6222"])

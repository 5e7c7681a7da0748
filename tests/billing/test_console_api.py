"""The operator's deeds over REST: each does what the page does, and stands in the other company's audit log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from forgeline.audit.models import Entry
from forgeline.base import clock
from forgeline.billing import subscriptions
from forgeline.entitlements.rights import rights_of
from forgeline.pages import announcements
from forgeline.tenancy.scoping import tenant_scope
from tests.billing.test_console import RATES, sell
from tests.conftest import Company

ROOT = "/api/v1/operator"


@pytest.fixture
def client(operator: Company) -> APIClient:
    return APIClient(
        headers={"Authorization": f"Bearer {operator.manager_key}"}, raise_request_exception=False
    )


@pytest.fixture(autouse=True)
def _fresh_announcements() -> Iterator[None]:
    announcements.forget()
    yield
    announcements.forget()


def at(company: Company, deed: str = "") -> str:
    return f"{ROOT}/tenants/{company.tenant_id}/{deed}"


def entries(company: Company) -> set[tuple[str, str]]:
    """(action, who) of what stands in a company's audit log."""
    with tenant_scope(company.tenant_id):
        return set(Entry.objects.values_list("action", "who"))


def test_plan_payment_and_switch_stand_in_the_companys_audit(
    live_company: Company, operator: Company, client: APIClient
) -> None:
    invoice = sell(live_company)
    told = client.get(at(live_company)).json()
    assert (told["name"], told["plan"], len(told["people"])) == ("Alice Stamping", "professional", 2)
    [owed] = told["invoices"]
    assert owed["open"] == owed["total"] > 0

    paid = {"invoice": invoice, "reference": "ICBC 42", "paid_on": f"{clock.now():%Y-%m-%d}"}
    answer = client.post(at(live_company, "payments/"), paid, format="json")
    assert (answer.status_code, answer.json()["amount"]) == (201, owed["total"])
    again = client.post(at(live_company, "payments/"), paid, format="json")
    assert (again.status_code, again.json()["key"]) == (409, "billing.nothing_open")

    plan = {"plan": "enterprise", "period": "month", "at_once": True}
    assert client.post(at(live_company, "plan/"), plan, format="json").json()["plan"] == "enterprise"
    for is_on in (False, None):
        body = {"feature": "health", "is_on": is_on}
        answer = client.put(at(live_company, "switches/"), body, format="json")
        assert answer.json()["switches"].get("health") is is_on, answer.content
    assert "health" not in rights_of(live_company.tenant_id).switches
    actions = {action for action, who in entries(live_company) if who == "manager (Forgeline Ops)"}
    assert actions >= {"billing.invoice.paid", "billing.subscription.changed", "entitlements.feature.changed"}


def test_an_invoice_is_taken_back_and_a_plan_cancelled(
    live_company: Company, operator: Company, client: APIClient
) -> None:
    body = {"invoice": sell(live_company), "reason": "Invoiced twice"}
    note = client.post(at(live_company, "corrections/"), body, format="json")
    assert note.status_code == 201, note.content
    assert (note.json()["kind"], note.json()["reason"]) == ("credit", "Invoiced twice")
    again = client.post(at(live_company, "corrections/"), body, format="json")
    assert (again.status_code, again.json()["key"]) == (409, "billing.corrected")
    told = client.post(at(live_company, "cancellation/")).json()
    assert (told["subscription"]["next_plan"], told["subscription"]["balance"]) == ("free", 0)
    assert [row["open"] for row in told["invoices"]] == [0, 0]
    who = "manager (Forgeline Ops)"
    assert entries(live_company) >= {
        ("billing.invoice.corrected", who),
        ("billing.subscription.changed", who),
    }


def test_a_name_is_given_with_the_plan(live_stranger: Company, client: APIClient) -> None:
    client.post(at(live_stranger, "trial/"), {"currency": "EUR"}, format="json")
    plan = {"plan": "starter", "period": "month", "at_once": True}
    refused = client.post(at(live_stranger, "plan/"), plan, format="json")
    assert (refused.status_code, refused.json()["key"]) == (400, "billing.no_title")
    told = client.post(at(live_stranger, "plan/"), {**plan, "title": "Charlie GmbH"}, format="json").json()
    assert (told["plan"], told["subscription"]["title"]) == ("starter", "Charlie GmbH")


def test_a_trial_is_given_once(live_stranger: Company, client: APIClient) -> None:
    answer = client.post(at(live_stranger, "trial/"), {"currency": "EUR"}, format="json")
    assert (answer.json()["state"], answer.json()["currency"]) == ("trial", "EUR")
    again = client.post(at(live_stranger, "trial/"), {"currency": "EUR"}, format="json")
    assert (again.status_code, again.json()["key"]) == (409, "billing.has_plan")
    with tenant_scope(live_stranger.tenant_id):
        assert subscriptions.get_subscription() is not None


def test_a_company_becomes_a_partner_and_is_none_again(live_stranger: Company, client: APIClient) -> None:
    for is_partner, kind in ((True, "partner"), (False, "company")):
        answer = client.put(at(live_stranger, "partner/"), {"is_partner": is_partner}, format="json")
        assert answer.json()["kind"] == kind


def test_who_sells(client: APIClient) -> None:
    body = {"title": "Forgeline Ltd", "bank": {"CNY": "ICBC 6222"}}
    told = client.put(f"{ROOT}/seller/", body, format="json").json()
    assert told == client.get(f"{ROOT}/seller/").json()
    assert told == {**body, "address": "", "tax_number": ""}
    old = client.put(f"{ROOT}/seller/", body, format="json", headers={"If-Match": '"old"'})
    assert old.status_code == 412
    for wrong in ({"title": ""}, {**body, "bank": {"DM": "1"}}):
        assert client.put(f"{ROOT}/seller/", wrong, format="json").status_code == 400


def test_unit_costs_are_set_by_currency(client: APIClient) -> None:
    body = {"currency": "CNY", **{name: str(rate) for name, rate in RATES.items()}}
    for _ in range(2):
        assert client.put(f"{ROOT}/unit-costs/", body, format="json").status_code == 200
    [row] = client.get(f"{ROOT}/unit-costs/").json()
    assert row["per_gb_day"] == "0.02000000"
    wrong = client.put(f"{ROOT}/unit-costs/", {**body, "per_gb_day": "-1"}, format="json")
    assert (wrong.status_code, [*wrong.json()["data"]["fields"]]) == (400, ["per_gb_day"])


def test_an_announcement_is_shown_until_it_is_withdrawn(
    live_company: Company, client: APIClient, sign_in: Callable[[Any], Client]
) -> None:
    now = clock.now()
    body = {
        "texts": {"en": "Service on Sunday.", "zh-hans": "周日维护。"}, "tone": "warn",
        "company": live_company.tenant_id,
        "from_at": (now - timedelta(hours=1)).isoformat(), "to_at": (now + timedelta(days=1)).isoformat(),
    }  # fmt: skip
    made = client.post(f"{ROOT}/announcements/", body, format="json")
    assert made.status_code == 201, made.content
    person = sign_in(live_company.manager)
    [shown] = person.get("/api/v1/announcements/").json()
    assert shown["texts"]["zh-hans"] == "周日维护。"
    rows = client.get(f"{ROOT}/announcements/?search=sunday&ordering=-to_at").json()["results"]
    assert [row["id"] for row in rows] == [made.json()["id"]]
    for _ in range(2):
        assert client.delete(f"{ROOT}/announcements/{made.json()['id']}/").status_code == 204
    assert person.get("/api/v1/announcements/").json() == []
    for wrong in (
        {"texts": {"en": "only"}},
        {"to_at": body["from_at"]},
        {"company": 10**30},
        {"plan": "free"},
    ):
        answer = client.post(f"{ROOT}/announcements/", {**body, **wrong}, format="json")
        assert answer.status_code == 400, (wrong, answer.content)


@pytest.mark.parametrize("number", [999_999, 10**30])
def test_a_company_that_there_is_not(client: APIClient, number: int) -> None:
    there = f"{ROOT}/tenants/{number}"
    deeds = {
        "post": {
            "plan/": {"plan": "free", "period": "month"}, "trial/": {"currency": "CNY"}, "cancellation/": {},
            "corrections/": {"invoice": 1, "reason": "x"},
            "payments/": {"invoice": 1, "reference": "x", "paid_on": f"{clock.now():%Y-%m-%d}"},
        },
        "put": {"switches/": {"feature": "health", "is_on": True}, "partner/": {"is_partner": True}},
    }  # fmt: skip
    assert client.get(f"{there}/").status_code == 404
    for method, of_method in deeds.items():
        for deed, body in of_method.items():
            assert getattr(client, method)(f"{there}/{deed}", body, format="json").status_code == 404, deed

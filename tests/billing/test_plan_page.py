"""The company's own page: what a change means before it is made, and what was chosen is called back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.test import Client

from forgeline.assets import services as assets
from forgeline.billing import subscriptions
from forgeline.billing.models import Plan, Subscription
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company

CHANGE = "/company/plan/change/"


@pytest.fixture
def client(live_company: Company, sign_in: Callable[[Any], Client]) -> Client:
    with tenant_scope(live_company.tenant_id):
        subscriptions.start_trial(currency="CNY", zone="UTC")
    return sign_in(live_company.manager)


def update(company: Company, **facts: Any) -> None:
    with tenant_scope(company.tenant_id):
        Subscription.objects.update(**facts)


def choose(company: Company, plan: str, period: str = "month", *, at_once: bool = True) -> None:
    with tenant_scope(company.tenant_id):
        subscriptions.change_plan(plan, period, at_once=at_once)


def test_without_a_name_the_price_is_shown_and_no_button(client: Client) -> None:
    page = client.get(f"{CHANGE}?plan=starter&period=month").content.decode()
    assert "CNY 316.94" in page
    assert "Fill in the name" in page
    assert "Change now" not in page


def test_a_quote_says_what_is_drawn_what_is_lost_and_that_the_trial_ends(
    client: Client, live_company: Company
) -> None:
    update(live_company, title="Alice Ltd", balance=10_000)
    page = client.get(f"{CHANGE}?plan=starter&period=month").content.decode()
    for said in (
        "CNY -100.00", "CNY 216.94", "Your trial ends at once", "The module Machine health and maintenance is hidden",
        "Change now",
    ):  # fmt: skip
        assert said in page, said
    asked = {"plan": "starter", "period": "month", "at_once": True}
    told = client.post("/api/v1/subscription/quote/", asked, content_type="application/json").json()
    assert (told["total"], told["drawn"], told["to_pay"]) == (31_694, 10_000, 21_694)
    assert told["ends_trial"] is True
    assert told["lost_modules"] == ["health"]
    asked["plan"] = "free"
    told = client.post("/api/v1/subscription/quote/", asked, content_type="application/json").json()
    assert (told["raw_days_then"], told["total"]) == (7, 0)
    page = client.get(f"{CHANGE}?plan=free&period=month").content.decode()
    assert f"7 days instead of {told['raw_days_now']}" in page


def test_a_company_cancels_by_itself_also_with_more_than_free_holds(
    client: Client, live_company: Company
) -> None:
    update(live_company, title="Alice Ltd")
    choose(live_company, "starter")
    with tenant_scope(live_company.tenant_id):
        plant = assets.create_site(name="Hall", zone="UTC")
        machine = assets.create_asset(site_id=plant.pk, level="work_unit", name="Press")
        most = Plan.objects.get(pk="free").limits["devices"]
        for number in range(most + 1):
            assets.create_device(key=f"d{number}", name=f"d{number}", asset_id=machine.pk)
    too_small = client.post(CHANGE, {"plan": "free", "period": "month", "when": "later"}, follow=True)
    assert "too small" in too_small.content.decode()
    quoted = client.get(CHANGE, {"plan": "free", "period": "month"}).content.decode()
    assert "Or cancel your plan" in quoted
    page = client.get("/company/plan/").content.decode()
    assert "Cancel the plan" in page
    answer = client.post(CHANGE, {"when": "cancel"}, follow=True).content.decode()
    assert "Your plan changes to Free on" in answer
    assert "Cancel the plan" not in answer
    body = {"plan": "starter", "period": "month", "at_once": False}
    client.post("/api/v1/subscription/change/", body, content_type="application/json")
    told = client.post("/api/v1/subscription/cancellation/").json()
    assert (told["plan"], told["next_plan"]) == ("starter", "free")


def test_what_was_chosen_for_later_is_called_back(client: Client, live_company: Company) -> None:
    update(live_company, title="Alice Ltd")
    choose(live_company, "starter")
    choose(live_company, "free", at_once=False)
    page = client.get("/company/plan/").content.decode()
    assert "Stay with Starter" in page
    assert 'aria-label="Choose Professional, yearly"' in page
    answer = client.post(CHANGE, {"plan": "starter", "period": "month", "when": "later"}, follow=True)
    assert "Called back: your plan stays Starter." in answer.content.decode()
    choose(live_company, "free", at_once=False)
    body = {"plan": "starter", "period": "month", "at_once": False}
    told = client.post("/api/v1/subscription/change/", body, content_type="application/json").json()
    assert told["next_plan"] is None
    again = client.get(f"{CHANGE}?plan=starter&period=month", follow=True)
    assert again.redirect_chain == [("/company/plan/", 302)]
    assert "This plan is in force already" in again.content.decode()


def test_the_page_names_both_ends_of_the_period_and_the_tax_on_top(
    client: Client, live_company: Company
) -> None:
    update(live_company, from_on=date(2026, 3, 1), to_on=date(2026, 3, 31))
    page = client.get("/company/plan/").content.decode()
    assert "March 1, 2026 to March 30, 2026" in page
    assert "tax, added to it" in page
    assert "<td>6 %</td>" in page

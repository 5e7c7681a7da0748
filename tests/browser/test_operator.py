"""The operator's console, a partner's pages and both banners: they fit, are quiet, speak one language; a visit ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from forgeline.base import clock
from forgeline.billing import console, subscriptions
from forgeline.billing.models import Subscription, Usage
from forgeline.identity.partners import grant_partner
from forgeline.identity.policy import Actor, permissions_of
from forgeline.identity.queries import actor_of_member, list_memberships
from forgeline.pages.announcements import announce
from forgeline.tenancy.scoping import tenant_scope
from tests.browser.conftest import Floor, _set_real_passwords, sign_in
from tests.browser.test_every_page import VISITS, _raise_alarm, look_at
from tests.conftest import Company, name_kind

pytestmark = pytest.mark.browser


@pytest.fixture
def served(floor: Floor, operator: Company, live_stranger: Company) -> Company:
    """A plan bought, the service used, Charlie let in, and something announced by the operator."""
    for company in (operator, live_stranger):
        _set_real_passwords(company)
    name_kind(live_stranger.tenant_id, "partner")
    _raise_alarm(floor)
    now = clock.now()
    boss = Actor(floor.company.tenant_id, "owner", permissions=permissions_of("owner"))
    with tenant_scope(floor.company.tenant_id):
        subscriptions.start_trial(currency="CNY", zone="Asia/Shanghai")
        Subscription.objects.update(title="PLC7")
        subscriptions.change_plan("professional", "month", at_once=True)
        hour = now.replace(minute=0, second=0, microsecond=0)
        Usage.objects.create(
            hour=hour, samples_stored=4_200_000, gb_days=1.5, notifications=12, api_calls=9_001
        )
        grant_partner(partner="charlie", role="manager", expires_at=now + timedelta(days=9), actor=boss)
    [row] = list_memberships(operator.manager.pk)
    olga = actor_of_member(row, user_id=operator.manager.pk)
    rates = dict.fromkeys(console.RATES, Decimal("0.5"))
    with tenant_scope(operator.tenant_id):
        console.set_unit_costs("CNY", rates, actor=olga)
        announce(
            texts={"en": "We move on Sunday.", "zh-hans": "周日迁移。"}, from_at=now, to_at=now + timedelta(days=1),
            actor=olga,
        )  # fmt: skip
    return floor.company


def test_the_console_and_a_partners_pages_fit_are_quiet_and_speak_one_language(
    open_page: Callable[..., Any], served: Company, live_stranger: Company
) -> None:
    console_pages = [
        "/operator/", f"/operator/tenants/{served.tenant_id}/", "/operator/costs/", "/operator/seller/",
        "/operator/announcements/", "/operator/health/",
    ]  # fmt: skip
    wrong: list[str] = []
    for locale, shapes in VISITS:
        for email, paths in (
            ("olga@example.com", console_pages),
            ("charlie@example.com", ["/customers/", "/companies/"]),
            (
                "alice@example.com",
                ["/company/partners/", f"/company/partners/?change={live_stranger.tenant_id}"],
            ),
        ):
            page = open_page(locale=locale)
            sign_in(page, email)
            wrong += [f"{locale}: {fault}" for fault in look_at(page, paths, locale, shapes)]
            wrong += page.faults
    assert wrong == []


def test_a_visit_has_a_banner_on_every_page_and_ends_there(
    open_page: Callable[..., Any], served: Company
) -> None:
    page = open_page()
    sign_in(page, "olga@example.com")
    page.goto(f"/operator/tenants/{served.tenant_id}/")
    page.fill("input[name=reason]", "call 4711")
    page.click("button[name=visit]")
    page.wait_for_selector(".visit >> text=as alice@example.com does")
    page.goto("/alarms/")
    page.wait_for_selector(".visit")
    page.click(".visit button")
    page.wait_for_selector("text=Forgeline Ops")
    assert page.locator(".visit").count() == 0
    assert page.faults == []


def test_a_partner_goes_to_its_customer_and_an_announcement_is_put_away(
    open_page: Callable[..., Any], served: Company
) -> None:
    page = open_page()
    sign_in(page, "charlie@example.com")
    page.goto("/customers/")
    page.click("text=Go there")
    page.wait_for_selector(".visit >> text=You are at Alice Stamping for Charlie Castings")
    page.click("text=Put away")
    page.wait_for_selector("text=We move on Sunday.", state="detached")
    page.reload()
    assert page.locator("text=We move on Sunday.").count() == 0
    assert page.faults == []

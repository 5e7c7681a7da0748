"""What a company that has not paid is shown, and the way on that its shut pages leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from forgeline.billing import subscriptions
from forgeline.entitlements import rights
from forgeline.identity.models import Membership
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company

SignIn = Callable[[Any], Client]


@pytest.fixture
def late(live_company: Company) -> Callable[[str], None]:
    """``late(access)`` → an owner's company that owes money."""

    def _late(access: str) -> None:
        with tenant_scope(live_company.tenant_id):
            subscriptions.start_trial(currency="CNY", zone="Asia/Shanghai")
            rights.set_rights(limits={}, modules=None, access=access)
            Membership.objects.filter(user=live_company.manager).update(role="owner")

    return _late


def test_every_page_says_that_an_invoice_is_overdue(
    live_company: Company, late: Callable[[str], None], sign_in: SignIn
) -> None:
    late("overdue")
    owner, viewer = sign_in(live_company.manager), sign_in(live_company.viewer)
    for path in ("/", "/alarms/"):
        assert b'href="/company/plan/">See how to pay' in owner.get(path).content
        shown = viewer.get(path).content
        assert b"is overdue" in shown
        assert b"See how to pay" not in shown


def test_shut_pages_lead_to_the_invoices_and_out(
    live_company: Company, late: Callable[[str], None], sign_in: SignIn
) -> None:
    late("suspended")
    owner, viewer = sign_in(live_company.manager), sign_in(live_company.viewer)
    for client, leads in ((owner, True), (viewer, False)):
        page = client.get("/alarms/")
        assert page.status_code == 402
        assert (b'href="/company/plan/"' in page.content) is leads
        assert b'href="/"' not in page.content.split(b"<h1>")[1]
        assert b'action="/sign-out/"' in page.content
    # What every page runs on, and no bell that would only be refused.
    assert owner.get("/jsi18n/").status_code == 200
    plan = owner.get("/company/plan/")
    assert plan.status_code == 200
    assert b"/notifications/bell/" not in plan.content

"""A company that was erased: its papers can be read, what is open of them is paid, and its months stay counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from forgeline.audit.models import Entry
from forgeline.base import clock
from forgeline.billing import console
from forgeline.billing.models import Subscription
from forgeline.identity.models import Membership, Role
from forgeline.identity.policy import Actor, permissions_of
from forgeline.jobs import working
from forgeline.tenancy.scoping import tenant_scope
from forgeline.transfer.company import erasure
from forgeline.transfer.models import Erasure
from tests.billing.test_console import olga, sell
from tests.conftest import Company

SignIn = Callable[[Any], Client]


@pytest.fixture
def gone(
    live_company: Company, operator: Company, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> tuple[Company, int]:
    """Erase a company with an open invoice; return it and the invoice."""
    settings.ERASURE_GRACE_DAYS = 0.0
    monkeypatch.setattr(erasure, "SETTLE_S", 0.001)
    number = sell(live_company)
    owner = Actor(
        live_company.tenant_id, "owner", user_id=live_company.manager.pk, label="Alice",
        permissions=permissions_of("owner"),
    )  # fmt: skip
    with tenant_scope(live_company.tenant_id):
        Membership.objects.filter(user=live_company.manager).update(role=Role.OWNER)
        erasure.ask_erasure(name="Alice Stamping", actor=owner)
    mail.outbox.clear()
    for _ in range(200):
        if not working.work(slice_s=0.1):
            break
    return live_company, number


def test_its_papers_outlive_it_and_are_paid(
    gone: tuple[Company, int], operator: Company, sign_in: SignIn
) -> None:
    company, number = gone
    client = sign_in(operator.manager)
    assert client.get(f"/operator/tenants/{company.tenant_id}/").status_code == 404
    assert "Alice Stamping" in client.get("/operator/gone/").content.decode()
    address = f"/operator/gone/{company.tenant_id}/"
    page = client.get(address).content.decode()
    assert "tenancy_tenant" in page
    assert 'name="correct"' not in page
    paper = client.get(f"/operator/tenants/{company.tenant_id}/invoices/{number}.pdf")
    assert (paper.status_code, paper.content[:5]) == (200, b"%PDF-")
    today = f"{clock.now():%Y-%m-%d}"
    early = client.post(
        address, {"paid": str(number), "reference": "B-1", "paid_on": "2020-01-01", "amount": "1058.94"}
    )
    assert (early.status_code, "give the day on which" in early.content.decode()) == (422, True)
    more = client.post(
        address, {"paid": str(number), "reference": "B-1", "paid_on": today, "amount": "1058.95"}
    )
    assert (more.status_code, "Not more than is open, CNY 1,058.94" in more.content.decode()) == (422, True)
    part = {"paid": str(number), "reference": "B-0", "paid_on": today, "amount": "58.94"}
    for _ in range(2):
        assert client.post(address, part).status_code == 302
    given = {"paid": str(number), "reference": "B-1", "paid_on": today, "amount": "1000"}
    assert client.post(address, given).status_code == 302
    again = client.post(address, {**given, "reference": "B-2"}, follow=True).content.decode()
    assert "Nothing is open of FL-" in again
    with tenant_scope(operator.tenant_id):
        first, entry = Entry.objects.filter(action="billing.invoice.paid").order_by("id")
        [invoice] = console.list_invoices_of(company.tenant_id, actor=olga(operator))
    assert (first.changes["amount"], first.changes["reference"]) == ([None, "CNY 58.94"], [None, "B-0"])
    assert (entry.who, entry.changes["reference"]) == ("Olga", [None, "B-1"])
    assert (invoice.open, invoice.paid) == (0, invoice.total)
    with tenant_scope(company.tenant_id):
        assert not Entry.objects.exclude(action="audit.shortened").exists()


def test_what_it_brought_stays_in_its_months_under_its_name(
    gone: tuple[Company, int], operator: Company, sign_in: SignIn
) -> None:
    company, _number = gone
    page = sign_in(operator.manager).get("/operator/costs/").content.decode()
    assert f"/operator/gone/{company.tenant_id}/" in page
    assert "Alice Stamping" in page
    with tenant_scope(operator.tenant_id):
        rows = console.read_month(clock.now().date().replace(day=1), actor=olga(operator))
    [row] = [each for each in rows if each.tenant.tenant_id == company.tenant_id]
    assert row.invoiced > 0
    assert row.tenant.kind == console.GONE


def test_those_who_were_owners_are_told_that_it_is_over(gone: tuple[Company, int]) -> None:
    [letter] = mail.outbox
    assert letter.to == ["alice@example.com"]
    assert letter.subject == "Alice Stamping is erased"
    assert "invoices" in letter.body


def test_a_long_list_takes_as_many_questions_as_a_short_one(
    gone: tuple[Company, int], operator: Company, sign_in: SignIn
) -> None:
    client = sign_in(operator.manager)
    client.get("/operator/gone/")
    with CaptureQueriesContext(connection) as few:
        assert "CNY 1,058.94" in client.get("/operator/gone/").content.decode()
    for number in range(20):
        with tenant_scope(900_000 + number):
            Erasure.objects.create(name=f"Gone {number}", asked_at=clock.now(), begun_at=clock.now())
    with CaptureQueriesContext(connection) as many:
        assert "Gone 19" in client.get("/operator/gone/").content.decode()
    assert len(many) == len(few)


def test_only_the_operator_reads_of_it(
    gone: tuple[Company, int], live_stranger: Company, sign_in: SignIn
) -> None:
    company, number = gone
    client = sign_in(live_stranger.manager)
    for address in (
        "/operator/gone/",
        f"/operator/gone/{company.tenant_id}/",
        f"/operator/tenants/{company.tenant_id}/invoices/{number}.pdf",
    ):
        assert client.get(address).status_code == 403


def test_a_paper_is_found_at_its_own_company_alone(
    gone: tuple[Company, int], operator: Company, live_stranger: Company, sign_in: SignIn
) -> None:
    company, number = gone
    client = sign_in(operator.manager)
    for tenant_id, wanted in (
        (live_stranger.tenant_id, number), (company.tenant_id, number + 1), (2**63, 1), (10**30, 10**30),
    ):  # fmt: skip
        assert client.get(f"/operator/tenants/{tenant_id}/invoices/{wanted}.pdf").status_code == 404
    assert client.get(f"/operator/gone/{live_stranger.tenant_id}/").status_code == 404


def test_before_it_the_owner_is_told_of_the_money(live_company: Company, sign_in: SignIn) -> None:
    sell(live_company)
    with tenant_scope(live_company.tenant_id):
        Membership.objects.filter(user=live_company.manager).update(role=Role.OWNER)
    client = sign_in(live_company.manager)
    page = client.get("/company/data/").content.decode()
    assert "CNY 1,058.94 of your invoices is open" in page
    assert "Professional is billed up to" in page
    with tenant_scope(live_company.tenant_id):
        Subscription.objects.update(balance=12_300)
    assert "CNY 123.00 is to your credit" in client.get("/company/data/").content.decode()
    refused = client.post("/company/data/", {"name": "Alice <b>"})
    assert refused.status_code == 422
    assert 'value="Alice &lt;b&gt;"' in refused.content.decode()
    assert "Type the name of the company as it is written" in refused.content.decode()

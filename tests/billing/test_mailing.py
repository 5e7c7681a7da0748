"""An invoice goes to the address for invoices, through a real mail server, in the company's language; none is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from forgeline.base import clock
from forgeline.billing import mailing, paper, subscriptions, tasks
from forgeline.billing.models import Invoice, Letter, MailFault, Subscription
from forgeline.identity.models import Membership, Role
from forgeline.tenancy.models import Tenant
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.notifications.conftest import Mailbox, mailbox, text_of

__all__ = ["mailbox"]
SignIn = Callable[[Any], Client]
BOOKS = "books@alice.example"


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What a worker was called for, in place of the queue."""
    found: list[tuple[Any, ...]] = []
    monkeypatch.setattr(tasks.mail, "apply_async", lambda args, **_named: found.append(args))
    return found


def sell(company: Company, email: str = BOOKS, *, language: str = "en") -> Invoice:
    with tenant_scope(company.tenant_id):
        Tenant.objects.update(language=language)
        subscriptions.start_trial(currency="CNY", zone="UTC")
        Subscription.objects.update(title="Alice Stamping Ltd", email=email)
        subscriptions.change_plan("starter", "month", at_once=True)
        return Invoice.objects.get()


def letter_of(company: Company) -> Letter:
    with tenant_scope(company.tenant_id):
        return Letter.objects.select_related("invoice").get()


def is_due(company: Company, *, hours: float = 0.0) -> bool:
    return company.tenant_id in mailing.list_due(clock.now() + timedelta(hours=hours))


def work(company: Company, *, hours: float = 0.0) -> None:
    """Let a worker do what is due in so many hours."""
    mailing.work(company.tenant_id, now=lambda: clock.now() + timedelta(hours=hours))


def test_an_invoice_is_mailed_once_it_is_committed(
    live_company: Company, mailbox: Mailbox, called: list[tuple[Any, ...]]
) -> None:
    invoice = sell(live_company)
    assert called == [(live_company.tenant_id,)]
    for _time in range(2):
        tasks.mail(*called[0])
    [letter] = mailbox.to(BOOKS)
    assert (letter["Subject"], letter["Content-Language"]) == (f"Invoice {invoice.number}", "en")
    assert letter["Message-ID"].startswith(f"<invoice-{invoice.number}@")
    assert "CNY 316.94" in text_of(letter)
    [paper] = list(letter.iter_attachments())
    assert (paper.get_filename(), paper.get_content_type()) == (f"{invoice.number}.pdf", "application/pdf")
    assert paper.get_content().startswith(b"%PDF")
    row = letter_of(live_company)
    assert (row.attempts, row.due_at, row.fault, row.address) == (1, None, "", BOOKS)
    assert row.sent_at is not None


def test_an_invoice_that_nobody_could_be_called_for_is_found_by_the_sweep(
    live_company: Company, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_away(*_arguments: Any, **_named: Any) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(tasks.mail, "apply_async", is_away)
    sell(live_company)
    assert mailbox.letters == []
    monkeypatch.setattr(tasks.mail, "delay", tasks.mail)
    tasks.sweep_mail()
    assert len(mailbox.to(BOOKS)) == 1
    assert not is_due(live_company, hours=1000)


def test_a_worker_that_is_killed_over_a_letter_leaves_it_to_the_next(
    live_company: Company, mailbox: Mailbox, called: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_killed(_letter: object) -> None:
        raise KeyboardInterrupt

    sell(live_company)
    with monkeypatch.context() as patch:
        patch.setattr(mailing, "send", is_killed)
        with pytest.raises(KeyboardInterrupt):
            work(live_company)
    # Not at once: another worker may be at it.
    assert not is_due(live_company)
    work(live_company)
    assert mailbox.letters == []
    assert is_due(live_company, hours=1)
    work(live_company, hours=1)
    assert len(mailbox.to(BOOKS)) == 1


def test_a_letter_that_cannot_be_written_holds_up_no_other(
    live_company: Company, mailbox: Mailbox, called: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = sell(live_company)
    with tenant_scope(live_company.tenant_id):
        note = subscriptions.correct_invoice(broken.pk, reason="Twice")
    print_invoice = paper.print_invoice

    def is_broken(invoice: Invoice) -> bytes:
        if invoice.pk == broken.pk:
            raise KeyError("seller")
        return print_invoice(invoice)

    with monkeypatch.context() as patch:
        patch.setattr(mailing, "print_invoice", is_broken)
        work(live_company)
    assert [note.number in letter["Subject"] for letter in mailbox.to(BOOKS)] == [True]
    with tenant_scope(live_company.tenant_id):
        row = Letter.objects.get(invoice=broken)
        assert (row.fault, row.detail, row.attempts, row.sent_at) == (MailFault.PAPER, "KeyError", 1, None)
    work(live_company, hours=1)
    assert len(mailbox.to(BOOKS)) == 2


def test_a_credit_note_is_mailed_in_the_companys_language(
    live_company: Company, mailbox: Mailbox, called: list[tuple[Any, ...]]
) -> None:
    invoice = sell(live_company, language="zh-hans")
    with tenant_scope(live_company.tenant_id):
        note = subscriptions.correct_invoice(invoice.pk, reason="重复开具")
    work(live_company)
    letters = mailbox.to(BOOKS)
    assert [letter["Content-Language"] for letter in letters] == ["zh-hans", "zh-hans"]
    assert [
        number in letter["Subject"]
        for number, letter in zip((invoice.number, note.number), letters, strict=True)
    ]


def test_without_an_address_there_is_no_letter(
    live_company: Company, called: list[tuple[Any, ...]], sign_in: SignIn
) -> None:
    sell(live_company, email="")
    assert called == []
    assert not is_due(live_company, hours=1000)
    assert (
        Client()
        .get("/api/v1/invoices/", headers={"authorization": f"Bearer {live_company.manager_key}"})
        .json()["results"][0]["letter"]
        is None
    )
    assert "mailed to" not in sign_in(live_company.manager).get("/company/plan/").content.decode()


def test_without_an_address_the_first_owner_gets_the_letter(
    live_company: Company, mailbox: Mailbox, called: list[tuple[Any, ...]]
) -> None:
    with tenant_scope(live_company.tenant_id):
        Membership.objects.filter(user=live_company.manager).update(role=Role.OWNER)
    sell(live_company, email="")
    work(live_company)
    assert len(mailbox.to("alice@example.com")) == 1


def test_a_mailbox_that_refuses_is_left_alone_until_there_is_another(
    live_company: Company, operator: Company, mailbox: Mailbox, called: list[tuple[Any, ...]], sign_in: SignIn
) -> None:
    invoice = sell(live_company, email="nobody@alice.example")
    client, olga = sign_in(live_company.manager), sign_in(operator.manager)
    customer = f"/operator/tenants/{live_company.tenant_id}/"
    assert "On its way by e-mail to nobody@alice.example" in client.get("/company/plan/").content.decode()
    mailbox.refused.add("nobody@alice.example")
    work(live_company)
    row = letter_of(live_company)
    assert (row.due_at, row.sent_at, row.fault) == (None, None, "refused")
    assert row.detail.startswith("5")
    assert not is_due(live_company, hours=1000)
    said = "Not e-mailed to nobody@alice.example (the mail server refuses it)"
    assert said in client.get("/company/plan/").content.decode()
    assert said in olga.get(customer).content.decode()
    told = olga.get(f"/api/v1/operator/tenants/{live_company.tenant_id}/").json()["invoices"][0]
    assert (told["mailed_to"], told["mail_fault"], told["mailed_at"]) == (
        "nobody@alice.example",
        "refused",
        None,
    )
    with tenant_scope(live_company.tenant_id):
        Subscription.objects.update(email=BOOKS)
    assert is_due(live_company)
    work(live_company)
    assert len(mailbox.to(BOOKS)) == 1
    assert f"E-mailed to {BOOKS}" in client.get("/company/plan/").content.decode()
    told = client.get(f"/api/v1/invoices/{invoice.pk}/").json()["letter"]
    assert (told["address"], told["fault"], told["due_at"], told["attempts"]) == (BOOKS, "", None, 2)


def test_a_busy_server_is_asked_again_and_one_that_is_away_for_three_days(
    live_company: Company, mailbox: Mailbox, called: list[tuple[Any, ...]], settings: Any, sign_in: SignIn
) -> None:
    sell(live_company)
    mailbox.says.append("451 try again later")
    work(live_company)
    row = letter_of(live_company)
    assert (row.sent_at, row.fault, row.detail) == (None, "away", "451")
    assert not is_due(live_company)
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 1
    hours, tries = 0.0, 1
    while is_due(live_company, hours=1000):
        hours += 1.3
        work(live_company, hours=hours)
        row, tries = letter_of(live_company), tries + 1
        assert (row.fault, row.detail, row.attempts) == ("away", "ConnectionRefusedError", tries)
        if tries == 2:
            page = sign_in(live_company.manager).get("/company/plan/").content.decode()
            assert "(the mail server cannot be reached); it is tried again" in page
    assert hours >= 72
    assert tries == mailing.MOST_TRIES
    settings.EMAIL_PORT = port
    assert mailbox.to(BOOKS) == []

"""An invoice goes to the address for invoices, through a real mail server, in the company's language."""

from __future__ import annotations

from smtplib import SMTPException
from typing import Any

import pytest

from forgeline.billing import mailing, subscriptions, tasks
from forgeline.billing.models import Invoice, Subscription
from forgeline.tenancy.models import Tenant
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.notifications.conftest import Mailbox, mailbox, text_of

__all__ = ["mailbox"]


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """What a worker was called for, in place of the queue."""
    found: list[list[int]] = []
    monkeypatch.setattr(tasks.mail_invoice, "apply_async", lambda args, **_named: found.append(args))
    return found


def sell(company: Company, email: str = "books@alice.example", *, language: str = "en") -> Invoice:
    with tenant_scope(company.tenant_id):
        Tenant.objects.update(language=language)
        subscriptions.start_trial(currency="CNY", zone="UTC")
        Subscription.objects.update(title="Alice Stamping Ltd", email=email)
        subscriptions.change_plan("starter", "month", at_once=True)
        return Invoice.objects.get()


def test_an_invoice_is_mailed_once_it_is_committed(
    live_company: Company, mailbox: Mailbox, called: list[list[int]]
) -> None:
    invoice = sell(live_company)
    assert called == [[live_company.tenant_id, invoice.pk]]
    for _time in range(2):
        tasks.mail_invoice(*called[0])
    first, second = mailbox.to("books@alice.example")
    assert first["Message-ID"] == second["Message-ID"]
    assert (first["Subject"], first["Content-Language"]) == (f"Invoice {invoice.number}", "en")
    assert "CNY 316.94" in text_of(first)
    [paper] = list(first.iter_attachments())
    assert (paper.get_filename(), paper.get_content_type()) == (f"{invoice.number}.pdf", "application/pdf")
    assert paper.get_content().startswith(b"%PDF")


def test_a_credit_note_is_mailed_in_the_companys_language(
    live_company: Company, mailbox: Mailbox, called: list[list[int]]
) -> None:
    invoice = sell(live_company, language="zh-hans")
    with tenant_scope(live_company.tenant_id):
        note = subscriptions.correct_invoice(invoice.pk, reason="重复开具")
    tasks.mail_invoice(*called[-1])
    [letter] = mailbox.letters
    assert (letter["Content-Language"], note.number in letter["Subject"]) == ("zh-hans", True)


def test_without_an_address_nobody_is_called(live_company: Company, called: list[list[int]]) -> None:
    invoice = sell(live_company, email="")
    assert called == []
    with tenant_scope(live_company.tenant_id):
        assert mailing.write_letter(invoice.pk) is None


def test_a_mailbox_that_refuses_is_left_alone_and_a_busy_server_asked_again(
    live_company: Company, mailbox: Mailbox, called: list[list[int]], settings: Any
) -> None:
    sell(live_company, email="nobody@alice.example")
    with tenant_scope(live_company.tenant_id):
        letter = mailing.write_letter(called[0][1])
    assert letter is not None
    mailbox.refused.add("nobody@alice.example")
    mailing.send(letter)
    mailbox.refused.clear()
    mailbox.says.append("451 try again later")
    with pytest.raises(SMTPException):
        mailing.send(letter)
    settings.EMAIL_PORT = 1
    letter.connection = None
    with pytest.raises(OSError, match="refused"):
        mailing.send(letter)

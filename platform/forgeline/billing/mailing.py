"""An invoice goes by e-mail to the address that the company has given for invoices, as the PDF that its pages show.

Not here: messages about alarms and limits (notifications), how an invoice looks (paper).
"""

from __future__ import annotations

import logging
import random
import smtplib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from forgeline.base import clock
from forgeline.base.errors import UnavailableError
from forgeline.base.workers import call_worker
from forgeline.billing import invoicing
from forgeline.billing.models import Kind, Letter, MailFault, Subscription
from forgeline.billing.money import words
from forgeline.billing.paper import print_invoice
from forgeline.notifications.quiet import BACKOFF_S, next_try
from forgeline.tenancy.scoping import tenant_scope

MOST_TRIES = 80
"""About three days: an hour between two once the first eight are used up."""
HELD = timedelta(minutes=5)
"""A letter is one worker's for so long: more than a mail server is waited for."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a try; no fault where a mail server took it."""

    fault: str = ""
    detail: str = ""


def wake(tenant_id: int) -> None:
    """Call a worker to send what is due; after the commit that issues it."""
    from forgeline.billing.tasks import mail

    call_worker(mail, tenant_id)


def list_due(at: datetime | None = None) -> list[int]:
    """Return the companies with an invoice to be mailed; needs no scope."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT billing_list_letters_due(%s)", [at or clock.now()])
        return [row[0] for row in cursor.fetchall()]


def work(tenant_id: int, *, now: Callable[[], datetime] = clock.now) -> None:
    """Send what is due of one company, one after the other; none twice at once."""
    while (claimed := _claim(tenant_id, now())) is not None:
        outcome = _try(tenant_id, claimed)
        with tenant_scope(tenant_id, branches=()):
            # Gone where the company was erased meanwhile.
            for row in Letter.objects.select_for_update().filter(pk=claimed.pk):
                _settle(row, outcome, now())


def _claim(tenant_id: int, at: datetime) -> Letter | None:
    """Take the letter that has been due the longest; for a while nobody else does, nor after a kill."""
    with tenant_scope(tenant_id, branches=()):
        address = invoicing.find_address(Subscription.objects.first())
        is_due = Q(due_at__lte=at)
        if address:
            # Given up, and there is another address now.
            is_due |= Q(due_at=None) & ~Q(address=address)
        unsent = Letter.objects.select_for_update(skip_locked=True).filter(is_due, sent_at=None)
        row = unsent.order_by("due_at", "pk").first()
        if row is not None:
            row.address = address or row.address
            row.attempts += 1
            row.due_at = at + HELD
            row.save()
        return row


def _try(tenant_id: int, row: Letter) -> Outcome:
    try:
        with tenant_scope(tenant_id, branches=()):
            letter = write_letter(row)
    except UnavailableError as error:
        _log.warning("invoice %s cannot be set on paper (%s)", row.invoice_id, error)
        return Outcome(MailFault.PAPER)
    except Exception as error:  # noqa: BLE001  # it is told, and holds up no other letter
        _log.exception("invoice %s cannot be written as a letter", row.invoice_id)
        return Outcome(MailFault.PAPER, type(error).__name__)
    return send(letter)


def _settle(row: Letter, outcome: Outcome, at: datetime) -> None:
    row.fault, row.detail = outcome.fault, outcome.detail
    if not outcome.fault:
        row.sent_at, row.due_at = at, None
    elif outcome.fault == MailFault.REFUSED or row.attempts >= MOST_TRIES:
        row.due_at = None
        _log.warning("invoice %s is not mailed (%s %s)", row.invoice_id, row.fault, row.detail)
    else:
        row.due_at = _next_try(row.attempts, at)
    row.save()


def _next_try(attempts: int, at: datetime) -> datetime:
    # Many that a mail server refused together do not come back together.
    found = next_try(min(attempts, len(BACKOFF_S)), at, jitter=random.random())  # noqa: S311
    assert found is not None
    return found


def write_letter(row: Letter) -> EmailMessage:
    """Return the letter of an invoice of the company in force, in the language in which the invoice was issued.

    **Raises** UnavailableError where the paper cannot be set.
    """
    invoice = row.invoice
    open_ = invoicing.open_amount(invoice)
    with translation.override(invoice.language):
        context = {
            "invoice": invoice,
            "seller": invoice.seller.get("title", ""),
            "is_credit": invoice.kind == Kind.CREDIT,
            "total": words(abs(invoice.total), invoice.currency),
            "open": words(open_, invoice.currency) if open_ else "",
            "due_on": date_format(invoice.due_on),
            "link": f"{settings.NOTIFICATIONS['PUBLIC_URL']}/company/plan/",
        }
        title = _("Credit note %(number)s") if context["is_credit"] else _("Invoice %(number)s")
        subject = title % {"number": invoice.number}
        body = render_to_string("billing/invoice_email.txt", context)
    host = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "forgeline"
    letter = EmailMessage(
        subject=subject, body=body, to=[row.address],
        headers={
            # The same for each try: mailboxes show a letter once that came twice.
            "Message-ID": f"<invoice-{invoice.number}@{host}>",
            "Auto-Submitted": "auto-generated",
            "Content-Language": invoice.language,
        },
    )  # fmt: skip
    letter.attach(f"{invoice.number}.pdf", print_invoice(invoice), "application/pdf")
    return letter


def send(letter: EmailMessage) -> Outcome:
    """Hand a letter to the mail server, and say what came of it."""
    try:
        letter.send()
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as error:
        if isinstance(error, smtplib.SMTPDataError):
            code = error.smtp_code
        else:
            code = next(iter(error.recipients.values()))[0]
        # 4xx asks for another try, 5xx for none.
        return Outcome(MailFault.REFUSED if 500 <= code < 600 else MailFault.AWAY, str(code))
    except (smtplib.SMTPException, OSError) as error:
        return Outcome(MailFault.AWAY, type(error).__name__)
    return Outcome()


def say(address: str, *, sent_at: datetime | None, due_at: datetime | None, fault: str) -> str:
    """Return how the e-mail of an invoice fares, in a sentence; nothing where there is none."""
    told = {"address": address, "fault": MailFault(fault).label if fault else ""}
    if not address:
        return ""
    if sent_at is not None:
        return _("E-mailed to %(address)s") % told
    if not fault:
        return _("On its way by e-mail to %(address)s") % told
    if due_at is not None:
        return _("Not e-mailed to %(address)s yet (%(fault)s); it is tried again.") % told
    return _("Not e-mailed to %(address)s (%(fault)s). It goes to another address once that is given.") % told

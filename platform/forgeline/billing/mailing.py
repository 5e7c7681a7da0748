"""An invoice goes by e-mail to the address that the company has given for invoices, as the PDF that its pages show.

Not here: messages about alarms and limits (notifications), how an invoice looks (paper).
"""

from __future__ import annotations

import logging
import smtplib
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from forgeline.billing import invoicing
from forgeline.billing.models import Kind
from forgeline.billing.money import words
from forgeline.billing.paper import print_invoice

_log = logging.getLogger(__name__)


def wake(tenant_id: int, invoice_id: int) -> None:
    """Call a worker to send an invoice; after the commit that issues it. Never raises: the invoice stands anyway."""
    from forgeline.billing.tasks import mail_invoice

    try:
        mail_invoice.apply_async([tenant_id, invoice_id], retry=False)
    except (OperationalError, OSError) as error:
        _log.warning("no worker could be called to mail invoice %s (%s)", invoice_id, type(error).__name__)


def write_letter(invoice_id: int) -> EmailMessage | None:
    """Return the letter of an invoice of the company in force, in the language in which it was issued; None where the
    company has given no address. **Raises** UnavailableError where the paper cannot be set.
    """
    invoice = invoicing.get_invoice(invoice_id)
    address = str(invoice.buyer.get("email") or "")
    if not address:
        return None
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
        subject=subject, body=body, to=[address],
        headers={
            # The same for each try: mailboxes show a letter once that came twice.
            "Message-ID": f"<invoice-{invoice.number}@{host}>",
            "Auto-Submitted": "auto-generated",
            "Content-Language": invoice.language,
        },
    )  # fmt: skip
    letter.attach(f"{invoice.number}.pdf", print_invoice(invoice), "application/pdf")
    return letter


def send(letter: EmailMessage) -> None:
    """Hand a letter to the mail server. **Raises** SMTPException or OSError where a later try may do; what is refused
    for good is logged, and nobody tries again.
    """
    try:
        letter.send()
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as error:
        if isinstance(error, smtplib.SMTPDataError):
            code = error.smtp_code
        else:
            code = next(iter(error.recipients.values()))[0]
        if not 500 <= code < 600:
            raise
        _log.warning("the letter %r is refused for good (%s)", letter.subject, code)

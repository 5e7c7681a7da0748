"""One e-mail by Django's settings. Plain text and a simple HTML; the key of the delivery is its Message-ID."""

from __future__ import annotations

import hashlib
import smtplib
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from forgeline.notifications.sending.letter import Letter
from forgeline.notifications.sending.outcome import SendError


def send_email(letter: Letter, address: str) -> None:
    """Hand a letter to the mail server. **Raises** SendError; final where the server refuses this very address."""
    host = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "forgeline"
    headers = {
        # The same for each try: mailboxes show a letter once that came twice.
        "Message-ID": f"<{letter.key}@{host}>",
        "Auto-Submitted": "auto-generated",
        "X-Priority": {"critical": "1", "high": "2"}.get(letter.priority, "3"),
        "Content-Language": letter.language,
    }
    if letter.thread:
        thread = hashlib.sha256(letter.thread.encode()).hexdigest()[:24]
        headers["References"] = headers["In-Reply-To"] = f"<{thread}@{host}>"
    context = {"letter": letter}
    mail = EmailMultiAlternatives(
        subject=" ".join(letter.title.split()),
        body=render_to_string("notifications/email.txt", context),
        to=[address],
        headers=headers,
    )
    mail.attach_alternative(render_to_string("notifications/email.html", context), "text/html")
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise SendError("mailbox_refused", f"{code} {_words(said)}", is_final=500 <= code < 600) from error
    except smtplib.SMTPAuthenticationError as error:
        raise SendError("mail_sign_in_refused", str(error.smtp_code)) from error
    except smtplib.SMTPResponseException as error:
        detail = f"{error.smtp_code} {_words(error.smtp_error)}"
        raise SendError("mail_refused", detail, is_final=isinstance(error, smtplib.SMTPDataError) and
                        500 <= error.smtp_code < 600) from error  # fmt: skip
    except (smtplib.SMTPException, OSError) as error:
        raise SendError("mail_server_away", type(error).__name__) from error


def _words(said: bytes | str) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said

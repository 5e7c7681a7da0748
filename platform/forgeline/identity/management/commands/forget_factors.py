"""Take the second factors off an account whose person has lost them."""

from __future__ import annotations

import logging
from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.core.management.base import BaseCommand, CommandError
from django.utils import translation
from django.utils.translation import gettext as _

from forgeline.base.errors import NotFoundError
from forgeline.identity.factors import forget_factors

_log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Take every second factor and passkey off an account and end its sessions, for a person who has lost both the "
        "device and the recovery codes. Make sure of who asks: what is left is the password."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--email", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            user, kinds = forget_factors(options["email"])
        except NotFoundError as error:
            raise CommandError(str(error)) from None
        if not kinds:
            self.stdout.write(f"{user.email} had no second factor; its sessions have ended.")
            return
        told = "was told by e-mail" if _tell(user.email, user.language) else "could not be told by e-mail"
        self.stdout.write(
            f"{user.email} signs in with the password alone now ({', '.join(kinds)} taken off), and {told}."
        )


def _tell(email: str, language: str) -> bool:
    with translation.override(language or settings.LANGUAGE_CODE):
        subject = _("Your second factors were taken off")
        body = _(
            "Whoever runs this Forgeline has taken the second factors and passkeys off your account (%(email)s) and "
            "ended its sessions. Your password is as it was. If you did not ask for this, change your password and "
            "tell them at once."
        ) % {"email": email}
    try:
        return bool(send_mail(subject, body, None, [email]))
    except (SMTPException, OSError) as error:
        _log.warning("a letter about second factors could not be sent (%s)", type(error).__name__)
        return False

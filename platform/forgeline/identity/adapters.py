"""How the house bends django-allauth: who may sign up, what is sealed. Not here: its pages (web)."""

from __future__ import annotations

import logging
from smtplib import SMTPException
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.context import request_context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from forgeline.base.sealing import box
from forgeline.identity.doors import ARRIVING, sort_memberships

_log = logging.getLogger(__name__)
_SECRETS = "forgeline.identity.factors"
_HOUSE = SimpleNamespace(name="Forgeline", domain="Forgeline")


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up is open where the installation says so."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.SIGN_UP)

    def pre_login(self, request: HttpRequest, user: Any, **named: Any) -> HttpResponse | None:
        """A password or a passkey opens nothing where every company of the person asks for its provider."""
        opened, shut = sort_memberships(user.pk, {})
        if opened or not shut:
            answer: HttpResponse | None = super().pre_login(request, user, **named)
            return answer
        sentence = _("%(company)s signs in with its own provider; your password is not taken. Go on below.")
        messages.warning(request, sentence % {"company": shut[0].tenant_name}, extra_tags="warn")
        return redirect(f"{ARRIVING}?{urlencode({'company': user.email.rpartition('@')[2]})}")

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        return reverse("web:start")

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Letters come from Forgeline, by whichever address the house was reached; a mail server that is away is
        said on the page, which goes on: what was done is done, and a code can be asked for again.
        """
        try:
            # Many letters go once the transaction is done, when allauth has left the request already.
            with request_context(self.request):
                super().send_mail(template_prefix, email, {**context, "current_site": _HOUSE})
        except (SMTPException, OSError) as error:
            _log.warning("the letter %s could not be sent (%s)", template_prefix, type(error).__name__)
            sentence = _("The e-mail could not be sent: the mail server is away. Try again in a few minutes.")
            messages.warning(self.request, sentence)

    def add_message(self, *args: Any, **named: Any) -> None:
        """What has happened is seen on the page that follows; a second sentence for it is noise."""


class FactorAdapter(DefaultMFAAdapter):
    """Secrets of second factors are sealed at rest."""

    def encrypt(self, text: str) -> str:
        return box(_SECRETS).encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return box(_SECRETS).decrypt(encrypted_text.encode()).decode()


def username_of(request: HttpRequest | None, credentials: dict[str, Any] | None = None) -> str:
    """Return by which name axes counts tries: the address as it was typed, in lower case."""
    typed = (credentials or {}).get("email") or (credentials or {}).get("username")
    if typed is None and request is not None:
        typed = request.POST.get("login", "")
    return str(typed or "").strip().lower()

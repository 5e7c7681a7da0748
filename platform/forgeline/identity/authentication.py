"""How the REST API knows its callers: an API key, or the session of a signed-in browser (with CSRF)."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.request import Request

from forgeline.identity.policy import Actor


def actor_of(request: Request) -> Actor:
    """Return who asks; only for views whose permissions let nobody else through."""
    actor: Actor | None = getattr(request._request, "actor", None)
    if actor is None:
        raise NotAuthenticated
    return actor


class KeyUser:
    """Stands where DRF wants a user: a program, not a person."""

    is_authenticated = True
    is_active = True
    is_anonymous = False
    pk = None

    def __init__(self, actor: Actor) -> None:
        self.actor = actor

    def __str__(self) -> str:
        return self.actor.label


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer fl_…`` or ``X-API-Key: fl_…``; the middleware has looked the key up already."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        if getattr(request._request, "key_refused", False):
            raise AuthenticationFailed(
                _("This API key is unknown, expired or revoked."), code="identity.key_refused"
            )
        actor = getattr(request._request, "actor", None)
        if actor is None or actor.api_key_id is None:
            return None
        return KeyUser(actor), actor

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class BrowserSessionAuthentication(SessionAuthentication):
    """The session cookie of a signed-in person who is a member of a company."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        found = super().authenticate(request)
        if found is None:
            return None
        actor = getattr(request._request, "actor", None)
        if actor is None:
            raise NotAuthenticated(_("Your account belongs to no company yet; ask a manager to add you."))
        return found[0], actor

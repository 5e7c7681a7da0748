"""Find out who asks and enter their tenant's scope for the whole request, in one transaction."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext as _, gettext_lazy

from forgeline.audit.recorder import Source, acting
from forgeline.base.api import render_problem
from forgeline.base.request_ids import request_id_of
from forgeline.entitlements.rights import rights_of
from forgeline.identity.calls import put_headers, refuse, take_call
from forgeline.identity.doors import ARRIVING, is_shut, refuse_own_account
from forgeline.identity.keys import KEY_PREFIX, record_key_use
from forgeline.identity.once import answer_once
from forgeline.identity.policy import Actor, actor_scope
from forgeline.identity.queries import find_actor_by_key
from forgeline.identity.seats import Seat, find_seat, leave, note_visit
from forgeline.identity.suspension import is_open, shut
from forgeline.identity.switches import find_module, refuse_module

_OWN_ACCOUNT = ("/account/", "/password/")
_ENDED = gettext_lazy(
    "You may not come to the company that you were at any more: the access has expired or was taken back. You are "
    "back in your own company."
)
_SWITCHED_OFF = gettext_lazy(
    "You may not come to the company that you were at now: the operator of the service has switched off for it that "
    "it lets partners in. You are back in your own company."
)


class TenantMiddleware:
    """Set ``request.actor`` (None for a stranger), ``request.seat`` and the tenant scope.

    The scope ends with the response object: a streaming body must enter a scope of its own.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        seat, request.key_refused = _identify(request)  # type: ignore[attr-defined]
        actor = seat.actor
        request.seat, request.actor = seat, actor  # type: ignore[attr-defined]
        if is_shut(request):
            return refuse_own_account(request)
        if seat.has_ended and not request.path.startswith("/sign-"):
            # A page must have said so first: were a poll in the background to clear it, the form that its reader sends
            # next would be carried out at home.
            answer, text = _ended(request, seat)
            if _is_page(request):
                leave(request.session)
                # Once more on the next page: this one may be a page in the background that reloaded by itself.
                messages.warning(request, text)
            return answer
        if actor is None:
            return self.get_response(request)
        if actor.visit:
            if actor.visit == "operator" and request.path.startswith(_OWN_ACCOUNT):
                return _not_as_another(request)
            note_visit(request.session, actor, source_of(request, actor))
        request.rights = rights = rights_of(actor.tenant_id)  # type: ignore[attr-defined]
        # The operator's people are let in: they are the ones who are asked why it is shut.
        if rights.is_suspended and actor.visit != "operator" and not is_open(request):
            return shut(request)
        module = find_module(request)
        if module is not None and not rights.has_module(module.key):
            return refuse_module(request, module, rights)
        bound = take_call(request, actor, rights)
        if bound is not None and bound.is_refused:
            response = refuse(bound)
        else:
            response = self._answer(request, actor)
        if bound is not None:
            put_headers(response, bound)
        return response

    def _answer(self, request: HttpRequest, actor: Actor) -> HttpResponse:
        with acting(source_of(request, actor)), actor_scope(actor):
            if actor.api_key_id is not None:
                record_key_use(api_key_id=actor.api_key_id)
            return answer_once(request, actor, self.get_response)

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Undo what a failing view wrote: Django turns the exception into a response before we see it."""
        if transaction.get_connection().in_atomic_block:
            transaction.set_rollback(True)


def source_of(request: HttpRequest, actor: Actor) -> Source:
    """What the audit says of whoever asks."""
    return Source(
        who=actor.label,
        who_kind="person" if actor.api_key_id is None else "key",
        who_id=actor.user_id or actor.api_key_id,
        on_behalf=actor.on_behalf,
        address=request.META.get("REMOTE_ADDR", ""),
        agent=request.headers.get("User-Agent", ""),
        request_id=request_id_of(request),
    )


def key_of(request: HttpRequest) -> str:
    """Return the API key that a request carries, or ''."""
    header = request.headers.get("Authorization", "")
    if header.startswith("Bearer " + KEY_PREFIX):
        return header.removeprefix("Bearer ").strip()
    return request.headers.get("X-API-Key", "").strip()


def _is_page(request: HttpRequest) -> bool:
    is_part = "HX-Request" in request.headers or request.path.startswith("/api/")
    return not is_part and "text/html" in request.headers.get("Accept", "text/html")


def _ended(request: HttpRequest, seat: Seat) -> tuple[HttpResponse, str]:
    """Say that a visit is over and why, whatever was asked for: it was meant for another company than the one at hand
    now. Returns what was said as well.
    """
    title, text = _("You may not come to this company any more"), str(_ENDED)
    if seat.is_switched_off:
        title, text = _("You may not come to this company now"), str(_SWITCHED_OFF)
    return _refuse(request, title, text, key="identity.visit_ended"), text


def _not_as_another(request: HttpRequest) -> HttpResponse:
    title = _("Not while you act for somebody else")
    text = _("Passwords and second factors are changed by their own person. End the visit first.")
    return _refuse(request, title, text, key="identity.visiting")


def _refuse(request: HttpRequest, title: str, text: str, *, key: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        return render_problem(status=403, key=key, title=title, detail=text)
    return render(request, "pages/error.html", {"title": title, "text": text}, status=403)


def _identify(request: HttpRequest) -> tuple[Seat, bool]:
    key = key_of(request)
    if key:
        actor = find_actor_by_key(key)
        return Seat(actor), actor is None
    user = request.user
    # Whoever comes by a provider comes as a stranger, and waits for it outside of any transaction.
    if request.path.startswith(ARRIVING) or not user.is_authenticated:
        return Seat(None), False
    seat = find_seat(user, request.session)
    if seat.actor is None:
        return seat, False
    if getattr(user, "language", "") and "django_language" not in request.COOKIES:
        translation.activate(user.language)
        request.LANGUAGE_CODE = translation.get_language()
    return seat, False

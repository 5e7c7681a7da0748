"""Find out who asks and enter their tenant's scope for the whole request, in one transaction."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from forgeline.audit.recorder import Source, acting
from forgeline.base.request_ids import request_id_of
from forgeline.entitlements.rights import rights_of
from forgeline.identity.calls import put_headers, refuse, take_call
from forgeline.identity.doors import ARRIVING, is_shut, refuse_own_account, sort_memberships
from forgeline.identity.keys import KEY_PREFIX, record_key_use
from forgeline.identity.once import answer_once
from forgeline.identity.policy import Actor, actor_scope
from forgeline.identity.queries import actor_of_member, choose_membership, find_actor_by_key
from forgeline.identity.suspension import is_open, shut
from forgeline.identity.switches import find_module, refuse_module

SESSION_TENANT = "tenant_id"


class TenantMiddleware:
    """Set ``request.actor`` (None for a stranger), ``request.memberships`` and the tenant scope.

    The scope ends with the response object: a streaming body must enter a scope of its own.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor, request.memberships, request.key_refused = _identify(request)  # type: ignore[attr-defined]
        actor: Actor | None = request.actor  # type: ignore[attr-defined]
        if is_shut(request):
            return refuse_own_account(request)
        if actor is None:
            return self.get_response(request)
        request.rights = rights = rights_of(actor.tenant_id)  # type: ignore[attr-defined]
        if rights.is_suspended and not is_open(request):
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
        with acting(_source_of(request, actor)), actor_scope(actor):
            if actor.api_key_id is not None:
                record_key_use(api_key_id=actor.api_key_id)
            return answer_once(request, actor, self.get_response)

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Undo what a failing view wrote: Django turns the exception into a response before we see it."""
        if transaction.get_connection().in_atomic_block:
            transaction.set_rollback(True)


def _source_of(request: HttpRequest, actor: Actor) -> Source:
    """What the audit says of whoever asks."""
    return Source(
        who=actor.label,
        who_kind="person" if actor.api_key_id is None else "key",
        who_id=actor.user_id or actor.api_key_id,
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


def _identify(request: HttpRequest) -> tuple[Actor | None, list[object], bool]:
    key = key_of(request)
    if key:
        actor = find_actor_by_key(key)
        return actor, [], actor is None
    user = request.user
    if request.path.startswith(ARRIVING):
        # Whoever comes by a provider comes as a stranger, and waits for it outside of any transaction.
        return None, [], False
    if not user.is_authenticated:
        return None, [], False
    memberships = sort_memberships(user.pk, request.session).opened
    chosen = choose_membership(memberships, request.session.get(SESSION_TENANT))
    if chosen is None:
        return None, [], False
    if getattr(user, "language", "") and "django_language" not in request.COOKIES:
        translation.activate(user.language)
        request.LANGUAGE_CODE = translation.get_language()
    return actor_of_member(chosen, user_id=user.pk, label=str(user)), list(memberships), False

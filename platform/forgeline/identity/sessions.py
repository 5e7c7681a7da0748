"""Signing in and out, as the audit of each of a person's companies tells it. Not here: pages (web), tries (axes)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from forgeline.audit.recorder import Source, acting, record
from forgeline.base.request_ids import request_id_of
from forgeline.identity.adapters import username_of
from forgeline.identity.doors import mark_session, sort_memberships
from forgeline.identity.models import Role, User
from forgeline.identity.queries import MembershipRow, list_memberships
from forgeline.tenancy.scoping import tenant_scope


def watch_sessions() -> None:
    """Have each sign-in, sign-out and refusal written down, wherever it happens."""
    user_logged_in.connect(_begun, dispatch_uid="identity.sessions.begun")
    user_logged_out.connect(_ended, dispatch_uid="identity.sessions.ended")
    user_login_failed.connect(_refused, dispatch_uid="identity.sessions.refused")


def _begun(sender: Any, request: HttpRequest | None, user: User, **_more: Any) -> None:
    if request is None or not hasattr(request, "session"):
        write_at_companies("identity.session.begun", request, user)
        return
    mark_session(request)
    way = "sso" if hasattr(request, "sso_door") else "own"
    opened = sort_memberships(user.pk, request.session).opened
    write_at_companies("identity.session.begun", request, user, among=opened, changes={"way": [None, way]})
    # The way in that owners keep for the day when the provider is away; the company sees that it was taken.
    passed = [row for row in opened if way == "own" and row.sso_required and row.role == Role.OWNER]
    write_at_companies("identity.session.provider_passed", request, user, among=passed)


def _ended(sender: Any, request: HttpRequest | None, user: User | None, **_more: Any) -> None:
    if user is not None:
        write_at_companies("identity.session.ended", request, user)


def _refused(
    sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **_more: Any
) -> None:
    user = User.objects.filter(email=username_of(request, credentials)).first()
    if user is not None:
        write_at_companies("identity.session.refused", request, user)


def write_at_companies(
    action: str,
    request: HttpRequest | None,
    user: User,
    *,
    among: Sequence[MembershipRow] | None = None,
    changes: Mapping[str, Any] | None = None,
    is_own_deed: bool = True,
) -> None:
    """Write into the audit of each company of a person (or of those ``among``) what befell the account."""
    source = Source(who=user.email, who_kind="person", who_id=user.pk) if is_own_deed else Source()
    if request is not None:
        source = Source(
            who=user.email,
            who_kind="person",
            who_id=user.pk,
            address=request.META.get("REMOTE_ADDR", ""),
            agent=request.headers.get("User-Agent", ""),
            request_id=request_id_of(request),
        )
    own = [each for each in (list_memberships(user.pk) if among is None else among) if each.is_own]
    for membership in own:
        with acting(source), tenant_scope(membership.tenant_id):
            record(action, subject=user.email, subject_id=user.pk, changes=changes)

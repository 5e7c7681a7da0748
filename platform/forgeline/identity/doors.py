"""Which of a person's companies a session opens: by how it was begun (decision 0012).

A session that a company's provider began opens that company alone, and nothing that is the person's everywhere. Any
other opens those companies that do not ask for their provider; owners keep their password for the day when it is away.
Not here: beginning one by a provider (sso).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from forgeline.identity.models import Role, User
from forgeline.identity.queries import MembershipRow, list_memberships

SESSION_DOOR = "sso"
"""[tenant, generation of its provider] of a session that a provider began."""
SESSION_IMPERSONATION = "impersonation_id"
ARRIVING = "/sign-in/company/"
SSO_SESSION_S = 12 * 3600
"""A working day: whoever leaves the company is known to its provider first."""
_EVERYWHERE = ("/account/", "/invitations/")


class Sorted(NamedTuple):
    """The companies of a person, by whether a session opens them."""

    opened: list[MembershipRow]
    shut: list[MembershipRow]


def sort_memberships(user_id: int, session: Mapping[str, Any]) -> Sorted:
    """Return the live companies of a person that a session opens, and those that it does not."""
    rows = list_memberships(user_id)
    door = session.get(SESSION_DOOR)
    opened = [row for row in rows if _opens(row, door)]
    return Sorted(opened, [row for row in rows if row not in opened])


def _opens(row: MembershipRow, door: Any) -> bool:
    """A customer is opened by what opens the partner that the person belongs to."""
    home, role = (row.tenant_id, row.role) if row.via_id is None else (row.via_id, row.via_role)
    if door is not None:
        return bool(door == [home, row.sso_generation])
    return not row.sso_required or role == Role.OWNER


def enter(request: HttpRequest, user: User, *, tenant_id: int, generation: int) -> None:
    """Begin a session that a company's provider vouches for."""
    request.sso_door = [tenant_id, generation]  # type: ignore[attr-defined]
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session.set_expiry(SSO_SESSION_S)


def mark_session(request: HttpRequest) -> None:
    """Write down by which door a session was begun; a password takes away the mark of a provider."""
    request.session.pop(SESSION_IMPERSONATION, None)
    door = getattr(request, "sso_door", None)
    if door is not None:
        request.session[SESSION_DOOR] = door
    elif request.session.pop(SESSION_DOOR, None) is not None:
        request.session.set_expiry(None)


def is_shut(request: HttpRequest) -> bool:
    """Say whether a session that a provider began asks for what is the person's own, in every company."""
    return request.path.startswith(_EVERYWHERE) and SESSION_DOOR in request.session


def refuse_own_account(request: HttpRequest) -> HttpResponse:
    """Answer 403 with what to do."""
    title = _("You have signed in with your company")
    text = _(
        "Password, second factors and sessions are your company's provider's to keep. Sign out and sign in by "
        "yourself for what belongs to you outside of it."
    )
    return render(request, "pages/error.html", {"title": title, "text": text}, status=403)

"""Second factors: each change stands in the audit of a person's companies; what is lost is taken off by who runs this.

Not here: the pages by which people set their own (allauth), secrets at rest (adapters).
"""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed
from allauth.usersessions.models import UserSession
from django.db import transaction
from django.http import HttpRequest

from forgeline.base.errors import NotFoundError
from forgeline.identity.models import User
from forgeline.identity.sessions import write_at_companies


def watch_factors() -> None:
    """Have each second factor that comes or goes written down, wherever it happens."""
    authenticator_added.connect(_added, dispatch_uid="identity.factors.added")
    authenticator_removed.connect(_removed, dispatch_uid="identity.factors.removed")


def forget_factors(email: str) -> tuple[User, list[str]]:
    """Take every second factor and passkey off an account and end its sessions; returns the kinds that there were.

    For whoever runs the server, never for a request: a company's manager may not, since the account may belong to
    others as well. **Raises** NotFoundError for an address that nobody has.
    """
    user = User.objects.filter(email=email.strip().lower()).first()
    if user is None:
        raise NotFoundError("Nobody has this e-mail address.")
    with transaction.atomic():
        rows = list(Authenticator.objects.filter(user=user).order_by("type", "pk"))
        kinds = [row.type for row in rows]
        for row in rows:
            row.delete()
        for session in UserSession.objects.filter(user=user):
            session.end()
        if kinds:
            write_at_companies(
                "identity.session.factors_forgotten",
                None,
                user,
                changes={"factors": [kinds, []]},
                is_own_deed=False,
            )
    return user, kinds


def _added(sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **_more: Any) -> None:
    write_at_companies(
        "identity.session.factor_made", request, user, changes={"factor": [None, authenticator.type]}
    )


def _removed(
    sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **_more: Any
) -> None:
    write_at_companies(
        "identity.session.factor_removed", request, user, changes={"factor": [authenticator.type, None]}
    )

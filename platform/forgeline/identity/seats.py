"""Where a signed-in person sits: in a company of their own, at a partner's customer, or in a member's place for half an
hour. Asked with every request and, by live sockets, every few seconds. Not here: keys of programs (queries).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from forgeline.audit.recorder import Source, acting, record
from forgeline.base import clock
from forgeline.entitlements.rights import has_feature
from forgeline.identity.doors import SESSION_IMPERSONATION, sort_memberships
from forgeline.identity.models import Impersonation
from forgeline.identity.policy import Actor, permissions_of
from forgeline.identity.queries import MembershipRow, actor_of_member, choose_membership, keep_to_rights
from forgeline.identity.roles import withhold
from forgeline.tenancy.scoping import tenant_scope

SESSION_TENANT = "tenant_id"
_SESSION_HOME = "home_id"
"""What was chosen before one went to a customer; one comes back to it."""
_SESSION_NOTED = "visits"


@dataclass(frozen=True, slots=True)
class Seat:
    """Who somebody is now, and where else they may go."""

    actor: Actor | None
    company_name: str = ""
    memberships: Sequence[MembershipRow] = ()
    has_ended: bool = False
    """The session still names a company that its person may not come to any more."""
    is_switched_off: bool = False
    """That is because the operator has switched off for that company that it lets partners in."""


def find_seat(user: Any, session: Any) -> Seat:
    """Return the seat of a signed-in person; ``actor`` None for somebody who belongs to no company."""
    memberships, label = sort_memberships(user.pk, session).opened, str(user)
    number = session.get(SESSION_IMPERSONATION)
    if number is not None:
        found = _find_impersonated(int(number), user.pk, label)
        if found is not None:
            return Seat(found[0], found[1], memberships)
    wanted = session.get(SESSION_TENANT)
    chosen = choose_membership(memberships, wanted)
    is_switched_off = chosen is not None and is_closed_to_partners(chosen)
    if chosen is not None and is_switched_off:
        memberships = [row for row in memberships if row.tenant_id != chosen.tenant_id]
        chosen = choose_membership(memberships, wanted)
    has_ended = number is not None or (wanted is not None and (chosen is None or chosen.tenant_id != wanted))
    if chosen is None:
        return Seat(None, has_ended=has_ended, is_switched_off=is_switched_off)
    actor = actor_of_member(chosen, user_id=user.pk, label=label)
    return Seat(actor, chosen.tenant_name, memberships, has_ended, is_switched_off)


def is_closed_to_partners(row: MembershipRow) -> bool:
    """Say whether a row leads to a customer for which the operator has switched off that it lets partners in."""
    return not row.is_own and not has_feature(row.tenant_id, "identity.partners")


def go(session: Any, seat: Seat, row: MembershipRow) -> None:
    """Go to one of the companies of a seat."""
    if row.is_own:
        session.pop(_SESSION_HOME, None)
    elif seat.actor is None or seat.actor.visit != "partner":
        session[_SESSION_HOME] = session.get(SESSION_TENANT)
    session[SESSION_TENANT] = row.tenant_id


def leave(session: Any) -> None:
    """Come back from a visit to the company from which one went: the operator's, or the partner's of several."""
    if session.pop(SESSION_IMPERSONATION, None) is not None:
        return
    home = session.pop(_SESSION_HOME, None)
    if home is None:
        session.pop(SESSION_TENANT, None)
    else:
        session[SESSION_TENANT] = home


def end_impersonation(session: Any, *, user_id: int | None) -> None:
    """End what a session began by ``operate.impersonate``, before its time; nothing for a session that began none."""
    number = session.pop(SESSION_IMPERSONATION, None)
    if number is None or user_id is None:
        return
    found = _find_impersonated(int(number), user_id, "")
    if found is not None:
        with tenant_scope(found[0].tenant_id, branches=()):
            Impersonation.objects.filter(pk=number, ended_at=None).update(ended_at=clock.now())


def note_visit(session: Any, actor: Actor, source: Source) -> None:
    """Have the audit of a company tell of a visitor, once in every hour in which there was one, and anew where what
    lets him in has changed.

    In a transaction of its own: a page that fails has been visited too.
    """
    hour = f"{clock.now():%Y%m%d%H}"
    noted = dict(session.get(_SESSION_NOTED) or {})
    place = f"{actor.visit}:{actor.tenant_id}:{actor.partner_id or ''}"
    seen = [hour, actor.role, list(actor.branches), str(actor.until)]
    if noted.get(place) == seen:
        return
    with acting(source), tenant_scope(actor.tenant_id, branches=()):
        record("identity.visit.seen", subject=actor.on_behalf)
    session[_SESSION_NOTED] = {**{key: told for key, told in noted.items() if told[0] == hour}, place: seen}


def _find_impersonated(number: int, user_id: int, label: str) -> tuple[Actor, str] | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tenant_id, tenant_name, role, own_permissions, branches, operator_name, on_behalf, expires_at "
            "FROM identity_find_impersonation(%s, %s)",
            [number, user_id],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    tenant_id, tenant_name, role, own, branches, operator_name, on_behalf, expires_at = row
    # Under the visitor's own number: nothing is written down as if the member had done it.
    actor = Actor(
        tenant_id=tenant_id,
        role=role,
        user_id=user_id,
        label=f"{label} ({operator_name})",
        permissions=withhold(permissions_of(role, own, branches=branches)),
        branches=tuple(branches),
        visit="operator",
        on_behalf=on_behalf,
        until=expires_at,
    )
    return keep_to_rights(actor), tenant_name

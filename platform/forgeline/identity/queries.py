"""What must be known of a person or a key before a tenant is: through the definer functions of the migration."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from forgeline.entitlements.rights import keep_open
from forgeline.identity.policy import Actor, permissions_of
from forgeline.identity.roles import withhold
from forgeline.tenancy.models import Kind


class MembershipRow(NamedTuple):
    tenant_id: int
    tenant_name: str
    role: str
    own_permissions: list[str] | None
    """Of a role that the company made itself; None for a built-in one."""
    branches: list[str]
    kind: str = Kind.COMPANY
    via_id: int | None = None
    """The partner by which the person comes here; None for a member."""
    via_name: str = ""
    via_role: str = ""
    """What the person is at the partner: nobody may more at a customer than at home."""
    via_permissions: list[str] | None = None
    expires_at: datetime | None = None
    sso_generation: int | None = None
    """The present state of the sign-on provider of the company that the person belongs to; None where it has none."""
    sso_required: bool = False
    """That company asks whoever has an address such as this person's to come by its provider."""

    @property
    def is_own(self) -> bool:
        return self.via_id is None


def list_memberships(user_id: int) -> list[MembershipRow]:
    """Return the live companies of a person, the oldest membership first; then those that the partner which the
    person belongs to may come to.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(MembershipRow._fields)} FROM identity_list_memberships(%s)",  # noqa: S608
            [user_id],
        )
        return [MembershipRow(*row) for row in cursor.fetchall()]


def digest_of(key: str) -> str:
    """Return the hex SHA-256 under which an API key is kept."""
    return hashlib.sha256(key.encode()).hexdigest()


def find_actor_by_key(key: str) -> Actor | None:
    """Return the actor of a live API key, or None for one that is unknown, expired or revoked."""
    return find_actor_by_digest(digest_of(key))


def find_actor_by_digest(digest: str) -> Actor | None:
    """Return the actor of a live API key by its SHA-256."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT api_key_id, tenant_id, role, name, own_permissions, permissions, branches, kind "
            "FROM identity_find_api_key(%s)",
            [digest],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    api_key_id, tenant_id, role, name, own, only, branches, kind = row
    return keep_to_rights(
        Actor(
            tenant_id=tenant_id,
            role=role,
            api_key_id=api_key_id,
            label=name,
            permissions=permissions_of(role, own, branches=branches, only=only, kind=kind),
            branches=tuple(branches),
            kind=kind,
        )
    )


def keep_to_rights(actor: Actor) -> Actor:
    """Return an actor without the permissions of modules and features that the company does not have."""
    opened = keep_open(actor.tenant_id, actor.permissions)
    if opened is actor.permissions:
        return actor
    return replace(actor, permissions=opened, shut=actor.permissions - opened)


def actor_of_member(membership: MembershipRow, *, user_id: int, label: str = "") -> Actor:
    """Return the actor that a person is in one of their companies, or at a customer of the partner they belong to."""
    own = membership.own_permissions
    if membership.is_own:
        return keep_to_rights(
            Actor(
                tenant_id=membership.tenant_id,
                role=membership.role,
                user_id=user_id,
                label=label,
                permissions=permissions_of(
                    membership.role, own, branches=membership.branches, kind=membership.kind
                ),
                branches=tuple(membership.branches),
                kind=membership.kind,
            )
        )
    granted = permissions_of(membership.role, own, branches=membership.branches)
    return keep_to_rights(
        Actor(
            tenant_id=membership.tenant_id,
            role=membership.role,
            user_id=user_id,
            label=f"{label} ({membership.via_name})",
            permissions=withhold(granted & permissions_of(membership.via_role, membership.via_permissions)),
            branches=tuple(membership.branches),
            visit="partner",
            on_behalf=membership.via_name,
            until=membership.expires_at,
            partner_id=membership.via_id,
        )
    )


def choose_membership(memberships: Sequence[MembershipRow], wanted: object) -> MembershipRow | None:
    """Return the company that a session has chosen, else the first; None for whoever has none."""
    first = memberships[0] if memberships else None
    return next((each for each in memberships if each.tenant_id == wanted), first)

"""What must be known of a person or a key before a tenant is: through the definer functions of the migration."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from django.db import connection

from forgeline.identity.policy import Actor, permissions_of


class MembershipRow(NamedTuple):
    tenant_id: int
    tenant_name: str
    role: str
    own_permissions: list[str] | None
    """Of a role that the company made itself; None for a built-in one."""
    branches: list[str]


def list_memberships(user_id: int) -> list[MembershipRow]:
    """Return the live companies of a person, the oldest membership first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tenant_id, tenant_name, role, own_permissions, branches FROM identity_list_memberships(%s)",
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
            "SELECT api_key_id, tenant_id, role, name, own_permissions, permissions, branches "
            "FROM identity_find_api_key(%s)",
            [digest],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    api_key_id, tenant_id, role, name, own, only, branches = row
    return Actor(
        tenant_id=tenant_id,
        role=role,
        api_key_id=api_key_id,
        label=name,
        permissions=permissions_of(role, own, branches=branches, only=only),
        branches=tuple(branches),
    )


def actor_of_member(membership: MembershipRow, *, user_id: int, label: str = "") -> Actor:
    """Return the actor that a person is in one of their companies."""
    return Actor(
        tenant_id=membership.tenant_id,
        role=membership.role,
        user_id=user_id,
        label=label,
        permissions=permissions_of(membership.role, membership.own_permissions, branches=membership.branches),
        branches=tuple(membership.branches),
    )


def choose_membership(memberships: list[MembershipRow], wanted: object) -> MembershipRow | None:
    """Return the company that a session has chosen, else the first; None for whoever has none."""
    first = memberships[0] if memberships else None
    return next((each for each in memberships if each.tenant_id == wanted), first)

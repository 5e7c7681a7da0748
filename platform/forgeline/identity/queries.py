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


def list_memberships(user_id: int) -> list[MembershipRow]:
    """Return the live companies of a person, the oldest membership first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, tenant_name, role FROM identity_list_memberships(%s)", [user_id])
        return [MembershipRow(*row) for row in cursor.fetchall()]


def digest_of(key: str) -> str:
    """Return the hex SHA-256 under which an API key is kept."""
    return hashlib.sha256(key.encode()).hexdigest()


def find_actor_by_key(key: str) -> Actor | None:
    """Return the actor of a live API key, or None for one that is unknown, expired or revoked."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT api_key_id, tenant_id, role, name FROM identity_find_api_key(%s)", [digest_of(key)]
        )
        row = cursor.fetchone()
    if row is None:
        return None
    api_key_id, tenant_id, role, name = row
    return Actor(
        tenant_id=tenant_id, role=role, api_key_id=api_key_id, label=name, permissions=permissions_of(role)
    )

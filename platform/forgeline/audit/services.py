"""What shortens the audit log: by age, counted, through the owner's function. Not here: erasing a company."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection

from forgeline.base import clock
from forgeline.entitlements.rights import rights_of
from forgeline.tenancy.scoping import list_tenant_ids, tenant_scope

KEPT_DAYS = 365
"""Where the company's plan says nothing else."""


def trim() -> int:
    """Take out of each company's log what is older than it is kept; returns how many entries went."""
    gone = 0
    for tenant_id in list_tenant_ids():
        before = clock.now() - timedelta(days=rights_of(tenant_id).limits.get("audit_days", KEPT_DAYS))
        with tenant_scope(tenant_id), connection.cursor() as cursor:
            cursor.execute("SELECT audit_trim(%s)", [before])
            gone += int(cursor.fetchone()[0])
    return gone

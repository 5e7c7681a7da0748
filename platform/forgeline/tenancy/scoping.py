"""Enter a tenant's scope: the context variable for the ORM and the row-level security setting, both or neither."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from forgeline.tenancy.context import current_tenant_id

SETTING = "forgeline.tenant_id"


@contextmanager
def tenant_scope(tenant_id: int) -> Iterator[None]:
    """Run a block as one tenant, inside a transaction (SET LOCAL sets nothing outside one).

    Nests: the outer tenant is in force again afterwards. When the block raises, the transaction (or savepoint) is
    rolled back, and with it the setting.
    """
    token = current_tenant_id.set(tenant_id)
    outer = token.old_value if isinstance(token.old_value, int) else None
    try:
        with transaction.atomic():
            set_tenant_for_transaction(tenant_id)
            yield
            if not connection.needs_rollback:
                # A released savepoint keeps its SET LOCAL, so the outer tenant is put back by hand.
                set_tenant_for_transaction(outer)
    finally:
        current_tenant_id.reset(token)


@contextmanager
def released_scope() -> Iterator[None]:
    """Let go of the transaction while waiting for somebody else's answer, and take the scope up again afterwards.

    What was written so far is committed. An open transaction would hold back every follower of the commit log for as
    long as a distant server likes. Inside a savepoint nothing can be let go: the block just runs.
    """
    if not connection.in_atomic_block or connection.savepoint_ids or connection.needs_rollback:
        yield
        return
    # Under Django's feet: psycopg begins the next transaction with the next statement, and the outer block ends it.
    connection.connection.commit()
    try:
        yield
    finally:
        set_tenant_for_transaction(current_tenant_id.get())


def set_tenant_for_transaction(tenant_id: int | None) -> None:
    """Set the row-level security setting for the rest of the open transaction ('' for none)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config(%s, %s, true)", [SETTING, "" if tenant_id is None else str(tenant_id)]
        )


def list_tenant_ids() -> list[int]:
    """Return the ids of all live tenants, for workers that go through them one by one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id FROM tenancy_list_tenant_ids()")
        return [row[0] for row in cursor.fetchall()]

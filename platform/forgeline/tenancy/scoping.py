"""Enter a tenant's scope: the context variables for the ORM and the row-level security settings, both or neither."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import connection, transaction

from forgeline.tenancy.context import current_actor, current_branches, current_tenant_id

SETTING = "forgeline.tenant_id"
BRANCHES = "forgeline.branches"
ACTOR = "forgeline.actor"


@contextmanager
def tenant_scope(tenant_id: int, *, branches: Sequence[str] | None = None) -> Iterator[None]:
    """Run a block as one tenant, inside a transaction (SET LOCAL sets nothing outside one).

    ``branches`` (paths of assets; none of them: the whole company) narrows the block to parts of the plant, in the
    database as well (decision 0008); None keeps those in force, so that a scope within a scope never widens it.
    Nests: the outer scope is in force again afterwards. When the block raises, the transaction (or savepoint) is
    rolled back, and with it the settings.
    """
    outer = current_tenant_id.get(), current_branches.get()
    inner = outer[1] if branches is None else tuple(branches)
    tenant_token, branches_token = current_tenant_id.set(tenant_id), current_branches.set(inner)
    is_within = connection.in_atomic_block
    try:
        with transaction.atomic():
            _set_for_transaction(tenant_id, inner)
            yield
            if is_within and not connection.needs_rollback:
                # A released savepoint keeps its SET LOCAL, so the outer scope is put back by hand.
                _set_for_transaction(*outer)
    finally:
        current_tenant_id.reset(tenant_token)
        current_branches.reset(branches_token)


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
        _set_for_transaction(current_tenant_id.get(), current_branches.get())


def _set_for_transaction(tenant_id: int | None, branches: Sequence[str]) -> None:
    """Set the row-level security settings for the rest of the open transaction ('' for none)."""
    paths = "{" + ",".join(branches) + "}" if branches else ""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config(%s, %s, true), set_config(%s, %s, true), set_config(%s, %s, true)",
            [
                SETTING,
                "" if tenant_id is None else str(tenant_id),
                BRANCHES,
                paths,
                ACTOR,
                current_actor.get(),
            ],
        )


def list_tenant_ids() -> list[int]:
    """Return the ids of all live tenants, for workers that go through them one by one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id FROM tenancy_list_tenant_ids()")
        return [row[0] for row in cursor.fetchall()]

"""Who runs what: leases in the database, shared fairly by the living processes, taken over when an owner dies.

A lease lasts six seconds and is renewed every two; the clock is the database's. Not here: what is run (process).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection, transaction

LEASE_S = 6
"""With a tick of 2 s, a dead owner's connections are taken over within 8 s. Two renewals in a row may come late; a
process that is alone keeps what has run out."""


def renew_process(name: str, facts: Mapping[str, Any]) -> int:
    """Say that this process lives; return how many do."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO connectors_connectorprocess (name, started_at, expires_at, facts)
            VALUES (%s, now(), now() + make_interval(secs => %s), %s::jsonb)
            ON CONFLICT (name) DO UPDATE SET expires_at = EXCLUDED.expires_at, facts = EXCLUDED.facts
            """,
            [name, LEASE_S, json.dumps(dict(facts))],
        )
        cursor.execute("DELETE FROM connectors_connectorprocess WHERE expires_at < now() - interval '1 hour'")
        cursor.execute("SELECT count(*) FROM connectors_connectorprocess WHERE expires_at > now()")
        return int(cursor.fetchone()[0])


def hold_leases(owner: str, wanted: Iterable[str], *, processes: int) -> set[str]:
    """Renew what this process owns of ``wanted``, take its fair share of what nobody owns; return what it owns now.

    What it owns beyond its share is not given up here: ``surplus`` names it, so that it can be stopped first.
    """
    resources = sorted(set(wanted))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE connectors_lease SET expires_at = now() + make_interval(secs => %s)"
            " WHERE owner = %s AND resource = ANY(%s) RETURNING resource",
            [LEASE_S, owner, resources],
        )
        mine = {row[0] for row in cursor.fetchall()}
        room = fair_share(len(resources), processes) - len(mine)
        if room > 0:
            cursor.execute(
                """
                WITH free AS (
                    SELECT w.resource FROM unnest(%s::text[]) AS w (resource)
                    LEFT JOIN connectors_lease l ON l.resource = w.resource
                    WHERE l.resource IS NULL OR l.expires_at < now()
                    ORDER BY w.resource LIMIT %s
                )
                INSERT INTO connectors_lease (resource, owner, expires_at)
                SELECT resource, %s, now() + make_interval(secs => %s) FROM free
                ON CONFLICT (resource) DO UPDATE SET owner = EXCLUDED.owner, expires_at = EXCLUDED.expires_at
                WHERE connectors_lease.expires_at < now()
                RETURNING resource
                """,
                [resources, room, owner, LEASE_S],
            )
            mine |= {row[0] for row in cursor.fetchall()}
    return mine


def fair_share(resources: int, processes: int) -> int:
    """Return how many of the resources one of the processes should run at most."""
    return -(-resources // max(processes, 1))


def surplus(mine: Iterable[str], *, resources: int, processes: int) -> list[str]:
    """Return what to stop and release because another process joined; the last by name first."""
    owned = sorted(mine)
    return owned[fair_share(resources, processes) :]


def release_leases(owner: str, resources: Iterable[str]) -> None:
    """Give up leases, so that another process takes them at its next look."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM connectors_lease WHERE owner = %s AND resource = ANY(%s)", [owner, list(resources)]
        )


def leave(name: str) -> None:
    """Give up everything at an orderly end."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM connectors_lease WHERE owner = %s", [name])
        cursor.execute("DELETE FROM connectors_connectorprocess WHERE name = %s", [name])


def list_live() -> list[tuple[int, int, str, int]]:
    """Return (connection_id, tenant_id, kind, revision) of every enabled connection of every tenant."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT connection_id, tenant_id, kind, revision FROM connectors_list_live()")
        return list(cursor.fetchall())

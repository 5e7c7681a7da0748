"""The operator's records of companies that are gone. Not here: how one is erased (erasure)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from forgeline.identity.policy import Actor, require_permission
from forgeline.identity.roles import OPERATE


class ErasureFacts(NamedTuple):
    """That a company was erased; ``ended_at`` None while its rows go."""

    tenant_id: int
    name: str
    asked_at: datetime
    begun_at: datetime
    ended_at: datetime | None
    counts: dict[str, int]
    """Table → rows that went."""
    left_over: dict[str, int]
    """Table → rows that were found afterwards: invoices with what was paid, the tombstone of the audit, the record."""


def list_erasures(*, actor: Actor) -> list[ErasureFacts]:
    """Return the record of each company that is gone, the newest first, for the operator of the service."""
    require_permission(actor, OPERATE)
    return _read("transfer_operator_erasures")[::-1]


def read_records() -> list[ErasureFacts]:
    """Return every record, the oldest first: for whoever runs the server, in no company's scope."""
    return _read("transfer_list_erasures")


def _read(function: str) -> list[ErasureFacts]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(ErasureFacts._fields)} FROM {function}()")  # noqa: S608
        rows = [ErasureFacts(*row) for row in cursor.fetchall()]
    return [row._replace(counts=_table(row.counts), left_over=_table(row.left_over)) for row in rows]


def _table(told: Any) -> dict[str, int]:
    # A raw cursor gives JSON as it is written.
    found: dict[str, int] = json.loads(told) if isinstance(told, str) else told
    return found

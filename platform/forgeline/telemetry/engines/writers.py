"""The ingesting processes: who is alive, and how far each has brought what follows its commits."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

LOCK_SPACE = 0x464C5752
"""First key of the advisory locks by which a writer shows that it lives ("FLWR")."""


def register(connection: Connection[Any]) -> int:
    """Enter a new writer and return its number."""
    row = connection.execute("INSERT INTO telemetry_writer DEFAULT VALUES RETURNING writer_id").fetchone()
    assert row is not None
    return int(row[0])

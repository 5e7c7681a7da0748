"""Where the followers of the commit log stand. A follower handles commits and moves on in one transaction."""

from __future__ import annotations

from django.db import connection

from forgeline.telemetry.engines.base import CommitPosition


def get_position(name: str) -> CommitPosition:
    """Return a follower's position and lock it until the transaction ends; a new one starts at the beginning."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO telemetry_follower (name) VALUES (%s) ON CONFLICT DO NOTHING", [name])
        cursor.execute(
            "SELECT xid::text::bigint, seq FROM telemetry_follower WHERE name = %s FOR UPDATE", [name]
        )
        xid, seq = cursor.fetchone()
    return CommitPosition(int(xid), int(seq))


def move(name: str, position: CommitPosition) -> None:
    """Move a follower to a position."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE telemetry_follower SET xid = %s::text::xid8, seq = %s, moved_at = now() WHERE name = %s",
            [str(position.xid), position.seq, name],
        )

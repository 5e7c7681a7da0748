"""Where the followers of the commit log stand. A follower handles commits and moves on in one transaction."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from forgeline.base.clock import to_us
from forgeline.telemetry import metrics
from forgeline.telemetry.engines.base import CommitPosition

KEPT_US = 86_400_000_000
"""How long the log keeps a commit. A follower that stood still longer has missed some; it must not outgrow what it
logs."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a follower stands. ``missed_from_us`` is None, or the time (µs) from which commits may be gone unread."""

    position: CommitPosition
    missed_from_us: int | None


def take_place(name: str, *, now_us: int) -> Place:
    """Return where a follower stands and lock it until the transaction ends; a new one starts at the beginning.

    The follower moves at least once a minute while its process lives, commits or not: who moved less than KEPT_US
    ago has missed nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO telemetry_follower (name) VALUES (%s) ON CONFLICT DO NOTHING", [name])
        cursor.execute(
            "SELECT xid::text::bigint, seq, moved_at FROM telemetry_follower WHERE name = %s FOR UPDATE",
            [name],
        )
        xid, seq, moved_at = cursor.fetchone()
    moved_us = to_us(moved_at)
    missed_from_us = None if moved_us >= now_us - KEPT_US else moved_us
    if missed_from_us is not None:
        metrics.FOLLOWERS_LOST.labels(name.partition(":")[0]).inc()
    return Place(CommitPosition(int(xid), int(seq)), missed_from_us)


def move(name: str, position: CommitPosition) -> None:
    """Move a follower to a position."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE telemetry_follower SET xid = %s::text::xid8, seq = %s, moved_at = now() WHERE name = %s",
            [str(position.xid), position.seq, name],
        )

"""Tell the processes that keep points in memory that something about points changed, with the commit of the change."""

from __future__ import annotations

from django.db import connection

CHANNEL = "forgeline_points"


def announce_points() -> None:
    """NOTIFY ``forgeline_points``; listeners hear it when the surrounding transaction commits, and not otherwise."""
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {CHANNEL}")

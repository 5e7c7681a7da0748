"""The ingesting processes: who is alive, and how far each has brought what follows its commits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from forgeline.telemetry.engines.base import CommitPosition

LOCK_SPACE = 0x464C5752
"""First key of the advisory locks by which a writer shows that it lives ("FLWR")."""

_OTHERS = """
SELECT xid::text::bigint, seq, point_ids, (date_part('epoch', ts_from) * 1e6)::bigint,
       (date_part('epoch', ts_to) * 1e6)::bigint
FROM telemetry_commit
WHERE (xid, seq) > (%s::text::xid8, %s) AND xid < pg_snapshot_xmin(pg_current_snapshot()) AND writer_id <> %s
ORDER BY xid, seq LIMIT 2000
"""


def register(connection: Connection[Any]) -> int:
    """Enter a new writer and return its number."""
    row = connection.execute("INSERT INTO telemetry_writer DEFAULT VALUES RETURNING writer_id").fetchone()
    assert row is not None
    return int(row[0])


def tell_progress(
    connection: Connection[Any], writer_id: int, *, latest_seq: int, minute_seq: int, hour_seq: int
) -> bool:
    """Note that the writer lives, and up to which of its commits everything has been done. Returns False when it has
    been struck out, by another process that took it for dead.
    """
    told = connection.execute(
        "UPDATE telemetry_writer SET seen_at = now(), latest_seq = GREATEST(latest_seq, %s),"
        " minute_seq = GREATEST(minute_seq, %s), hour_seq = GREATEST(hour_seq, %s) WHERE writer_id = %s",
        [latest_seq, minute_seq, hour_seq, writer_id],
    )
    return told.rowcount == 1


def read_end(connection: Connection[Any]) -> CommitPosition:
    """Return the position behind every commit that is certain by now."""
    row = connection.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint").fetchone()
    assert row is not None
    return CommitPosition(int(row[0]) - 1, np.iinfo(np.int64).max)


def read_others(
    connection: Connection[Any], writer_id: int, after: CommitPosition
) -> tuple[list[tuple[NDArray[np.int32], int, int]], CommitPosition]:
    """Return (points, from, to) of the commits of other writers since a position, and the new position."""
    rows = connection.execute(_OTHERS, [str(after.xid), after.seq, writer_id]).fetchall()
    if not rows:
        return [], after
    commits = [(np.array(points, np.int32), start, end) for _, _, points, start, end in rows]
    return commits, CommitPosition(int(rows[-1][0]), int(rows[-1][1]))


def hold(connection: Connection[Any], writer_id: int) -> bool:
    """Take the lock by which others see that this writer lives; it goes with the connection."""
    row = connection.execute(
        "SELECT pg_try_advisory_lock(%s, %s::integer)", [LOCK_SPACE, writer_id]
    ).fetchone()
    return bool(row and row[0])


def release(connection: Connection[Any], writer_id: int) -> None:
    """Give a writer's lock back."""
    connection.execute("SELECT pg_advisory_unlock(%s, %s::integer)", [LOCK_SPACE, writer_id])


def list_silent(
    connection: Connection[Any], own_id: int, *, silent_s: float
) -> list[tuple[int, int, int, int]]:
    """Return (writer, latest_seq, minute_seq, hour_seq) of the other writers not seen for a while."""
    return connection.execute(
        "SELECT writer_id, latest_seq, minute_seq, hour_seq FROM telemetry_writer"
        " WHERE writer_id <> %s AND seen_at < now() - %s * interval '1 second' ORDER BY writer_id",
        [own_id, silent_s],
    ).fetchall()


def read_commits_of(
    connection: Connection[Any], writer_id: int, after_seq: int, *, limit: int
) -> list[tuple[int, list[int], int, int, list[int]]]:
    """Return (seq, points, from, to, late points) of a writer's commits after one, oldest first."""
    return connection.execute(
        "SELECT seq, point_ids, (date_part('epoch', ts_from) * 1e6)::bigint, (date_part('epoch', ts_to) * 1e6)::bigint,"
        " late_point_ids FROM telemetry_commit WHERE writer_id = %s AND seq > %s ORDER BY seq LIMIT %s",
        [writer_id, after_seq, limit],
    ).fetchall()


def forget(connection: Connection[Any], writer_id: int) -> None:
    """Strike out a writer of whose commits nothing is left to do."""
    connection.execute("DELETE FROM telemetry_writer WHERE writer_id = %s", [writer_id])


def tell_recovered(
    connection: Connection[Any], writer_id: int, *, latest_seq: int, minute_seq: int, hour_seq: int
) -> None:
    """Note how far a dead writer's work has been brought, without making it look alive."""
    connection.execute(
        "UPDATE telemetry_writer SET latest_seq = GREATEST(latest_seq, %s), minute_seq = %s, hour_seq = %s"
        " WHERE writer_id = %s",
        [latest_seq, minute_seq, hour_seq, writer_id],
    )

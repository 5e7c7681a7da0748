"""The latest value of each point: one row that only ever moves forward. Not here: who reads it (queries)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from forgeline.telemetry.engines.arrays import Array, register, timestamps
from forgeline.telemetry.engines.connection import cursor

_FORWARD = """
ON CONFLICT (point_id) DO UPDATE
SET ts = excluded.ts, value = excluded.value, quality = excluded.quality, flags = excluded.flags,
    status = excluded.status, text = excluded.text
WHERE l.ts <= excluded.ts
"""

_UPSERT = f"""
INSERT INTO telemetry_latest AS l (point_id, ts, value, quality, flags, status, text)
SELECT * FROM unnest(%s, %s, %s, %s, %s, %s, %s::text[]) {_FORWARD}
"""

# Points are taken in order, as in every statement that locks rows of several: no deadlock between processes.
_REREAD = f"""
INSERT INTO telemetry_latest AS l (point_id, ts, value, quality, flags, status, text)
SELECT w.point_id, s.ts, s.value, s.quality, s.flags, s.status, s.text
FROM unnest(%s) AS w (point_id)
CROSS JOIN LATERAL (
    (SELECT ts, value, quality, flags, status, NULL::text AS text
     FROM telemetry_sample t WHERE t.point_id = w.point_id ORDER BY t.ts DESC LIMIT 1)
    UNION ALL
    (SELECT ts, NULL, quality, flags, status, text
     FROM telemetry_text t WHERE t.point_id = w.point_id ORDER BY t.ts DESC LIMIT 1)
    LIMIT 1
) s
ORDER BY w.point_id {_FORWARD}
"""


def upsert(
    connection: Connection[Any],
    point_ids: NDArray[np.int32],
    rows: NDArray[Any],
    texts: Sequence[str | None] | None,
) -> None:
    """Move latest values forward. **Shape** ``rows`` has ts, value, quality, flags, status and reread a point; a row
    with ``reread`` is taken from the store instead.
    """
    reread = rows["reread"]
    if reread.any():
        reread_latest(connection, point_ids[reread])
    order = np.flatnonzero(~reread)
    if not len(order):
        return
    register(connection)
    order = order[np.argsort(point_ids[order])]
    chosen = rows[order]
    given = [None] * len(order) if texts is None else [texts[i] for i in order.tolist()]
    cursor(connection).execute(
        _UPSERT,
        [Array(point_ids[order]), timestamps(chosen["ts"]), Array(chosen["value"], nulls=np.isnan(chosen["value"])),
         Array(chosen["quality"]), Array(chosen["flags"]), Array(chosen["status"], nulls=chosen["status"] == 0), given],
    )  # fmt: skip


def reread_latest(connection: Connection[Any], point_ids: NDArray[np.int32]) -> None:
    """Take the latest value of these points from their samples: after a crash, or where two wrote one instant."""
    register(connection)
    cursor(connection).execute(_REREAD, [Array(np.sort(point_ids))])

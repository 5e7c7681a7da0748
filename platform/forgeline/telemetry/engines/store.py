"""The writes that both engines share: COPY, upsert, the commit row. Each runs in the caller's transaction.

Not here: what may be written (telemetry/screening), when (telemetry/ingest), roll-ups (engines/rollups).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from forgeline.base.clock import from_us
from forgeline.telemetry.engines.arrays import Array, register, timestamps
from forgeline.telemetry.engines.base import CommitRow
from forgeline.telemetry.engines.connection import cursor
from forgeline.telemetry.engines.copy import encode_rows
from forgeline.telemetry.sample import SampleBatch

_COPY = "COPY telemetry_sample (point_id, ts, value, quality, flags{status}) FROM STDIN (FORMAT binary)"

# A held row re-confirms what was measured and must not take its place.
_UPSERT = """
INSERT INTO telemetry_sample AS s (point_id, ts, value, quality, flags, status)
SELECT * FROM unnest(%s, %s, %s, %s, %s, %s)
ON CONFLICT (point_id, ts) DO UPDATE
SET value = excluded.value, quality = excluded.quality, flags = excluded.flags, status = excluded.status
WHERE (s.value, s.quality, s.flags, s.status)
      IS DISTINCT FROM (excluded.value, excluded.quality, excluded.flags, excluded.status)
  AND NOT (excluded.flags & 2 <> 0 AND s.flags & 2 = 0)
"""

_UPSERT_TEXT = """
INSERT INTO telemetry_text AS s (point_id, ts, quality, flags, status, text)
SELECT * FROM unnest(%s, %s, %s, %s, %s, %s::text[])
ON CONFLICT (point_id, ts) DO UPDATE
SET text = excluded.text, quality = excluded.quality, flags = excluded.flags, status = excluded.status
WHERE (s.text, s.quality, s.flags, s.status)
      IS DISTINCT FROM (excluded.text, excluded.quality, excluded.flags, excluded.status)
"""

_EXISTING = """
SELECT u.ordinality::integer - 1 FROM unnest(%s, %s) WITH ORDINALITY AS u (point_id, ts, ordinality)
JOIN {table} s ON s.point_id = u.point_id AND s.ts = u.ts
"""

_COMMIT = """
INSERT INTO telemetry_commit
    (tenant_id, writer_id, ts_from, ts_to, inserted, replaced, point_ids, late_from, late_point_ids)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING seq
"""

_LAST_OF = """
SELECT w.point_id, (date_part('epoch', s.ts) * 1e6)::bigint, {value}
FROM unnest(%s) AS w (point_id)
CROSS JOIN LATERAL (SELECT * FROM {table} t WHERE t.point_id = w.point_id {where} ORDER BY t.ts DESC LIMIT 1) s
"""
_NUMBER = "COALESCE(s.value, 'NaN'), s.quality = 0 AND s.value IS NOT NULL"
_LAST = {
    "any": _LAST_OF.format(table="telemetry_sample", value=_NUMBER, where=""),
    "measured": _LAST_OF.format(
        table="telemetry_sample",
        value=_NUMBER,
        where="AND t.quality = 0 AND t.value IS NOT NULL AND t.flags & 2 = 0",
    ),
    "text": _LAST_OF.format(table="telemetry_text", value="'NaN'::float8, false", where=""),
}


def copy_samples(connection: Connection[Any], rows: SampleBatch) -> None:
    """COPY rows of which none is in the store yet. **Raises** psycopg.errors.UniqueViolation when one is."""
    columns: dict[str, NDArray[Any]] = {
        "point_id": rows.point_id, "ts": rows.ts_us, "value": rows.value, "quality": rows.quality, "flags": rows.flags
    }  # fmt: skip
    nulls = {"value": np.isnan(rows.value)}
    has_status = bool(rows.status.any())
    if has_status:
        columns["status"] = rows.status
        nulls["status"] = rows.status == 0
    statement = _COPY.format(status=", status" if has_status else "")
    with cursor(connection).copy(statement) as copy:
        copy.write(encode_rows(columns, nulls=nulls))


def upsert_samples(connection: Connection[Any], rows: SampleBatch) -> NDArray[np.bool_]:
    """Write rows by point and time, the last write winning; return which of them were there before.

    No two rows may have the same point and time. Rows sorted by point and time keep writers from deadlocks.
    """
    register(connection)
    points, times = Array(rows.point_id), timestamps(rows.ts_us)
    existed = _find_existing(connection, "telemetry_sample", points, times, len(rows))
    cursor(connection).execute(
        _UPSERT,
        [points, times, Array(rows.value, nulls=np.isnan(rows.value)), Array(rows.quality), Array(rows.flags),
         Array(rows.status, nulls=rows.status == 0)],
    )  # fmt: skip
    return existed


def upsert_texts(connection: Connection[Any], rows: SampleBatch) -> NDArray[np.bool_]:
    """Write text rows, the last write winning; return which of them were there before."""
    assert rows.text is not None
    register(connection)
    points, times = Array(rows.point_id), timestamps(rows.ts_us)
    existed = _find_existing(connection, "telemetry_text", points, times, len(rows))
    cursor(connection).execute(
        _UPSERT_TEXT,
        [points, times, Array(rows.quality), Array(rows.flags), Array(rows.status, nulls=rows.status == 0),
         rows.text.tolist()],
    )  # fmt: skip
    return existed


def _find_existing(
    connection: Connection[Any], table: str, points: Array, times: Array, size: int
) -> NDArray[np.bool_]:
    existed = np.zeros(size, np.bool_)
    found = cursor(connection).execute(_EXISTING.format(table=table), [points, times]).fetchall()
    existed[[row[0] for row in found]] = True
    return existed


def insert_commits(connection: Connection[Any], writer_id: int, commits: Sequence[CommitRow]) -> int:
    """Write one commit row a tenant; return the highest sequence number."""
    register(connection)
    seq = 0
    with connection.pipeline():
        cursors = [
            cursor(connection).execute(
                _COMMIT,
                [commit.tenant_id, writer_id, from_us(commit.from_us), from_us(commit.to_us), commit.inserted,
                 commit.replaced, Array(commit.point_ids),
                 None if commit.late_from_us is None else from_us(commit.late_from_us), Array(commit.late_point_ids)],
            )
            for commit in commits
        ]  # fmt: skip
        for each in cursors:
            row = each.fetchone()
            seq = max(seq, row[0] if row else 0)
    return seq


LAST = np.dtype([("point_id", "i4"), ("ts", "i8"), ("value", "f8"), ("good", "?")])


def read_last(
    connection: Connection[Any], point_ids: NDArray[np.int32], *, which: str = "any"
) -> NDArray[Any]:
    """Return the last stored row (dtype LAST) of each point that has one.

    ``which``: ``any`` row, the last ``measured`` GOOD one, or the last ``text``.
    """
    register(connection)
    rows = cursor(connection).execute(_LAST[which], [Array(point_ids)]).fetchall()
    return np.array(rows, LAST) if rows else np.zeros(0, LAST)


_NEXT_MEASURED = """
SELECT DISTINCT w.point_id, (date_part('epoch', s.ts) * 1e6)::bigint, s.value, true
FROM unnest(%s, %s) AS w (point_id, ts)
CROSS JOIN LATERAL (
    SELECT t.ts, t.value FROM telemetry_sample t
    WHERE t.point_id = w.point_id AND t.ts > w.ts AND t.quality = 0 AND t.value IS NOT NULL AND t.flags & 2 = 0
    ORDER BY t.ts LIMIT 1
) s
"""


def read_next_measured(
    connection: Connection[Any], point_ids: NDArray[np.int32], ts: NDArray[np.int64]
) -> NDArray[Any]:
    """Return the first measured GOOD row (dtype LAST) after each given instant of a point, where there is one."""
    register(connection)
    rows = cursor(connection).execute(_NEXT_MEASURED, [Array(point_ids), timestamps(ts)]).fetchall()
    return np.array(rows, LAST) if rows else np.zeros(0, LAST)

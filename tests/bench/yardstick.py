"""The yardstick of ingest: raw binary COPY of the same rows, one connection, batches of 20,000, alone."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from forgeline.telemetry.engines.copy import encode_rows

BATCH_ROWS = 20_000
_TABLE = "bench_copy"


def copy_rows_per_s(
    owner_url: str, point_ids: NDArray[np.int32], *, rounds: int, start_us: int, step_us: int
) -> float:
    """COPY ``rounds`` samples of each point into a twin of telemetry_sample; return rows/s.

    The rows come as ingest meets them: a batch holds a stretch of time of all points, sorted by point and time
    within. Same columns, same unique index, synchronous commit, no triggers.
    """
    per_batch = max(1, BATCH_ROWS // len(point_ids))
    with psycopg.connect(owner_url, autocommit=True) as connection:
        _make_twin(connection)
        batches = [
            _batch(point_ids, at, min(per_batch, rounds - at), start_us, step_us)
            for at in range(0, rounds, per_batch)
        ]
        connection.execute("CHECKPOINT") if _may_checkpoint(connection) else None
        started = time.perf_counter()
        for columns in batches:
            with (
                connection.transaction(),
                connection.cursor() as cursor,
                cursor.copy(f"COPY {_TABLE} ({', '.join(columns)}) FROM STDIN (FORMAT binary)") as copy,
            ):
                copy.write(encode_rows(columns))
        seconds = time.perf_counter() - started
        connection.execute(f"DROP TABLE {_TABLE}")
    return rounds * len(point_ids) / seconds


def _make_twin(connection: psycopg.Connection[Any]) -> None:
    """A twin without chunks: one table is what raw COPY is fastest into, so the yardstick is not shortened."""
    connection.execute(f"DROP TABLE IF EXISTS {_TABLE}")
    connection.execute(f"CREATE TABLE {_TABLE} (LIKE telemetry_sample INCLUDING ALL)")


def _may_checkpoint(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute("SELECT pg_has_role(current_user, 'pg_checkpoint', 'member')").fetchone()
    return bool(row and row[0])


def _batch(
    point_ids: NDArray[np.int32], first: int, rounds: int, start_us: int, step_us: int
) -> dict[str, NDArray[Any]]:
    points = np.repeat(np.sort(point_ids), rounds)
    ticks = np.tile(np.arange(first, first + rounds), len(point_ids))
    size = len(points)
    return {
        "ts": start_us + ticks * step_us,
        "value": ticks + 0.5,
        "point_id": points,
        "quality": np.zeros(size, np.int16),
        "flags": np.zeros(size, np.int16),
        "status": np.zeros(size, np.int64),
    }

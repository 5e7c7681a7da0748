"""Writing roll-ups: whole rows from memory, or computed anew from samples or finer rows. Not here: the definition
(engines/reference), when it happens (telemetry/keeping).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import Connection

from forgeline.telemetry import metrics
from forgeline.telemetry.engines.arrays import Array, register, timestamps
from forgeline.telemetry.engines.base import ROLLUP_TABLES, Resolution
from forgeline.telemetry.engines.connection import cursor
from forgeline.telemetry.engines.reference import COLUMNS, REFERENCE, composition

_log = logging.getLogger(__name__)

ROW = np.dtype(
    [
        ("point_id", "i4"), ("bucket", "i8"), ("count", "i4"), ("good_count", "i4"), ("covered_s", "f8"),
        ("integral", "f8"), ("minimum", "f8"), ("maximum", "f8"), ("total", "f8"), ("first", "f8"), ("last", "f8"),
        ("increase", "f8"),
    ]
)  # fmt: skip
"""A roll-up row in memory; NaN stands for NULL."""

_SET = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[2:])
_NAMES = ", ".join(COLUMNS)
_ON_CONFLICT = f"ON CONFLICT (point_id, bucket) DO UPDATE SET {_SET}"


@dataclass(frozen=True, slots=True, eq=False)
class Tasks:
    """Buckets to compute, as columns: point, [start, end) in microseconds, longest hold, 1 for a counter."""

    point_id: NDArray[np.int32]
    start_us: NDArray[np.int64]
    end_us: NDArray[np.int64]
    hold_us: NDArray[np.int64]
    is_counter: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.point_id)

    def take(self, rows: NDArray[Any] | slice) -> Tasks:
        """Return the chosen tasks."""
        return Tasks(
            self.point_id[rows],
            self.start_us[rows],
            self.end_us[rows],
            self.hold_us[rows],
            self.is_counter[rows],
        )

    def parameters(self) -> dict[str, Array]:
        """Return the parameters of the statements of engines/reference."""
        return {
            "points": Array(self.point_id), "starts": timestamps(self.start_us), "ends": timestamps(self.end_us),
            "holds": Array(self.hold_us), "counters": Array(self.is_counter),
        }  # fmt: skip


def upsert(connection: Connection[Any], resolution: Resolution, rows: NDArray[Any]) -> None:
    """Write whole rows (dtype ROW) of buckets, no two alike; by point and bucket, so that writers never deadlock."""
    if not len(rows):
        return
    register(connection)
    rows = rows[np.lexsort((rows["bucket"], rows["point_id"]))]
    values = []
    for name in COLUMNS:
        column = np.ascontiguousarray(rows[name])
        if name == "bucket":
            values.append(timestamps(column))
        else:
            values.append(Array(column, nulls=np.isnan(column) if column.dtype.kind == "f" else None))
    marks = ", ".join(["%s"] * len(values))
    cursor(connection).execute(
        f"INSERT INTO {ROLLUP_TABLES[resolution]} ({_NAMES}) SELECT * FROM unnest({marks}) {_ON_CONFLICT}",
        values,
    )


def recompute(connection: Connection[Any], resolution: Resolution, tasks: Tasks) -> None:
    """Compute buckets from the samples by the reference statement; a bucket that turns out empty loses its row."""
    _replace(connection, resolution, REFERENCE, tasks)


def compose(connection: Connection[Any], resolution: Resolution, tasks: Tasks) -> None:
    """Put hours together from minutes, or days from hours."""
    finer = ROLLUP_TABLES[Resolution.MINUTE if resolution is Resolution.HOUR else Resolution.HOUR]
    _replace(connection, resolution, composition(finer), tasks)


def _replace(connection: Connection[Any], resolution: Resolution, statement: str, tasks: Tasks) -> None:
    if not len(tasks):
        return
    register(connection)
    try:
        # A savepoint where a transaction is open already.
        with connection.transaction():
            _execute(connection, resolution, statement, tasks)
    except psycopg.errors.NumericValueOutOfRange:
        # A sum that no number holds, of values stored as good before screening knew better: that bucket stays as it is,
        # and no other.
        if len(tasks) > 1:
            middle = len(tasks) // 2
            for half in (slice(0, middle), slice(middle, len(tasks))):
                _replace(connection, resolution, statement, tasks.take(half))
            return
        metrics.ROLLUPS_BEYOND.inc()
        _log.warning("a roll-up of point %s is beyond any number", int(tasks.point_id[0]))


def _execute(connection: Connection[Any], resolution: Resolution, statement: str, tasks: Tasks) -> None:
    table = ROLLUP_TABLES[resolution]
    cursor(connection).execute(
        f"""
WITH found AS MATERIALIZED ({statement}),
gone AS (
    DELETE FROM {table} r USING unnest(%(points)s, %(starts)s) AS t (point_id, start_ts)
    WHERE r.point_id = t.point_id AND r.bucket = t.start_ts
      AND NOT EXISTS (SELECT 1 FROM found f WHERE f.point_id = t.point_id AND f.bucket = t.start_ts)
)
INSERT INTO {table} ({_NAMES}) SELECT {_NAMES} FROM found ORDER BY point_id, bucket {_ON_CONFLICT}
""",
        tasks.parameters(),
    )

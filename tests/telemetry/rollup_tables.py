"""What the roll-up tables hold, and what the reference statement says they should."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from forgeline.telemetry.buckets import HOUR_US, MINUTE_US, day_borders_us
from forgeline.telemetry.engines.arrays import register
from forgeline.telemetry.engines.base import ROLLUP_TABLES, Resolution
from forgeline.telemetry.engines.connection import cursor, store_connection
from forgeline.telemetry.engines.reference import COLUMNS, REFERENCE
from forgeline.telemetry.engines.rollups import Tasks

Rows = list[dict[str, Any]]


def stored_rollup(point_id: int, resolution: Resolution) -> Rows:
    """Return a point's rows of a table, by time."""
    with store_connection() as connection:
        rows = connection.execute(
            f"SELECT {', '.join(COLUMNS)} FROM {ROLLUP_TABLES[resolution]} WHERE point_id = %s ORDER BY bucket",
            [point_id],
        ).fetchall()
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def expected_rollup(
    point_id: int,
    resolution: Resolution,
    from_us: int,
    to_us: int,
    *,
    interval_s: float,
    is_counter: bool,
    zone: str,
) -> Rows:
    """Return what the reference statement computes for every bucket of a span, straight from the samples."""
    if resolution is Resolution.DAY:
        borders = day_borders_us(from_us, to_us, zone)
    else:
        width = MINUTE_US if resolution is Resolution.MINUTE else HOUR_US
        borders = np.arange(from_us // width * width, to_us + width, width, np.int64)
    size = len(borders) - 1
    tasks = Tasks(
        np.full(size, point_id, np.int32), borders[:-1].copy(), borders[1:].copy(),
        np.full(size, round(interval_s * 3e6), np.int64), np.full(size, is_counter, np.int16),
    )  # fmt: skip
    with store_connection() as connection:
        register(connection)
        statement = f"SELECT * FROM ({REFERENCE}) r ORDER BY bucket"
        rows = cursor(connection).execute(statement, tasks.parameters()).fetchall()
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def assert_equal(stored: Rows, expected: Rows, what: object) -> None:
    """Compare row by row; sums may differ in their last bits."""
    assert [row["bucket"] for row in stored] == [row["bucket"] for row in expected], what
    for mine, theirs in zip(stored, expected, strict=True):
        for name in COLUMNS[2:]:
            if theirs[name] is None or mine[name] is None:
                assert mine[name] is theirs[name], (what, mine, theirs, name)
            else:
                assert mine[name] == pytest.approx(theirs[name], rel=1e-9, abs=1e-5), (
                    what,
                    mine,
                    theirs,
                    name,
                )

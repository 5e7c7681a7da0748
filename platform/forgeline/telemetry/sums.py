"""The columns in which open buckets are summed. Pure numpy. Not here: the summing (rollup, taking)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NONE = np.iinfo(np.int64).min

SUMS: list[tuple[str, str]] = [
    ("count", "i4"), ("good_count", "i4"), ("covered_s", "f8"), ("integral", "f8"), ("minimum", "f8"),
    ("maximum", "f8"), ("total", "f8"), ("first", "f8"), ("last", "f8"), ("increase", "f8"),
]  # fmt: skip
SUM_NAMES = [name for name, _ in SUMS]
STATE = np.dtype(
    [
        *SUMS,
        ("bucket", "i8"), ("prev_ts", "i8"), ("prev_value", "f8"), ("prev_good", "?"), ("measured_ts", "i8"),
        ("measured_value", "f8"), ("flushed", "i8"), ("whole_from", "i8"),
    ]
)  # fmt: skip
ROW = np.dtype([("slot", "i4"), ("bucket", "i8"), *SUMS])


@dataclass(frozen=True, slots=True, eq=False)
class Rhythm:
    """How the points of some slots roll up, a column each: bucket width, offset of the plant's full hours, longest
    hold (all in microseconds), and whether the point is a counter.
    """

    width: NDArray[np.int64]
    offset: NDArray[np.int64]
    hold: NDArray[np.int64]
    is_counter: NDArray[np.bool_]

    def take(self, rows: NDArray[Any]) -> Rhythm:
        """Return the chosen rows."""
        return Rhythm(self.width[rows], self.offset[rows], self.hold[rows], self.is_counter[rows])

    def bucket_of(self, ts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of the bucket of each instant."""
        return (ts + self.offset) // self.width

    def start_of(self, bucket: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the first microsecond of each bucket."""
        return bucket * self.width - self.offset


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Measured rows as columns, by slot and time, no two alike. ``good``: quality GOOD with a value."""

    slot: NDArray[np.int32]
    ts: NDArray[np.int64]
    value: NDArray[np.float64]
    good: NDArray[np.bool_]
    held: NDArray[np.bool_]


def clear(sums: NDArray[Any]) -> None:
    for name in SUM_NAMES:
        sums[name] = 0
    sums["minimum"], sums["maximum"] = np.inf, -np.inf
    sums["first"] = sums["last"] = np.nan

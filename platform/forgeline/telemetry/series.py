"""What a read answers: columns with their unit, resolution and coverage, ready for JSON. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forgeline.telemetry.engines.base import Resolution


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One point's answer for ``[from_us, to_us)``.

    **Shape** ``columns`` are of equal length, by time. RAW: ``ts_us, value, quality`` (``text`` for text points);
    with ``is_reduced`` they are the lowest and highest value of each slice, so that no peak is lost. Roll-ups:
    ``ts_us`` (start of the bucket), ``count, good_count, mean, minimum, maximum, total, first, last, integral,
    covered_s, increase``; ``mean`` is weighted by time (integral / covered_s).
    **Units** values in ``unit``; ``integral`` in unit x seconds.
    **Gaps** NaN, in JSON null. ``coverage`` is the share of the range in which the value is known (0 to 1).
    """

    point_id: int
    unit: str
    resolution: Resolution
    from_us: int
    to_us: int
    coverage: float
    is_reduced: bool
    is_truncated: bool
    """There was more than may be returned at once; ask for the rest from the last time on."""
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)

    def as_json(self, *, only: Sequence[str] = ()) -> dict[str, Any]:
        """Return plain data: times in milliseconds, NaN as None; ``only`` these columns beside the time, if any."""
        out: dict[str, Any] = {
            "point_id": self.point_id, "unit": self.unit, "resolution": self.resolution.value,
            "from_ms": self.from_us // 1000, "to_ms": self.to_us // 1000, "coverage": round(self.coverage, 4),
            "is_reduced": self.is_reduced, "is_truncated": self.is_truncated,
        }  # fmt: skip
        for name, column in self.columns.items():
            if only and name not in only and name != "ts_us":
                continue
            if name == "ts_us":
                out["ts_ms"] = whole = (column // 1000).tolist()
                # Fractions are kept, of those that have one: two samples of one millisecond stay two.
                for at in np.flatnonzero(column % 1000).tolist():
                    whole[at] = float(column[at]) / 1000
            else:
                out[name] = list_with_none(column)
        return out


@dataclass(frozen=True, slots=True)
class LatestValue:
    """A point's newest value; ``value`` is None where it is null, and the text for a text point."""

    point_id: int
    ts_us: int
    value: float | str | None
    quality: int
    flags: int
    status: int


def list_with_none(column: NDArray[Any]) -> list[Any]:
    """Return a column as a list with None for NaN."""
    values: list[Any] = column.tolist()
    if column.dtype.kind == "f":
        for i in np.flatnonzero(np.isnan(column)).tolist():
            values[i] = None
    return values


def merge_rows(rows: NDArray[Any], *, bucket_us: int) -> NDArray[Any]:
    """Put the rows of finer buckets (dtype ROW, one point, by time) together into one row; empty for none."""
    if not len(rows):
        return rows
    out = rows[:1].copy()
    out["bucket"] = bucket_us
    for name in ("count", "good_count", "covered_s", "integral"):
        out[name] = rows[name].sum()
    known = rows[rows["good_count"] > 0]
    if len(known):
        out["minimum"], out["maximum"] = known["minimum"].min(), known["maximum"].max()
        out["total"], out["first"], out["last"] = known["total"].sum(), known["first"][0], known["last"][-1]
    increase = rows["increase"]
    out["increase"] = np.nan if np.isnan(increase).all() else np.nansum(increase)
    return out


def columns_of_rollup(rows: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return the columns of a Series from roll-up rows (dtype ROW)."""
    mean = np.full(len(rows), np.nan)
    covered = rows["covered_s"] > 0
    mean[covered] = rows["integral"][covered] / rows["covered_s"][covered]
    names = (
        "count",
        "good_count",
        "minimum",
        "maximum",
        "total",
        "first",
        "last",
        "integral",
        "covered_s",
        "increase",
    )
    return {"ts_us": rows["bucket"].copy(), "mean": mean, **{name: rows[name].copy() for name in names}}


def pair_up(
    ts_us: NDArray[np.int64],
    value: NDArray[np.float64],
    quality: NDArray[np.int16],
    *,
    from_us: int,
    width_us: int,
) -> dict[str, NDArray[Any]]:
    """Return the lowest and the highest value of each slice at their times, by time, with the slice's worst quality.

    **Shape** one point's samples by time in; at most two rows a slice out. **Gaps** a slice without a value has one
    row of NaN at its beginning, so that a line breaks there. The same as ``columns_of_pairs`` of what SQL has paired.
    """
    if not len(ts_us):
        return columns_of_pairs([])
    number = (ts_us - from_us) // width_us
    first = np.flatnonzero(np.append(True, number[1:] != number[:-1]))
    group = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(ts_us))))
    at_low, at_high = np.full(len(first), -1), np.full(len(first), -1)
    # Of equal ones the first lowest and the last highest: what is assigned last stays.
    lowest = np.flatnonzero(value == np.fmin.reduceat(value, first)[group])[::-1]
    highest = np.flatnonzero(value == np.fmax.reduceat(value, first)[group])
    at_low[group[lowest]], at_high[group[highest]] = lowest, highest
    is_empty = at_low < 0
    at = np.sort(np.stack([at_low, at_high], axis=1), axis=1)
    times, values = ts_us[at], value[at]
    times[is_empty] = (from_us + number[first] * width_us)[is_empty, None]
    values[is_empty] = np.nan
    kept = np.stack([np.ones(len(first), np.bool_), at[:, 0] != at[:, 1]], axis=1)
    worst = np.repeat(np.maximum.reduceat(quality, first)[:, None], 2, axis=1)
    return {"ts_us": times[kept], "value": values[kept], "quality": worst[kept]}


def columns_of_pairs(rows: list[tuple[Any, ...]]) -> dict[str, NDArray[Any]]:
    """Return time-ordered columns from slices (slice_us, low, low_us, high, high_us, quality)."""
    times: list[int] = []
    values: list[float] = []
    qualities: list[int] = []
    for slice_us, low, low_us, high, high_us, quality in rows:
        if low is None:
            times.append(slice_us)
            values.append(np.nan)
            qualities.append(quality)
            continue
        pair = [(low_us, low), (high_us, high)] if low_us <= high_us else [(high_us, high), (low_us, low)]
        for at, value in pair if low_us != high_us else pair[:1]:
            times.append(at)
            values.append(value)
            qualities.append(quality)
    return {
        "ts_us": np.array(times, np.int64),
        "value": np.array(values, np.float64),
        "quality": np.array(qualities, np.int16),
    }  # fmt: skip


def measure_coverage(
    ts_us: NDArray[np.int64], quality: NDArray[np.int16], *, from_us: int, to_us: int, hold_us: int
) -> float:
    """Return the share of ``[from, to)`` in which a GOOD value holds, from the samples themselves.

    The sample that reaches into the range is the first one when it lies before ``from_us``.
    """
    if to_us <= from_us or not len(ts_us):
        return 0.0
    ends = np.minimum(np.append(ts_us[1:], to_us), np.minimum(ts_us + hold_us, to_us))
    held = np.clip(ends - np.maximum(ts_us, from_us), 0, None)
    return min(1.0, float(held[quality == 0].sum()) / (to_us - from_us))

"""One stretch of hours of one machine judged: five-minute levels, surprises, onsets, index by its parts. Pure.

Not here: where samples come from and where the answer goes (services/condition).
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.health.science.evidence import Gate, NotEnough
from apps.health.science.index import Part, compute_index
from apps.health.science.streaming import StreamState, new_state, score_step
from apps.health.science.windows import FEATURES, read_window

Floats = NDArray[np.float64]
HOUR_S = 3600
SLICE_S = 300
SLICES = HOUR_S // SLICE_S
WARM_SLICES = 86_400 // SLICE_S
"""A point is believed once it has shown a day."""
ONSET = 5.0
"""As odd as one sample in 100,000, by both surprises together: some days of a machine with ten points."""
USUAL, GRAVE = 3.0, 8.0
"""Scores from which a point takes something off the index, and at which all that it may."""
FADE = 0.9
"""What was odd weighs half after six and a half hours."""
ANOMALY_WEIGHT, TREND_WEIGHT = 0.5, 0.9
_ONE = Gate(samples=1)


@dataclass(frozen=True, slots=True)
class Column:
    """The samples of one point, by time. **Units** seconds since the epoch."""

    point_id: int
    ts_s: Floats
    values: Floats
    hold_s: float


@dataclass(frozen=True, slots=True)
class Onset:
    """A value that stands out."""

    point_id: int
    at_s: int
    score: float
    value: float


@dataclass(slots=True)
class Hour:
    """What one hour said. ``reason``: why there is no index."""

    from_s: int
    index: float | None = None
    known: float = 0.0
    parts: list[dict[str, Any]] = field(default_factory=list)
    reason: str = ""
    reason_data: dict[str, float] = field(default_factory=dict)
    features: dict[str, dict[str, float]] = field(default_factory=dict)
    samples: int = 0
    onsets: list[Onset] = field(default_factory=list)


def judge_hour(
    state: StreamState,
    columns: Sequence[Column],
    severities: dict[str, float],
    trends: Mapping[str, float],
    running: NDArray[np.bool_],
    *,
    from_s: int,
    offset_s: int,
) -> Hour:
    """Judge ``[from_s, from_s + 3600)``; ``state`` and ``severities`` go on in place.

    **Shape** ``running`` one entry a slice; outside of it nothing is learnt or called odd. ``trends``: point →
    severity of its way to a limit. **Time** ``offset_s``: the plant's clock less UTC.
    """
    hour = Hour(from_s)
    level = np.full((SLICES, len(columns)), np.nan)
    for place, column in enumerate(columns):
        hour.samples += int(((column.ts_s >= from_s) & (column.ts_s < from_s + HOUR_S)).sum())
        told = read_window(column.ts_s, column.values, from_s, from_s + HOUR_S, hold_s=column.hold_s)
        if not isinstance(told, NotEnough):
            hour.features[str(column.point_id)] = {
                name: round(float(getattr(told, name)), 6) for name in FEATURES
            }
        for part in np.flatnonzero(running):
            begin = from_s + int(part) * SLICE_S
            one = read_window(
                column.ts_s, column.values, begin, begin + SLICE_S, hold_s=column.hold_s, gate=_ONE
            )
            if not isinstance(one, NotEnough):
                level[part, place] = one.level
    peak = np.full(len(columns), np.nan)
    for part, row in enumerate(level):
        at = from_s + part * SLICE_S
        if not np.isfinite(row).any():
            continue
        scores = score_step(state, np.full(len(columns), at + offset_s, np.int64), row)
        warm = state.seen >= WARM_SLICES
        peak = np.fmax(peak, np.where(warm, scores.total, np.nan))
        hour.onsets += [
            Onset(columns[n].point_id, at, float(scores.onset[n]), float(row[n]))
            for n in np.flatnonzero(warm & (np.nan_to_num(scores.onset) >= ONSET)).tolist()
        ]
    _index(hour, state, columns, level, peak, severities, trends)
    return hour


def _index(
    hour: Hour,
    state: StreamState,
    columns: Sequence[Column],
    level: Floats,
    peak: Floats,
    severities: dict[str, float],
    trends: Mapping[str, float],
) -> None:
    fresh = np.clip((peak - USUAL) / (GRAVE - USUAL), 0.0, 1.0)
    parts, severity = [], []
    for n, column in enumerate(columns):
        key = str(column.point_id)
        severities[key] = max(severities.get(key, 0.0) * FADE, float(np.nan_to_num(fresh[n])))
        parts.append(Part(f"anomaly:{key}", ANOMALY_WEIGHT))
        severity.append(severities[key] if np.isfinite(peak[n]) else np.nan)
        if key in trends:
            parts.append(Part(f"trend:{key}", TREND_WEIGHT))
            severity.append(trends[key])
    if not columns:
        hour.reason = "no_points"
    elif not hour.samples:
        hour.reason = "no_samples"
    elif not np.isfinite(level).any():
        hour.reason = "not_running" if hour.features else "too_many_gaps"
    elif int(state.seen.max()) < WARM_SLICES:
        hour.reason = "warming_up"
        hour.reason_data = {"hours": float(state.seen.max()) / SLICES, "needed": WARM_SLICES / SLICES}
    else:
        found = compute_index(np.array([severity]), tuple(parts))
        hour.known = float(found.known[0])
        if not np.isfinite(found.index[0]):
            hour.reason, hour.reason_data = "too_many_gaps", {"coverage": hour.known, "needed": 0.5}
            return
        hour.index = round(float(found.index[0]), 2)
        hour.parts = [
            {
                "kind": part.key.partition(":")[0], "point": int(part.key.partition(":")[2]),
                "severity": round(float(worth), 4), "lost": round(float(lost), 2),
            }
            for part, worth, lost in zip(parts, severity, found.lost[0], strict=True)
            if np.isfinite(worth) and lost >= 0.05
        ]  # fmt: skip


def pack_state(state: StreamState) -> bytes:
    """Return the state as bytes that numpy reads without pickle."""
    out = io.BytesIO()
    np.savez_compressed(out, **state.as_arrays())  # type: ignore[arg-type]  # arrays by name
    return out.getvalue()


def unpack_state(packed: bytes, former: Sequence[int], point_ids: Sequence[int], *, seed: int) -> StreamState:
    """Return the state for ``point_ids``: what is remembered of those that were there, nothing of the others."""
    fresh = new_state(len(point_ids), seed=seed)
    if not packed:
        return fresh
    with np.load(io.BytesIO(packed), allow_pickle=False) as stored:
        old = StreamState.from_arrays(dict(stored))
    if list(former) == list(point_ids):
        return old
    fresh.clock = old.clock
    places = {point_id: place for place, point_id in enumerate(former)}
    for place, point_id in enumerate(point_ids):
        if point_id in places:
            for name, array in fresh.as_arrays().items():
                if name != "clock":
                    array[place] = old.as_arrays()[name][places[point_id]]
    return fresh

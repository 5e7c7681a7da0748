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

from apps.health.outlook import Bound
from apps.health.patterns import LOOK_BACK, Pattern, say_pattern
from apps.health.science.evidence import Gate, NotEnough
from apps.health.science.index import Part, compute_index
from apps.health.science.streaming import StreamState, new_state, score_step
from apps.health.science.windows import FEATURES, read_window

Floats = NDArray[np.float64]
HOUR_S = 3600
SLICE_S = 300
SLICES = HOUR_S // SLICE_S
LEVELS_BACK = LOOK_BACK // SLICES
"""Hours of levels that a pattern looks back on."""
WARM_SLICES = 86_400 // SLICE_S
"""A point is believed once it has shown a day."""
ONSET = 5.0
"""As odd as one sample in 100,000, by both surprises together: some days of a machine with ten points."""
HOLD, RARE = 2, 3
"""Slices in a row that have to be odd, and half-hours of two weeks that may have shown the like: a cut that was once as
heavy, or one slice of it, is no harm. On the demo's two weeks they leave 5 episodes of 51."""
USUAL, GRAVE = 3.0, 8.0
"""Scores from which a point takes something off the index, and at which all that it may."""
FADE = 0.9
"""What was odd weighs half after six and a half hours."""
ANOMALY_WEIGHT, TREND_WEIGHT, LIMIT_WEIGHT, PATTERN_WEIGHT = 0.5, 0.9, 0.9, 0.5
PATTERN_USUAL, PATTERN_GRAVE = 0.5, 1.5
"""Scores of all points together (1 is the limit) from which they take something off the index, and all they may."""
_ONE = Gate(samples=1)


@dataclass(frozen=True, slots=True)
class Column:
    """The samples of one point, by time. **Units** seconds since the epoch."""

    point_id: int
    ts_s: Floats
    values: Floats
    hold_s: float
    worse: str = "both"
    """high, low or both: which way a value tells of harm."""


@dataclass(frozen=True, slots=True)
class Onset:
    """A value that stands out. ``shares``: where all points together do, which has how much of it, the most first."""

    point_id: int
    at_s: int
    score: float
    value: float
    shares: Sequence[tuple[int, float]] = ()


@dataclass(slots=True)
class Basis:
    """By what a machine is judged beside its own past. ``before``: the rows before the hour, of columns and regime."""

    bounds: Sequence[Bound] = ()
    trends: Mapping[str, float] = field(default_factory=dict)
    """Point → severity of its way to a limit."""
    regime: Column | None = None
    pattern: Pattern | None = None
    is_trusted: bool = True
    """False: the pattern has drifted; what it says stands in the list and weighs nothing."""
    before: Floats = field(default_factory=lambda: np.zeros((0, 0)))


@dataclass(slots=True)
class Hour:
    """What one hour said. ``reason``: why there is no index; numbers without one: by limits alone, for so long."""

    from_s: int
    index: float | None = None
    known: float = 0.0
    parts: list[dict[str, Any]] = field(default_factory=list)
    reason: str = ""
    reason_data: dict[str, float] = field(default_factory=dict)
    features: dict[str, dict[str, float]] = field(default_factory=dict)
    samples: int = 0
    onsets: list[Onset] = field(default_factory=list)
    levels: Floats = field(default_factory=lambda: np.zeros((SLICES, 0)))
    """Slices × columns, and the regime's behind them; NaN while the machine did not run."""
    pattern: dict[str, Any] = field(default_factory=dict)
    """What all points together said: score and shares, or the reason for none."""


def judge_hour(
    state: StreamState,
    columns: Sequence[Column],
    severities: dict[str, float],
    basis: Basis,
    running: NDArray[np.bool_],
    *,
    from_s: int,
    offset_s: int,
) -> Hour:
    """Judge ``[from_s, from_s + 3600)``; ``state``, ``severities`` and ``basis.before`` go on in place.

    **Shape** ``running`` one entry a slice; outside of it nothing is learnt or called odd. **Time** ``offset_s``: the
    plant's clock less UTC.
    """
    hour = Hour(from_s)
    read = [*columns, *([basis.regime] if basis.regime is not None else [])]
    hour.levels = np.full((SLICES, len(read)), np.nan)
    for place, column in enumerate(read):
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
                hour.levels[part, place] = one.level
    level = hour.levels[:, : len(columns)]
    peak = np.full(len(columns), np.nan)
    sign, middle = _harmful_way(state, columns)
    bottom, top = _shown(state)
    held, worst = np.zeros(len(columns)), np.zeros(len(columns))
    for part, row in enumerate(level):
        at = from_s + part * SLICE_S
        if not np.isfinite(row).any():
            continue
        scores = score_step(state, np.full(len(columns), at + offset_s, np.int64), row)
        warm = state.seen >= WARM_SLICES
        # An unusual value on the harmless side, such as a cool bearing, says nothing bad.
        harmful = ~(sign * (row - middle) < 0)
        peak = np.fmax(
            peak, np.where(warm, np.where(harmful, scores.total, np.minimum(scores.total, 0)), np.nan)
        )
        odd = warm & harmful & ((row > top) | (row < bottom) | (np.nan_to_num(scores.season) >= ONSET))
        told = np.isfinite(row)
        worst = np.where(told, np.where(odd, np.fmax(worst, scores.total), 0.0), worst)
        held = np.where(told, np.where(odd, held + 1, 0), held)
        tells = np.where(told & (held >= HOLD), np.where(held == HOLD, worst, scores.onset), 0.0)
        hour.onsets += [
            Onset(columns[n].point_id, at, float(tells[n]), float(row[n]))
            for n in np.flatnonzero(tells >= ONSET).tolist()
        ]
    _hear_pattern(hour, columns, basis)
    _index(hour, state, columns, peak, severities, basis)
    return hour


def _harmful_way(state: StreamState, columns: Sequence[Column]) -> tuple[Floats, Floats]:
    """Return for each column 1, −1 or 0 (high, low, both), and the middle of what it has shown so far."""
    sign = np.array([{"high": 1.0, "low": -1.0}.get(column.worse, 0.0) for column in columns])
    middle = np.zeros(len(columns))
    for place in np.flatnonzero(sign != 0):
        seen = state.values[place][np.isfinite(state.values[place])]
        middle[place] = np.median(seen) if len(seen) else 0.0
    return sign, middle


def _shown(state: StreamState) -> tuple[Floats, Floats]:
    """Return what each point has shown in two weeks: of the extremes of its half-hours the third at either end."""
    low, high = (part.reshape(len(part), -1) for part in (state.low, state.high))
    return np.partition(low, RARE - 1, axis=1)[:, RARE - 1], np.partition(high, -RARE, axis=1)[:, -RARE]


def _hear_pattern(hour: Hour, columns: Sequence[Column], basis: Basis) -> None:
    """Judge all points together, where there is a model of them, and let the rows go on."""
    rows = basis.before if basis.before.shape[1] == hour.levels.shape[1] else hour.levels[:0]
    pattern = basis.pattern
    if pattern is not None:
        places = {column.point_id: place for place, column in enumerate(columns)}
        if basis.regime is not None:
            places[basis.regime.point_id] = len(columns)
        asked = [*pattern.point_ids, *([] if pattern.regime_id is None else [pattern.regime_id])]
        if all(point_id in places for point_id in asked):
            own = [places[point_id] for point_id in pattern.point_ids]
            both = np.vstack([rows, hour.levels])
            way = np.zeros(len(both)) if pattern.regime_id is None else both[:, places[pattern.regime_id]]
            said = say_pattern(pattern, rows[:, own], hour.levels[:, own], way)
            hour.pattern = {"reason": said.reason}
            if said.score is not None and said.shares is not None:
                ranked = sorted(said.shares.items(), key=lambda item: -item[1])
                shares = [(point_id, round(share, 3)) for point_id, share in ranked[:6]]
                hour.pattern = {"score": round(said.score, 4), "shares": shares}
                if said.score > 1:
                    first = shares[0][0]
                    value = float(hour.levels[said.at, places[first]])
                    hour.onsets.append(
                        Onset(first, hour.from_s + said.at * SLICE_S, said.score, value, shares)
                    )
        else:
            hour.pattern = {"reason": "other_points"}
    basis.before = np.vstack([rows, hour.levels])[-LOOK_BACK:]


def _index(
    hour: Hour,
    state: StreamState,
    columns: Sequence[Column],
    peak: Floats,
    severities: dict[str, float],
    basis: Basis,
) -> None:
    level = hour.levels[:, : len(columns)]
    fresh = np.clip((peak - USUAL) / (GRAVE - USUAL), 0.0, 1.0)
    warm = state.seen >= WARM_SLICES
    parts, severity = [], []
    for n, column in enumerate(columns):
        key = str(column.point_id)
        severities[key] = max(severities.get(key, 0.0) * FADE, float(np.nan_to_num(fresh[n])))
        # What cannot be known yet is not asked for; until then a new machine is judged by the limits of its kind.
        if warm[n]:
            parts.append(Part(f"anomaly:{key}", ANOMALY_WEIGHT))
            severity.append(severities[key] if np.isfinite(peak[n]) else np.nan)
        if key in basis.trends:
            parts.append(Part(f"trend:{key}", TREND_WEIGHT))
            severity.append(basis.trends[key])
        known = level[np.isfinite(level[:, n]), n]
        for bound in basis.bounds:
            if bound.point_id == column.point_id:
                parts.append(Part(f"limit:{key}", LIMIT_WEIGHT))
                severity.append(bound.severity(float(np.median(known))) if len(known) else np.nan)
    if "score" in hour.pattern and basis.is_trusted:
        parts.append(Part(f"pattern:{hour.pattern['shares'][0][0]}", PATTERN_WEIGHT))
        grave = (hour.pattern["score"] - PATTERN_USUAL) / (PATTERN_GRAVE - PATTERN_USUAL)
        severity.append(float(np.clip(grave, 0.0, 1.0)))
    seen = float(state.seen.max()) if len(columns) else 0.0
    warming = {"hours": seen / SLICES, "needed": WARM_SLICES / SLICES}
    if not columns:
        hour.reason = "no_points"
    elif not hour.samples:
        hour.reason = "no_samples"
    elif not np.isfinite(level).any():
        hour.reason = "not_running" if hour.features else "too_many_gaps"
    elif not parts:
        hour.reason, hour.reason_data = "warming_up", warming
    else:
        found = compute_index(np.array([severity]), tuple(parts))
        hour.known = float(found.known[0])
        if not np.isfinite(found.index[0]):
            hour.reason, hour.reason_data = "too_many_gaps", {"coverage": hour.known, "needed": 0.5}
            return
        hour.index = round(float(found.index[0]), 2)
        hour.reason_data = {} if warm.any() else warming
        hour.parts = [
            {
                "kind": part.key.partition(":")[0], "point": int(part.key.partition(":")[2]),
                "severity": round(float(worth), 4), "lost": round(float(lost), 2),
            }
            for part, worth, lost in zip(parts, severity, found.lost[0], strict=True)
            if np.isfinite(worth) and lost >= 0.05
        ]  # fmt: skip


def pack_levels(point_ids: Sequence[int], levels: Floats) -> bytes:
    """Return an hour's slices as bytes: the number of columns, their points, slices × columns as float32."""
    return np.array([len(point_ids), *point_ids], "<i4").tobytes() + levels.astype("<f4").tobytes()


def unpack_levels(packed: bytes, point_ids: Sequence[int]) -> Floats:
    """Return an hour's slices × the points that are asked for; NaN for one that was not there, and for no bytes."""
    levels = np.full((SLICES, len(point_ids)), np.nan)
    if packed:
        count = int(np.frombuffer(packed, "<i4", 1)[0])
        there = np.frombuffer(packed, "<i4", count, 4).tolist()
        stored = np.frombuffer(packed, "<f4", offset=4 + 4 * count).reshape(-1, count)
        for place, point_id in enumerate(point_ids):
            if point_id in there:
                levels[:, place] = stored[:, there.index(point_id)]
    return levels


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

"""A machine's points together: the model of how they hang together while it is well, by regime. Trained, scored,
tried on later hours, kept as arrays. Pure.

Rows are five-minute levels, which the hourly judgement has made already. Not here: the mathematics
(science/multivariate), which hours are healthy (services/training), what a score does (judging).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.health.science.card import split_by_time
from apps.health.science.evidence import NotEnough, Reason
from apps.health.science.multivariate import (
    UNKNOWN,
    Plane,
    PlaneSettings,
    Regimes,
    find_regimes,
    fit_plane,
    judge_rows,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SETTINGS = PlaneSettings(sensor_span=3, score_span=6)
"""Rows are means of five minutes: a quarter of an hour for the points, half an hour for the score."""
LOOK_BACK = 24
"""Rows of the past that a score may look back on: two hours."""
SETTLED = 3
"""The first rows of a stretch are not smoothed yet, and would look odd for that alone."""
LEAST_ROWS = 3 * 288
"""Three days of running."""
MOST_FALSE = 0.05
"""A model that calls more of the healthy hours which it has not seen is not used."""
SHIFT = 4.0
"""What a trial moves each point by, in its own spreads."""


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """How a machine's points hang together. ``regime_id``: the point that tells its regimes apart, None for none."""

    point_ids: tuple[int, ...]
    regime_id: int | None
    regimes: Regimes
    planes: dict[int, Plane]


@dataclass(frozen=True, slots=True)
class Trial:
    """What a pattern was worth on the last quarter of its healthy hours, trained on those before; shares 0 to 1.

    ``false_alarms``: rows called though healthy. ``found``: rows called when one point is moved by SHIFT spreads,
    mean of all points. ``range_*``: the same of the simplest answer, each point's own range alone.
    """

    false_alarms: float
    found: float
    range_false_alarms: float
    range_found: float
    rows: int


@dataclass(slots=True)
class PatternSaid:
    """An hour by the pattern. ``score``: 1 is the limit; None: ``reason`` says why. ``shares`` sum to 1."""

    score: float | None = None
    shares: dict[int, float] | None = None
    at: int = 0
    reason: str = ""


def train_pattern(
    point_ids: Sequence[int], regime_id: int | None, levels: Floats, operating: Floats, *, seed: int
) -> tuple[Pattern, Trial] | NotEnough:
    """Train on healthy rows, by time; tried on the last quarter by a model of the rest, then trained on all.

    **Shape** ``levels`` rows × points, ``operating`` one entry a row (any constant where there is no regime).
    **Gaps** rows with NaN are left out.
    """
    kept = np.isfinite(levels).all(axis=1) & np.isfinite(operating)
    rows, regime = levels[kept], operating[kept]
    if len(rows) < LEAST_ROWS:
        return NotEnough(Reason.TOO_FEW_SAMPLES, {"samples": float(len(rows)), "needed": float(LEAST_ROWS)})
    if levels.shape[1] < 2:
        return NotEnough(Reason.TOO_FEW_POINTS, {"points": float(levels.shape[1]), "needed": 2.0})
    parts = split_by_time(np.arange(len(rows)), gap_us=SETTINGS.score_span)
    if isinstance(parts, NotEnough):
        return parts
    earlier, later = parts
    tried = _fit(point_ids, regime_id, rows[earlier], regime[earlier], seed)
    if isinstance(tried, NotEnough):
        return tried
    trial = _try(tried, rows[earlier], rows[later], regime[later])
    if trial.false_alarms > MOST_FALSE:
        return NotEnough(Reason.NOT_PREDICTABLE, {"false_alarms": trial.false_alarms, "allowed": MOST_FALSE})
    fitted = _fit(point_ids, regime_id, rows, regime, seed)
    return fitted if isinstance(fitted, NotEnough) else (fitted, trial)


def say_pattern(pattern: Pattern, before: Floats, levels: Floats, operating: Floats) -> PatternSaid:
    """Judge an hour's rows; ``before`` and ``levels`` rows × the pattern's points, ``operating`` of both.

    The worst row of the hour counts. **Gaps** NaN rows are not judged.
    """
    rows = np.vstack([before, levels])
    judged = judge_rows(pattern.planes, rows, pattern.regimes.assign(operating[:, None]), SETTINGS)
    score = np.where(_is_settled(judged.score), judged.score, np.nan)[len(before) :]
    if not np.isfinite(score).any():
        known = np.isfinite(levels).all(axis=1)
        is_unknown = known.any() and (judged.regime[len(before) :][known] == UNKNOWN).all()
        return PatternSaid(reason="unknown_regime" if is_unknown else "too_many_gaps")
    worst = int(np.nanargmax(score))
    shares = judged.share[len(before) + worst]
    return PatternSaid(
        float(score[worst]), dict(zip(pattern.point_ids, shares.tolist(), strict=True)), at=worst
    )


def _is_settled(score: Floats) -> NDArray[np.bool_]:
    """Return which rows have enough judged rows right before them."""
    run, settled = 0, np.zeros(len(score), bool)
    for place, known in enumerate(np.isfinite(score)):
        run = run + 1 if known else 0
        settled[place] = run > SETTLED
    return settled


def _fit(
    point_ids: Sequence[int], regime_id: int | None, rows: Floats, operating: Floats, seed: int
) -> Pattern | NotEnough:
    regimes = find_regimes(operating[:, None], seed=seed)
    place = regimes.assign(operating[:, None])
    planes: dict[int, Plane] = {}
    why: NotEnough | None = None
    for regime in np.unique(place[place != UNKNOWN]).tolist():
        plane = fit_plane(rows[place == regime], SETTINGS)
        if isinstance(plane, NotEnough):
            why = plane
        else:
            planes[regime] = plane
    if not planes:
        return why or NotEnough(Reason.UNKNOWN_REGIME)
    return Pattern(tuple(point_ids), regime_id, regimes, planes)


def _try(pattern: Pattern, earlier: Floats, later: Floats, operating: Floats) -> Trial:
    regime = pattern.regimes.assign(operating[:, None])
    low, high = earlier.min(axis=0), earlier.max(axis=0)

    def called(rows: Floats) -> tuple[float, float]:
        score = judge_rows(pattern.planes, rows, regime, SETTINGS).score
        settled = _is_settled(score)
        outside = ((rows < low) | (rows > high)).any(axis=1)
        return (float((score[settled] > 1).mean()) if settled.any() else 0.0), float(outside.mean())

    false, range_false = called(later)
    moved = [
        called(later + SHIFT * earlier.std(axis=0) * np.eye(later.shape[1])[n]) for n in range(later.shape[1])
    ]
    found, range_found = np.mean(moved, axis=0).tolist()
    return Trial(false, found, range_false, range_found, len(later))


def pack_pattern(pattern: Pattern, reference: Floats) -> bytes:
    """Return pattern and reference (hours × points, for the watch on drift) as bytes that numpy reads alone."""
    arrays: dict[str, Any] = {
        "point_ids": np.array(pattern.point_ids, np.int64), "regime_id": np.array(pattern.regime_id or 0),
        "reference": reference, "keys": np.array(sorted(pattern.planes), np.int64),
        **{f"regimes.{part.name}": getattr(pattern.regimes, part.name) for part in fields(Regimes)},
        **{
            f"plane.{key}.{part.name}": np.asarray(getattr(plane, part.name))
            for key, plane in pattern.planes.items() for part in fields(Plane)
        },
    }  # fmt: skip
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def unpack_pattern(packed: bytes) -> tuple[Pattern, Floats]:
    """Return what ``pack_pattern`` was given."""
    with np.load(io.BytesIO(packed), allow_pickle=False) as stored:
        arrays = dict(stored)
    regimes = Regimes(*(arrays[f"regimes.{part.name}"] for part in fields(Regimes)))
    planes = {}
    for key in arrays["keys"].tolist():
        parts = {part.name: arrays[f"plane.{key}.{part.name}"] for part in fields(Plane)}
        planes[key] = Plane(**{name: float(part) if part.ndim == 0 else part for name, part in parts.items()})  # type: ignore[arg-type]  # scalars where Plane has floats
    point_ids = tuple(arrays["point_ids"].tolist())
    return Pattern(point_ids, int(arrays["regime_id"]) or None, regimes, planes), arrays["reference"]

"""Anomalies of single points, sample by sample, for many points at once: no training, one pass, bounded state. Pure.

Two surprises are added up. **Level**: how far a value lies from the nearest values this point has ever shown (a sample
of its past). **Season**: how far it lies outside what the same time of day brought on earlier days. Each distance is
ranked among the point's own distances so far, as a conformal p-value (Vovk et al. 2005; Laxhammar & Falkman 2011),
with an exponential tail beyond the 98th percentile (after SPOT, Siffer et al. 2017), so that a score means the same on
every point: minus log10 of how rarely a sample is as odd as this one. An episode is told once: a score stands out
only where it is the highest of the last ``rest`` samples, else the onset is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """The same for every point; nothing here is tuned to a signal."""

    memory: int = 512
    """Values of the past, and distances of the past, that are kept a point."""
    neighbours: int = 5
    reach: int = 4_000
    """About so many samples back the memory of values reaches; beyond, older ones fade at random."""
    reach_scores: int = 20_000
    days: int = 14
    bins: int = 48
    similar_days: int = 2
    tail: float = 0.98
    boldness: float = 2.0
    """The tail may say at most so many times what the number of distances seen can prove (log10 of it)."""
    warm_up: int = 20
    rest: int = 50


@dataclass(slots=True)
class StreamState:
    """What a worker keeps between two batches, as plain arrays: ``as_arrays`` to store, ``from_arrays`` to resume.

    **Shape** the first axis of every array but ``clock`` is the point.
    """

    clock: Ints
    """Seed and steps so far: the same samples in the same steps give the same scores, resumed or not."""
    values: Floats
    seen: Ints
    low: Floats
    high: Floats
    day: Ints
    distances: Floats
    ranked: Ints
    recent: Floats
    last_s: Ints

    def as_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return every array by its name; numpy.savez takes them as they are."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[np.generic]]) -> StreamState:
        """Return the state that ``as_arrays`` gave, copied. **Raises** KeyError where a part is missing."""
        return cls(**{name: np.array(arrays[name]) for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class StreamScores:
    """One step. NaN where a point had no value or its clock ran backwards; 0 while it is still new."""

    level: Floats
    season: Floats
    onset: Floats
    """``level + season`` where that is the highest of the last ``rest`` samples, else 0: what an alarm looks at."""

    @property
    def total(self) -> Floats:
        """Both surprises together."""
        return self.level + self.season


def new_state(points: int, *, seed: int, settings: StreamSettings | None = None) -> StreamState:
    """Return the state of points that have told nothing yet."""
    s = settings or StreamSettings()
    return StreamState(
        clock=np.array([seed, 0], np.int64),
        values=np.full((points, s.memory), np.inf),
        seen=np.zeros(points, np.int64),
        low=np.full((points, s.days, s.bins), np.inf),
        high=np.full((points, s.days, s.bins), -np.inf),
        day=np.full((points, s.days), -1, np.int64),
        distances=np.full((2, points, s.memory), np.inf).swapaxes(0, 1).copy(),
        ranked=np.zeros((points, 2), np.int64),
        recent=np.full((points, s.rest), -np.inf),
        last_s=np.full(points, np.iinfo(np.int64).min, np.int64),
    )


def score_step(
    state: StreamState, local_s: Ints, values: Floats, settings: StreamSettings | None = None
) -> StreamScores:
    """Score one value of each point and learn from it; ``state`` is changed in place.

    **Shape** one entry a point. **Time** seconds of the plant's own wall clock (summer time included: seasons are
    people's), never falling within a point. **Gaps** NaN: nothing is learnt, the score is NaN.
    """
    s = settings or StreamSettings()
    known = np.flatnonzero(np.isfinite(values) & (local_s >= state.last_s))
    chance = np.random.Generator(
        np.random.Philox(key=int(state.clock[0]) & (2**63 - 1), counter=int(state.clock[1]))
    )
    state.clock[1] += 1
    rows, value, at = known, values[known], local_s[known]
    near = _distance_to_past(state, rows, value, s)
    apart, has_season = _distance_to_season(state, rows, value, at, s)
    level = _surprise(state, rows, 0, near, state.seen[rows] > s.neighbours, chance, s)
    season = _surprise(state, rows, 1, apart, has_season, chance, s)
    _keep(state.values, state.seen[rows], rows, value, s.reach, chance)
    state.seen[rows] += 1
    state.last_s[rows] = at
    _keep_season(state, rows, value, at, s)
    total = level + season
    onset = np.where(total > state.recent[rows].max(axis=1), total, 0.0)
    state.recent[rows, state.seen[rows] % s.rest] = total
    return StreamScores(*(_spread(part, rows, len(values)) for part in (level, season, onset)))


def score_series(
    state: StreamState, local_s: Ints, values: Floats, settings: StreamSettings | None = None
) -> StreamScores:
    """Score rows of samples one after the other. **Shape** rows by time × points, in both arrays and the answer."""
    steps = [score_step(state, at, row, settings) for at, row in zip(local_s, values, strict=True)]
    if not steps:
        empty = np.empty(values.shape)
        return StreamScores(empty, empty, empty)
    return StreamScores(
        np.stack([step.level for step in steps]),
        np.stack([step.season for step in steps]),
        np.stack([step.onset for step in steps]),
    )


def _distance_to_past(state: StreamState, rows: Ints, value: Floats, s: StreamSettings) -> Floats:
    """Mean distance to the nearest of the remembered values; 0 while there are too few."""
    apart = np.abs(state.values[rows] - value[:, None])
    near = np.partition(apart, s.neighbours - 1, axis=1)[:, : s.neighbours].mean(axis=1)
    return np.where(state.seen[rows] > s.neighbours, near, 0.0)


def _distance_to_season(
    state: StreamState, rows: Ints, value: Floats, at: Ints, s: StreamSettings
) -> tuple[Floats, NDArray[np.bool_]]:
    """Distance to the range of the same half-hour (and its neighbours) on the most similar earlier days."""
    day, place = at // DAY_S, at % DAY_S * s.bins // DAY_S
    around = (place[:, None] + np.array([-1, 0, 1])) % s.bins
    low = state.low[rows[:, None], :, around].min(axis=1)
    high = state.high[rows[:, None], :, around].max(axis=1)
    usable = (state.day[rows] != day[:, None]) & np.isfinite(low)
    with np.errstate(invalid="ignore"):
        outside = np.maximum(np.maximum(low - value[:, None], value[:, None] - high), 0.0)
    nearest = np.sort(np.where(usable, outside, np.inf), axis=1)[:, : s.similar_days]
    have = np.isfinite(nearest)
    count = have.sum(axis=1)
    return np.where(have, nearest, 0.0).sum(axis=1) / np.maximum(count, 1), count > 0


def _surprise(
    state: StreamState,
    rows: Ints,
    which: int,
    distance: Floats,
    counts: NDArray[np.bool_],
    chance: np.random.Generator,
    s: StreamSettings,
) -> Floats:
    """Minus log10 of the share of earlier distances that were as large; learn this one where it ``counts``."""
    kept = np.sort(state.distances[rows, which], axis=1)
    size = np.minimum(state.ranked[rows, which], s.memory)
    as_large = (kept >= distance[:, None]).sum(axis=1) - (s.memory - size)
    p_value = (as_large + 1) / (size + 1)
    edge_at = np.clip((size * s.tail).astype(np.int64), 0, np.maximum(size - 1, 0))
    edge = kept[np.arange(len(rows)), edge_at]
    places = np.arange(s.memory)[None]
    in_tail = (places >= edge_at[:, None]) & (places < size[:, None])
    top = np.where(in_tail, kept, 0.0).sum(axis=1) / np.maximum(in_tail.sum(axis=1), 1)
    with np.errstate(invalid="ignore"):
        width = np.maximum(top - edge, 1e-3 * np.abs(edge) + 1e-9)
        beyond = -np.log10(1 - s.tail) + (distance - edge) / width / np.log(10)
    score = np.where(distance > edge, beyond, -np.log10(p_value))
    score = np.minimum(score, s.boldness * np.log10(state.ranked[rows, which] + 1))
    score = np.where(counts & (size >= s.warm_up), score, 0.0)
    learn = np.flatnonzero(counts)
    _keep(
        state.distances[:, which],
        state.ranked[rows[learn], which],
        rows[learn],
        distance[learn],
        s.reach_scores,
        chance,
    )
    state.ranked[rows[learn], which] += 1
    return score


def _keep(
    memory: Floats, seen: Ints, rows: Ints, value: Floats, reach: int, chance: np.random.Generator
) -> None:
    """Fill the memory, then replace at random so that it stays a sample of about the last ``reach``.

    **Source** Vitter 1985 (algorithm R); Aggarwal 2006 for the bias towards what is recent.
    """
    size = memory.shape[1]
    drawn, place = chance.random(len(rows)), chance.integers(0, size, len(rows))
    slot = np.where(seen < size, seen, place)
    taken = (seen < size) | (drawn < size / np.minimum(seen + 1, reach))
    memory[rows[taken], slot[taken]] = value[taken]


def _keep_season(state: StreamState, rows: Ints, value: Floats, at: Ints, s: StreamSettings) -> None:
    day, place = at // DAY_S, at % DAY_S * s.bins // DAY_S
    slot = day % s.days
    fresh = state.day[rows, slot] != day
    state.low[rows[fresh], slot[fresh]] = np.inf
    state.high[rows[fresh], slot[fresh]] = -np.inf
    state.day[rows[fresh], slot[fresh]] = day[fresh]
    state.low[rows, slot, place] = np.minimum(state.low[rows, slot, place], value)
    state.high[rows, slot, place] = np.maximum(state.high[rows, slot, place], value)


def _spread(part: Floats, rows: Ints, points: int) -> Floats:
    full = np.full(points, np.nan)
    full[rows] = part
    return full

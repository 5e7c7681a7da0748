"""Which moment of the recordings is played at a moment of wall time, and meters that keep real time. Pure.

Not here: reading the wall clock (the callers do), where the segments are kept between two starts (state).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from demoplant.loop import Instants, Loop, Values

EPOCH_MS = 1_736_092_800_000
"""Monday 2025-01-06, 00:00 in Asia/Shanghai: position 0 of every loop, so that at speed 1 a recorded Monday morning
is played on a Monday morning. Meters were installed then."""


@dataclass(frozen=True, slots=True)
class Segment:
    """From ``wall_ms`` on, the position moves on from ``position_ms`` at ``speed`` times real time."""

    wall_ms: int
    position_ms: int
    speed: float


@dataclass(frozen=True, eq=False)
class ReplayClock:
    """A chain of segments without jumps; before the first one the plant ran at speed 1."""

    segments: tuple[Segment, ...] = (Segment(EPOCH_MS, 0, 1.0),)
    _walls: Instants = field(init=False, repr=False)
    _positions: Instants = field(init=False, repr=False)
    _speeds: Values = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.segments or any(segment.speed <= 0 for segment in self.segments):
            raise ValueError("A replay clock needs a segment, and a speed above 0 in each.")
        object.__setattr__(self, "_walls", np.array([s.wall_ms for s in self.segments], dtype=np.int64))
        object.__setattr__(
            self, "_positions", np.array([s.position_ms for s in self.segments], dtype=np.int64)
        )
        object.__setattr__(self, "_speeds", np.array([s.speed for s in self.segments], dtype=np.float64))
        if bool(np.any(np.diff(self._walls) <= 0)):
            raise ValueError("The segments of a replay clock must ascend.")

    def continued(self, wall_ms: int, speed: float) -> ReplayClock:
        """Return the clock that goes on at ``speed`` from ``wall_ms``, without a jump."""
        last = self.segments[-1]
        if speed == last.speed or wall_ms <= last.wall_ms:
            return self
        position = int(self.position(np.array([wall_ms], dtype=np.int64))[0])
        return ReplayClock((*self.segments, Segment(wall_ms, position, speed)))

    def position(self, wall_ms: Instants) -> Instants:
        """Return the moment of the recordings, in milliseconds since position 0."""
        index = self._index(wall_ms)
        speed = np.where(wall_ms < self._walls[0], 1.0, self._speeds[index])
        moved = np.rint((wall_ms - self._walls[index]) * speed).astype(np.int64)
        return self._positions[index] + moved

    def metered(self, total: Loop, wall_ms: Instants, offset_ms: int = 0) -> Values:
        """Return a meter's reading: the integral of the played rate over **real** time.

        A recording played ten times as fast shows its power ten times as fast, but an hour of that power is still an
        hour's energy. ``total`` is the running total of the recorded rate over recorded time.
        """
        index = self._index(wall_ms)
        starts = total.at(self._positions + offset_ms)
        ends = total.at(self._positions[1:] + offset_ms)
        before = np.concatenate(([0.0], np.cumsum((ends - starts[:-1]) / self._speeds[:-1])))
        speed = np.where(wall_ms < self._walls[0], 1.0, self._speeds[index])
        played = total.at(self.position(wall_ms) + offset_ms) - starts[index]
        return before[index] + played / speed

    def _index(self, wall_ms: Instants) -> Instants:
        return np.maximum(np.searchsorted(self._walls, wall_ms, side="right") - 1, 0)

    def dump(self) -> list[list[float]]:
        """Return the segments as JSON-like data."""
        return [[s.wall_ms, s.position_ms, s.speed] for s in self.segments]


def clock_of(rows: Sequence[Sequence[float]]) -> ReplayClock:
    """Return the clock that ``dump`` described."""
    return ReplayClock(
        tuple(Segment(int(wall), int(position), float(speed)) for wall, position, speed in rows)
    )

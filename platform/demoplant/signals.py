"""Functions from wall time to values: a recording replayed, a meter, a count, noise on top, a story. Pure.

Not here: the loops they play (recorded, simulated), which point each belongs to (catalogue).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from demoplant.clock import ReplayClock
from demoplant.loop import Instants, Loop, Values
from demoplant.noise import bell


@dataclass(frozen=True, eq=False)
class Play:
    """What a signal may know: how the recordings are played, and when this run of the plant began."""

    clock: ReplayClock
    started_ms: int


class Signal(Protocol):
    """A value for each moment; NaN where there is none."""

    def at(self, wall_ms: Instants, play: Play) -> Values: ...


@dataclass(frozen=True, eq=False)
class Replayed:
    """A loop as the clock plays it; ``offset_ms`` lets two machines play different parts of one recording."""

    loop: Loop
    offset_ms: int = 0

    def at(self, wall_ms: Instants, play: Play) -> Values:
        return self.loop.at(play.clock.position(wall_ms) + self.offset_ms)


@dataclass(frozen=True, eq=False)
class Metered:
    """The register of a meter over a loop's running total: it keeps real time at any speed of replay."""

    total: Loop
    offset_ms: int = 0

    def at(self, wall_ms: Instants, play: Play) -> Values:
        return play.clock.metered(self.total, wall_ms, self.offset_ms)


@dataclass(frozen=True, eq=False)
class Counted:
    """Whole pieces of a TOTAL loop."""

    total: Loop
    offset_ms: int = 0

    def at(self, wall_ms: Instants, play: Play) -> Values:
        first = self.total.at(np.array([self.offset_ms], dtype=np.int64))[0]
        return np.floor(self.total.at(play.clock.position(wall_ms) + self.offset_ms) - first + 1e-6)


@dataclass(frozen=True, eq=False)
class Noisy:
    """A signal with noise that changes once a ``grain_ms``, in proportion to its value."""

    of: Signal
    seed: int
    share: float
    grain_ms: int = 1000

    def at(self, wall_ms: Instants, play: Play) -> Values:
        value = self.of.at(wall_ms, play)
        return value * (1.0 + self.share * bell(self.seed, wall_ms // self.grain_ms))


@dataclass(frozen=True, eq=False)
class PerPiece:
    """A measurement made once for each piece, and standing until the next: ``mean`` with noise of ``deviation``."""

    pieces: Counted
    seed: int
    mean: float
    deviation: float

    def at(self, wall_ms: Instants, play: Play) -> Values:
        piece = self.pieces.at(wall_ms, play).astype(np.int64)
        return self.mean + self.deviation * bell(self.seed, piece)


@dataclass(frozen=True, slots=True)
class Window:
    """A part of each round of ``every_ms``, counted from the start of the run (backwards too, into the history)."""

    from_ms: int
    until_ms: int
    every_ms: int

    def share(self, wall_ms: Instants, play: Play) -> Values:
        """Return how far each moment is into the window, 0 to 1; NaN outside."""
        phase = np.mod(wall_ms - play.started_ms, self.every_ms)
        inside = (phase >= self.from_ms) & (phase < self.until_ms)
        return np.where(inside, (phase - self.from_ms) / (self.until_ms - self.from_ms), np.nan)


@dataclass(frozen=True, eq=False)
class Excursion:
    """Story: rises by ``height``, stays, and comes back within the window."""

    of: Signal
    window: Window
    height: float

    def at(self, wall_ms: Instants, play: Play) -> Values:
        share = self.window.share(wall_ms, play)
        ramp = np.clip(np.minimum(share, 1.0 - share) * 4.0, 0.0, 1.0)
        return self.of.at(wall_ms, play) + np.nan_to_num(ramp) * self.height


@dataclass(frozen=True, eq=False)
class Silent:
    """Story: says nothing within the window, as a sensor whose battery is weak."""

    of: Signal
    window: Window

    def at(self, wall_ms: Instants, play: Play) -> Values:
        return np.where(np.isnan(self.window.share(wall_ms, play)), self.of.at(wall_ms, play), np.nan)


@dataclass(frozen=True, eq=False)
class Chattering:
    """Story: a switch that flutters within the window: a new position every ``grain_ms``, and off at any other time."""

    window: Window
    seed: int
    grain_ms: int = 2000

    def at(self, wall_ms: Instants, play: Play) -> Values:
        inside = ~np.isnan(self.window.share(wall_ms, play))
        return np.where(inside & (bell(self.seed, wall_ms // self.grain_ms) > 0), 1.0, 0.0)


@dataclass(frozen=True, slots=True)
class Constant:
    """One value for ever."""

    value: float

    def at(self, wall_ms: Instants, play: Play) -> Values:
        return np.full(len(wall_ms), self.value)

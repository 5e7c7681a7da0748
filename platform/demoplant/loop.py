"""A stretch of values that repeats for ever: the shape in which every recording and every schedule is kept. Pure.

Not here: which point of wall time it plays (clock), what is made of it (signals).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

Instants = NDArray[np.int64]
Values = NDArray[np.float64]

MS_PER_HOUR = 3_600_000.0


class Shape(Enum):
    """How a value between two stored ones is found."""

    STEP = "step"
    """The last one stands until the next: states, quarter-hour means."""
    LINEAR = "linear"
    """Straight line: temperatures, pressures."""
    TOTAL = "total"
    """Straight line that never falls; each turn of the loop adds ``gain``."""


@dataclass(frozen=True, eq=False)
class Loop:
    """Values at ``times_ms`` (ascending, from 0 on, below ``period_ms``), repeated every ``period_ms``.

    **Shape** both columns have one length ≥ 1. **Gaps** NaN is a gap: it lasts until the next stored value and
    stays a gap, on its straight lines too. **Time** milliseconds from the start of the loop.
    """

    times_ms: Instants
    values: Values
    period_ms: int
    shape: Shape
    gain: float = 0.0

    def __post_init__(self) -> None:
        times = self.times_ms
        if len(times) == 0 or len(times) != len(self.values):
            raise ValueError("A loop needs as many times as values, and at least one.")
        if times[0] < 0 or times[-1] >= self.period_ms or bool(np.any(np.diff(times) <= 0)):
            raise ValueError("The times of a loop must ascend from 0 and stay below its period.")
        if self.shape is Shape.TOTAL and (
            bool(np.any(np.diff(self.values) < 0)) or self.gain < self.values[-1] - self.values[0]
        ):
            raise ValueError("A total must not fall, not at the seam either.")

    def at(self, position_ms: Instants) -> Values:
        """Return the value at each position; any integer will do, the loop goes on in both directions."""
        turns, within = np.divmod(position_ms, self.period_ms)
        before = np.searchsorted(self.times_ms, within, side="right") - 1
        # Before the first stored value stands the last one of the turn before.
        wrapped = before < 0
        before = np.where(wrapped, len(self.times_ms) - 1, before)
        start = self.times_ms[before] - np.where(wrapped, self.period_ms, 0)
        value = self.values[before]
        if self.shape is Shape.STEP:
            return value
        last = before == len(self.times_ms) - 1
        after = np.where(last, 0, before + 1)
        end = self.times_ms[after] + np.where(last & ~wrapped, self.period_ms, 0)
        rise = self.values[after] - value
        if self.shape is Shape.TOTAL:
            rise = np.where(last, rise + self.gain, rise)
            value = value + (turns - wrapped) * self.gain
        share = (within - start) / (end - start)
        drawn = value + np.where(share > 0, rise * share, 0.0)
        return np.where(np.isnan(rise) & (share == 0), value, drawn)

    def integral(self) -> Loop:
        """Return the running total of a STEP loop, in value-hours (kW → kWh); a gap adds nothing."""
        if self.shape is not Shape.STEP:
            raise ValueError("Only a loop of steps has its integral here.")
        ends = np.append(self.times_ms[1:], self.period_ms)
        starts = self.times_ms
        parts = np.nan_to_num(self.values) * (ends - starts) / MS_PER_HOUR
        # What stands before the first stored value is the last one of the turn before.
        head = float(np.nan_to_num(self.values[-1])) * float(starts[0]) / MS_PER_HOUR
        totals = head + np.concatenate(([0.0], np.cumsum(parts)))
        times = starts if starts[0] == 0 else np.concatenate(([0], starts))
        values = totals[:-1] if starts[0] == 0 else np.concatenate(([0.0], totals[:-1]))
        return Loop(times.astype(np.int64), values, self.period_ms, Shape.TOTAL, gain=float(totals[-1]))

    def scaled(self, factor: float) -> Loop:
        """Return the loop with every value times ``factor`` (a change of unit)."""
        return Loop(self.times_ms, self.values * factor, self.period_ms, self.shape, self.gain * factor)


def evenly(values: Values, step_ms: int, shape: Shape) -> Loop:
    """Return a loop of values recorded at an even rhythm."""
    times = np.arange(len(values), dtype=np.int64) * step_ms
    return Loop(times, np.asarray(values, dtype=np.float64), len(values) * step_ms, shape)

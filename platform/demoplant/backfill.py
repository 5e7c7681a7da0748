"""The rows of the history before the first start. Pure: signals in, columns out.

Not here: posting them (seeding/history.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from demoplant.loop import Instants, Values
from demoplant.model import MachineSpec, PointSpec
from demoplant.signals import Play

DAY_MS = 86_400_000
TICK_MS = 1000


@dataclass(frozen=True, eq=False)
class Stretch:
    """Samples of one point.

    **Shape** both columns of one length, ascending. **Time** milliseconds since the Unix epoch, UTC. **Gaps** are
    left out.
    """

    machine: MachineSpec
    point: PointSpec
    ts_ms: Instants
    values: Values

    def __len__(self) -> int:
        return len(self.ts_ms)


def day_before(until_ms: int, number: int) -> tuple[int, int]:
    """Return from (inclusive) and to (exclusive) of the ``number``-th day before ``until_ms``, 0 being the last."""
    return until_ms - (number + 1) * DAY_MS, until_ms - number * DAY_MS


def history_of(machines: tuple[MachineSpec, ...], play: Play, from_ms: int, to_ms: int) -> Iterator[Stretch]:
    """Yield each point's samples of a half-open span, at the rhythm of its history, on whole seconds."""
    for machine in machines:
        for point in machine.points:
            stretch = _stretch(machine, point, play, from_ms, to_ms)
            if len(stretch):
                yield stretch


def _stretch(machine: MachineSpec, point: PointSpec, play: Play, from_ms: int, to_ms: int) -> Stretch:
    rhythm = point.history_s * 1000
    first = -(-from_ms // rhythm) * rhythm
    ticks = np.arange(first, to_ms, rhythm, dtype=np.int64)
    if point.on_change:
        every = np.arange(-(-from_ms // TICK_MS) * TICK_MS, to_ms, TICK_MS, dtype=np.int64)
        values = point.values(every, play)
        changes = every[1:][values[1:] != values[:-1]]
        ticks = np.union1d(ticks, changes)
    values = point.values(ticks, play)
    there = ~np.isnan(values)
    return Stretch(machine, point, ticks[there], values[there])

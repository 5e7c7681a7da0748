"""Routes: what a slot stands for, as columns (point, scale, offset, kind, counters). Not here: who looks addresses up.

A slot is a small number that this process gives a binding when it first meets it, and keeps: batches carry slots until
they are cut, so that a changed map never touches what is under way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.contract import BindingSpec
from connectors.runtime.counters import Counters
from forgeline.telemetry.sample import PointKind

_DTYPE = np.dtype(
    [("point_id", "i4"), ("scale", "f8"), ("offset", "f8"), ("source", "i4"), ("is_scaled", "?")]
)


class RouteTable:
    """All slots of a process. ``add`` is guarded by the pipeline's lock; columns are replaced, never resized."""

    def __init__(self) -> None:
        self.columns: NDArray[Any] = np.zeros(256, _DTYPE)
        self.is_text: list[bool] = []
        self.sources: list[Counters] = []
        self.any_scaled = False
        self._slot_of: dict[tuple[int, int, float, float, int], int] = {}

    def add_source(self, counters: Counters) -> int:
        """Return the number by which rows name the counters of their connection."""
        self.sources.append(counters)
        return len(self.sources) - 1

    def add(self, specs: Sequence[BindingSpec], source: int) -> list[int]:
        """Return a slot for each binding; the same binding keeps its slot."""
        return [self._add(spec, source) for spec in specs]

    def _add(self, spec: BindingSpec, source: int) -> int:
        key = (spec.point_id, source, spec.scale, spec.offset, spec.kind)
        slot = self._slot_of.get(key)
        if slot is not None:
            return slot
        slot = len(self.is_text)
        if slot == len(self.columns):
            grown = np.zeros(2 * slot, _DTYPE)
            grown[:slot] = self.columns
            self.columns = grown
        is_scaled = spec.scale != 1.0 or spec.offset != 0.0
        self.columns[slot] = (spec.point_id, spec.scale, spec.offset, source, is_scaled)
        self.any_scaled = self.any_scaled or is_scaled
        self.is_text.append(spec.kind == PointKind.TEXT)
        self._slot_of[key] = slot
        return slot

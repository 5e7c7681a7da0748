"""A batch while it grows: lists by row, and the receipts that its durability settles. Not here: bounds (pipeline)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.runtime.routes import RouteTable
from forgeline.telemetry.sample import SampleBatch

Settle = Callable[[Sequence[Any]], None]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """A cut batch: the samples, whose they are, and who is told once they are durable."""

    samples: SampleBatch
    source: NDArray[np.int32]
    """Of each row, the number of its connection's counters."""
    receipts: dict[Settle, list[Any]]


@dataclass(slots=True, eq=False)
class Filling:
    """Rows of many connections in the order in which they came."""

    started_s: float = 0.0
    """Monotonic time of its first row or receipt."""
    slots: list[int] = field(default_factory=list)
    ts_us: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    texts: list[tuple[int, str]] = field(default_factory=list)
    extras: list[tuple[int, Sequence[int] | None, Sequence[int] | None, Sequence[int] | None]] = field(
        default_factory=list
    )
    """First row, and quality, status, flags from there on; most rows have none."""
    receipts: dict[Settle, list[Any]] = field(default_factory=dict)
    blocks: int = 0
    letters: int = 0
    """In all texts together."""

    def settle_later(self, settle: Settle, receipt: Any) -> None:
        """Have ``receipt`` handed to ``settle`` once the rows so far are durable."""
        waiting = self.receipts.get(settle)
        if waiting is None:
            self.receipts[settle] = [receipt]
        else:
            waiting.append(receipt)

    def cut(self, routes: RouteTable) -> Batch:
        """Turn the lists into columns: slots to points, scale and offset applied."""
        size = len(self.slots)
        slots = np.array(self.slots, np.intp)
        value = np.array(self.values, np.float64)
        columns = routes.columns
        if routes.any_scaled:
            scaled = columns["is_scaled"][slots]
            if scaled.any():
                at = slots[scaled]
                value[scaled] = value[scaled] * columns["scale"][at] + columns["offset"][at]
        quality, status, flags = np.zeros(size, np.int16), np.zeros(size, np.int64), np.zeros(size, np.int16)
        columns_told: tuple[NDArray[Any], ...] = (quality, status, flags)
        for start, *given in self.extras:
            for column, part in zip(columns_told, given, strict=True):
                if part is not None:
                    column[start : start + len(part)] = part
        text: NDArray[np.object_] | None = None
        if self.texts:
            text = np.full(size, None, np.object_)
            for row, words in self.texts:
                text[row] = words
        samples = SampleBatch(
            columns["point_id"][slots], np.array(self.ts_us, np.int64), value, quality, status, flags, text
        )
        return Batch(samples, columns["source"][slots], self.receipts)

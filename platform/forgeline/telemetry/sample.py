"""The columns in which samples travel, and the words of quality and flags. Pure: numpy only, no Django, no clock.

Not here: readings as a protocol delivers them (connectors/contract.py), tables (telemetry/models.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


class Quality(IntEnum):
    """How far a value can be trusted, after the severity bits of OPC UA Part 4, 7.39 (StatusCode)."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2


class SampleFlag(IntFlag):
    """What a reader of a sample must know beside its quality; stored as a bit set."""

    NONE = 0
    ARRIVAL_TIME = 1
    """The source gave no time; the sample bears the time of its arrival and may be doubled by a redelivery."""
    HELD = 2
    """The runtime re-confirmed an unchanged value; left out of counts, metering and rates."""
    REPLAYED = 4
    """Came late from a spool, an edge box or HistoryRead: part of the record, not of the present."""


class PointKind(IntEnum):
    """What the number of a point means; decides which roll-ups and charts make sense."""

    GAUGE = 0
    COUNTER = 1
    STATE = 2
    BOOLEAN = 3
    TEXT = 4


MAX_EXACT_INTEGER = 2**53
"""Integers beyond this are not exact in float8 and are refused (telemetry.integer_too_large)."""


@dataclass(frozen=True, slots=True, eq=False)
class SampleBatch:
    """Samples as parallel columns, in the order in which they arrived.

    **Shape** every column has the same length; a batch may mix tenants and points; no order by time is promised,
    but samples of one point stand in the order in which its source sent them (a later one wins a tie in time).
    **Units** ``ts_us`` microseconds since the Unix epoch, UTC; ``value`` in the point's own unit (scale and offset
    are applied already).
    **Gaps** NaN in ``value`` means null and is allowed with quality BAD, and for text samples; ``text`` is None for
    a batch without text, else one entry a sample (None where the sample is a number).
    """

    point_id: NDArray[np.int32]
    ts_us: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.int16]
    status: NDArray[np.int64]
    """The source's own code (an OPC UA StatusCode as unsigned 32 bits), 0 where it has none."""
    flags: NDArray[np.int16]
    text: NDArray[np.object_] | None = None

    def __post_init__(self) -> None:
        lengths = {len(column) for column in self._columns()}
        if len(lengths) > 1:
            raise ValueError(f"columns of a batch differ in length: {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.point_id)

    def _columns(self) -> list[NDArray[np.generic] | NDArray[np.object_]]:
        columns: list[NDArray[np.generic] | NDArray[np.object_]] = [
            self.point_id, self.ts_us, self.value, self.quality, self.status, self.flags
        ]  # fmt: skip
        if self.text is not None:
            columns.append(self.text)
        return columns

    @classmethod
    def from_columns(
        cls,
        point_id: Sequence[int] | NDArray[np.int32],
        ts_us: Sequence[int] | NDArray[np.int64],
        value: Sequence[float] | NDArray[np.float64],
        *,
        quality: Sequence[int] | NDArray[np.int16] | None = None,
        status: Sequence[int] | NDArray[np.int64] | None = None,
        flags: Sequence[int] | NDArray[np.int16] | None = None,
        text: Sequence[str | None] | NDArray[np.object_] | None = None,
    ) -> Self:
        """Build a batch from sequences; what is left out is good, without a source code, without flags."""
        size = len(point_id)

        def column(given: Sequence[int] | NDArray[Any] | None, dtype: type) -> NDArray[Any]:
            return np.zeros(size, dtype) if given is None else np.asarray(given, dtype)

        texts: NDArray[np.object_] | None = None
        if text is not None:
            texts = np.empty(size, np.object_)
            texts[:] = text
        return cls(
            point_id=np.asarray(point_id, np.int32),
            ts_us=np.asarray(ts_us, np.int64),
            value=np.asarray(value, np.float64),
            quality=column(quality, np.int16),
            status=column(status, np.int64),
            flags=column(flags, np.int16),
            text=texts,
        )

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Self:
        """Return the chosen rows as a batch of their own, in the order asked for."""
        return type(self)(
            point_id=self.point_id[rows],
            ts_us=self.ts_us[rows],
            value=self.value[rows],
            quality=self.quality[rows],
            status=self.status[rows],
            flags=self.flags[rows],
            text=None if self.text is None else self.text[rows],
        )

    @classmethod
    def concatenate(cls, batches: Sequence[Self]) -> Self:
        """Join batches in order; text is kept where any of them has it."""
        if len(batches) == 1:
            return batches[0]
        text: NDArray[np.object_] | None = None
        if any(batch.text is not None for batch in batches):
            text = np.concatenate(
                [np.full(len(b), None, np.object_) if b.text is None else b.text for b in batches]
            )
        return cls(
            point_id=np.concatenate([b.point_id for b in batches]),
            ts_us=np.concatenate([b.ts_us for b in batches]),
            value=np.concatenate([b.value for b in batches]),
            quality=np.concatenate([b.quality for b in batches]),
            status=np.concatenate([b.status for b in batches]),
            flags=np.concatenate([b.flags for b in batches]),
            text=text,
        )


@dataclass(frozen=True, slots=True, eq=False)
class StoredBatch:
    """What observers of ingest get after the commit: the accepted rows with what the store knows of their points.

    **Shape** ``tenant_id`` and ``asset_id`` are parallel to ``batch``. **Time** ``committed_us`` is when the commit
    returned, microseconds since the Unix epoch.
    """

    batch: SampleBatch
    tenant_id: NDArray[np.int64]
    asset_id: NDArray[np.int64]
    committed_us: int

"""Credits what became of a batch, row by row, to its connections. Not here: the counts themselves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.runtime.counters import Counters
from connectors.runtime.routes import RouteTable
from connectors.runtime.sink import SinkResult
from forgeline.telemetry.sample import SampleBatch


class Accounts:
    """Counters by source number (this process's) and by connection (on disk)."""

    def __init__(self, routes: RouteTable) -> None:
        self._routes = routes

    def connection_ids(self, source: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the connection of each row."""
        ids = np.array([counters.connection_id for counters in self._routes.sources], np.int64)
        return ids[source]

    def count(self, samples: SampleBatch, source: NDArray[np.int32], result: SinkResult) -> None:
        """Credit each connection with its rows."""
        stored = np.ones(len(samples), np.bool_) if result.reasons is None else result.reasons == 0
        for counters, number in self._tally(source, stored):
            counters.stored += number
        for mask, name in ((result.late, "late"), (result.duplicate, "duplicate")):
            if mask is not None and mask.any():
                for counters, number in self._tally(source, mask):
                    setattr(counters, name, getattr(counters, name) + number)
        if result.reasons is not None and not stored.all():
            for code in np.unique(result.reasons[~stored]).tolist():
                for counters, number in self._tally(source, result.reasons == code):
                    counters.rejected[result.reason_keys[code]] += number
        self._note_last(samples, source, stored)

    def tell(self, event: str, **facts: Any) -> None:
        """Keep what happened to the store for every connection that has sent something: it concerns them all."""
        at = time.time_ns() // 1_000_000
        for counters in self._routes.sources:
            if counters.received:
                counters.events.append({"at": at, "event": event, **facts})

    def count_spooled(self, source: NDArray[np.int32]) -> None:
        """Credit each connection with rows that wait on disk."""
        for counters, number in self._tally(source, np.ones(len(source), np.bool_)):
            counters.spooled += number

    def count_replayed(
        self, samples: SampleBatch, connection_id: NDArray[np.int64], result: SinkResult
    ) -> None:
        """Credit each connection of this process with its rows that came back from disk."""
        by_id: dict[int, int] = {}
        for number, counters in enumerate(self._routes.sources):
            by_id[counters.connection_id] = number
        source = np.array([by_id.get(each, -1) for each in connection_id.tolist()], np.int32)
        mine = source >= 0
        if not mine.any():
            return
        part = SinkResult(
            None if result.reasons is None else result.reasons[mine],
            result.reason_keys,
            None if result.late is None else result.late[mine],
            None if result.duplicate is None else result.duplicate[mine],
        )
        self.count(samples.take(mine), source[mine], part)
        for counters, number in self._tally(source[mine], np.ones(int(mine.sum()), np.bool_)):
            counters.replayed += number

    def _tally(self, source: NDArray[np.int32], rows: NDArray[np.bool_]) -> Iterator[tuple[Counters, int]]:
        numbers = np.bincount(source[rows], minlength=1)
        for at in np.flatnonzero(numbers).tolist():
            yield self._routes.sources[at], int(numbers[at])

    def _note_last(self, samples: SampleBatch, source: NDArray[np.int32], stored: NDArray[np.bool_]) -> None:
        newest = np.zeros(len(self._routes.sources), np.int64)
        np.maximum.at(newest, source[stored], samples.ts_us[stored])
        for at in np.flatnonzero(newest).tolist():
            counters = self._routes.sources[at]
            counters.last_ts_us = max(counters.last_ts_us, int(newest[at]))

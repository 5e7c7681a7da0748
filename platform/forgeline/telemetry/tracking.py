"""What an ingesting process remembers of its points: last time, latest value, open buckets; and when it writes them.

Not here: the arithmetic of roll-ups (rollup), their statements (engines/rollups, engines/latest), the thread (keeper).
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forgeline.base.clock import to_us
from forgeline.telemetry import metrics
from forgeline.telemetry.engines import latest as latest_table, store, writers
from forgeline.telemetry.engines.connection import StoreAwayError, store_connection
from forgeline.telemetry.keeper import Keeper
from forgeline.telemetry.points import PointDirectory
from forgeline.telemetry.sample import PointKind, SampleBatch

NEVER = np.iinfo(np.int64).min

_LATEST = np.dtype(
    [
        ("ts", "i8"),
        ("value", "f8"),
        ("quality", "i2"),
        ("flags", "i2"),
        ("status", "i8"),
        ("dirty", "?"),
        ("reread", "?"),
    ]
)


class Tracker:
    """State by slot. ``lock`` is ingest's: whoever touches a column holds it."""

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._flushing = threading.Lock()
        self.directory = PointDirectory()
        self.last_ts: NDArray[np.int64] = np.zeros(0, np.int64)
        """Time of each point's newest stored row, as far as this process knows."""
        self._met: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._latest: NDArray[Any] = np.zeros(0, _LATEST)
        self._texts: dict[int, str | None] = {}
        self.writer_id = 0
        self._keeper = Keeper(self)

    # --- ingest's side, under the lock ------------------------------------------------------------------------

    def find_slots(self, point_ids: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the slot of each row, -1 where there is no such point."""
        slots = self.directory.find_slots(point_ids)
        self._grow(len(self.directory))
        return slots

    def meet(self, slots: NDArray[np.int32]) -> None:
        """Know the last stored row of each of these points before something is written for it."""
        if not self.writer_id:
            with store_connection() as connection:
                self.writer_id = writers.register(connection)
        unmet = ~self._met[slots]
        if unmet.any():
            self.reload(np.unique(slots[unmet]))

    def reload(self, slots: NDArray[np.int32]) -> None:
        """Read the last stored row of these points from the store."""
        facts = self.directory.facts[slots]
        is_text = facts["kind"] == PointKind.TEXT
        self.last_ts[slots] = NEVER
        with store_connection() as connection:
            for table, chosen in (("telemetry_sample", ~is_text), ("telemetry_text", is_text)):
                if not chosen.any():
                    continue
                slot_of = dict(zip(facts["point_id"][chosen].tolist(), slots[chosen].tolist(), strict=True))
                for point_id, ts, *_ in store.read_last(connection, facts["point_id"][chosen], table=table):
                    self.last_ts[slot_of[point_id]] = to_us(ts)
        self._met[slots] = True

    def record(
        self,
        rows: SampleBatch,
        slots: NDArray[np.int32],
        *,
        late: NDArray[np.bool_],
        existed: NDArray[np.bool_],
        seq: int,
    ) -> NDArray[np.bool_]:
        """Take note of rows that were committed, by point and time; return which are their point's newest of all."""
        ends = np.ones(len(rows), np.bool_)
        ends[:-1] = slots[1:] != slots[:-1]
        at = np.flatnonzero(ends)
        newest = rows.ts_us[at] >= self.last_ts[slots[at]]
        if not newest.all():
            at = at[newest]
        self._remember_latest(rows, slots, at, existed)
        is_last = np.zeros(len(rows), np.bool_)
        is_last[at] = True
        return is_last

    def _remember_latest(
        self, rows: SampleBatch, slots: NDArray[np.int32], at: NDArray[np.intp], existed: NDArray[np.bool_]
    ) -> None:
        chosen = slots[at]
        latest = self._latest
        latest["ts"][chosen] = rows.ts_us[at]
        latest["value"][chosen] = rows.value[at]
        latest["quality"][chosen] = rows.quality[at]
        latest["flags"][chosen] = rows.flags[at]
        latest["status"][chosen] = rows.status[at]
        latest["dirty"][chosen] = True
        # Two processes may have written the same instant: the store says which of them was last.
        latest["reread"][chosen] = existed[at]
        self.last_ts[chosen] = rows.ts_us[at]
        if rows.text is not None:
            self._texts.update(zip(chosen.tolist(), rows.text[at].tolist(), strict=True))

    def _grow(self, size: int) -> None:
        more = size - len(self.last_ts)
        if more <= 0:
            return
        self.last_ts = np.concatenate([self.last_ts, np.full(more, NEVER, np.int64)])
        self._met = np.concatenate([self._met, np.zeros(more, np.bool_)])
        self._latest = np.concatenate([self._latest, np.zeros(more, _LATEST)])

    # --- what follows by time -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread that flushes."""
        self._keeper.start()

    def stop(self) -> None:
        """Stop the thread, flush what waits and sign off; what cannot be written is left to the other processes."""
        self._keeper.stop()

    def abandon(self) -> None:
        """Stop the thread and write nothing."""
        self._keeper.stop(flush=False)

    def refresh_points(self) -> None:
        """Read the points anew after a change."""
        with self._lock:
            self.directory.refresh()

    def flush(self, now_us: int) -> None:
        """Write latest values and closed buckets. **Raises** StoreAwayError; what waited waits on."""
        with self._flushing:
            with self._lock:
                slots = np.flatnonzero(self._latest["dirty"])
                taken = self._latest[slots]
                self._latest["dirty"][slots] = False
                point_ids = self.directory.facts["point_id"][slots]
                texts = [self._texts.get(slot) for slot in slots.tolist()] if self._texts else None
            try:
                with store_connection() as connection, connection.transaction():
                    latest_table.upsert(connection, point_ids, taken, texts)
            except StoreAwayError:
                metrics.FLUSH_FAILURES.inc()
                with self._lock:
                    self._latest["dirty"][slots] = True
                raise

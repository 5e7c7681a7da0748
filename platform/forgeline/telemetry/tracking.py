"""What an ingesting process remembers of its points: last time, latest value, open buckets; and when it writes them.

Not here: the arithmetic of roll-ups (rollup), their statements (engines/rollups, engines/latest), the thread (keeper).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from forgeline.telemetry import metrics
from forgeline.telemetry.closing import Closer
from forgeline.telemetry.engines import latest as latest_table, store, writers
from forgeline.telemetry.engines.base import CommitPosition
from forgeline.telemetry.engines.connection import store_connection
from forgeline.telemetry.keeper import Keeper
from forgeline.telemetry.points import PointDirectory
from forgeline.telemetry.recovery import Recovery
from forgeline.telemetry.rollup_keeping import MAX_WAITING, RollupKeeping
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


@dataclass(frozen=True, slots=True, eq=False)
class _Latest:
    """Latest values on their way to the table."""

    slots: NDArray[np.intp]
    point_ids: NDArray[np.int32]
    rows: NDArray[Any]
    texts: list[str | None] | None


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
        self._seq = 0
        self._others = CommitPosition(0, 0)
        self._rollups = RollupKeeping()
        self._closer = Closer()
        self.recovery = Recovery()
        self._held_by = 0
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
                # From here on the others are listened to: what they wrote before is read with each point's last row.
                self._others = writers.read_end(connection)
        unmet = ~self._met[slots]
        if unmet.any():
            self.reload(np.unique(slots[unmet]))

    def reload(self, slots: NDArray[Any]) -> None:
        """Read the last stored row of these points from the store."""
        facts = self.directory.facts[slots]
        is_text = facts["kind"] == PointKind.TEXT
        is_counter = facts["kind"] == PointKind.COUNTER
        with store_connection() as connection:
            last = self._read_last(connection, slots, ~is_text, "any")
            measured = self._read_last(connection, slots, is_counter, "measured")
            texts = self._read_last(connection, slots, is_text, "text")
        self.last_ts[slots] = np.where(is_text, texts["ts"], last["ts"])
        self._rollups.partials.load(slots, self.directory.rhythm(slots), last, measured)
        self._met[slots] = True

    def _read_last(
        self, connection: Connection[Any], slots: NDArray[Any], chosen: NDArray[np.bool_], which: str
    ) -> NDArray[Any]:
        """Return a row (store.LAST) a slot; its time is NEVER where nothing is stored, or nothing was asked."""
        out = np.zeros(len(slots), store.LAST)
        out["ts"] = NEVER
        point_ids = self.directory.facts["point_id"][slots]
        out["point_id"] = point_ids
        if chosen.any():
            found = store.read_last(connection, point_ids[chosen], which=which)
            order = np.argsort(point_ids)
            out[order[np.searchsorted(point_ids, found["point_id"], sorter=order)]] = found
        return out

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
        forgotten = self._rollups.record(self.directory, rows, slots, late=late, seq=seq)
        self._met[forgotten] = False
        self._seq = seq
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
        self._rollups.partials.grow(size)

    @property
    def is_behind(self) -> bool:
        """More buckets wait to be computed anew than may."""
        return self.waiting > MAX_WAITING

    @property
    def waiting(self) -> int:
        """Buckets that wait to be computed anew."""
        return sum(self._rollups.partials.waiting)

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
        """Read the points anew after a change; those that roll up otherwise begin again from the store."""
        with self._lock:
            changed = self.directory.refresh()
            self._met[changed] = False
            self._rollups.begin_anew(self.directory, changed)

    def flush(self, now_us: int) -> None:
        """Write latest values and closed buckets. **Raises** StoreAwayError; what waited waits on."""
        with self._flushing:
            self._learn_of_others()
            self._look_behind_late_counters()
            with self._lock:
                latest = self._take_latest()
                rollups = self._rollups.take_out(self.directory, now_us)
                writer_id, seq = self.writer_id, self._seq
            if not writer_id:
                return
            try:
                with store_connection() as connection:
                    with connection.transaction():
                        latest_table.upsert(connection, latest.point_ids, latest.rows, latest.texts)
                    self._rollups.write(connection, rollups)
                    is_entered = writers.tell_progress(
                        connection,
                        writer_id,
                        latest_seq=seq,
                        minute_seq=rollups.minute_seq,
                        hour_seq=rollups.hour_seq,
                    )
                    if not is_entered:
                        writer_id = self._enter_again(connection)
                    self._show_life(connection, writer_id)
                    self._closer.compose_closed(connection, now_us)
                    self.recovery.look(connection, writer_id, now_us)
            except BaseException:
                metrics.FLUSH_FAILURES.inc()
                with self._lock:
                    self._latest["dirty"][latest.slots] = True
                    self._rollups.put_back(rollups)
                raise

    def _look_behind_late_counters(self) -> None:
        with self._lock:
            taken = self._rollups.take_late_counters()
        if not taken:
            return
        try:
            with store_connection() as connection:
                points, times = (np.concatenate(columns) for columns in zip(*taken, strict=True))
                found = store.read_next_measured(connection, points, times)
        except BaseException:
            with self._lock:
                self._rollups.put_back_late_counters(taken)
            raise
        with self._lock:
            self._rollups.amend_behind(self.directory, found)

    def _enter_again(self, connection: Connection[Any]) -> int:
        """Another process took this one for dead while it stood still; what it did is right, and goes on."""
        writer_id = writers.register(connection)
        with self._lock:
            self.writer_id = writer_id
        self._held_by = 0
        return writer_id

    def _show_life(self, connection: Connection[Any], writer_id: int) -> None:
        """Hold this writer's lock; a new connection must take it again."""
        pid = connection.info.backend_pid
        if self._held_by != pid and writers.hold(connection, writer_id):
            self._held_by = pid

    def _take_latest(self) -> _Latest:
        slots = np.flatnonzero(self._latest["dirty"])
        metrics.LATEST_WAITING.set(len(slots))
        rows = self._latest[slots]
        self._latest["dirty"][slots] = False
        texts = [self._texts.get(slot) for slot in slots.tolist()] if self._texts else None
        return _Latest(slots, self.directory.facts["point_id"][slots], rows, texts)

    def _learn_of_others(self) -> None:
        """Points for which another process has written since begin again from the store."""
        with self._lock:
            if not self.writer_id:
                return
            position = self._others
        with store_connection() as connection:
            commits, position = writers.read_others(connection, self.writer_id, position)
        with self._lock:
            self._others = position
            for point_ids, from_us, to_us in commits:
                slots = self.directory.known_slots(point_ids)
                self._met[slots] = False
                self._rollups.doubt(self.directory, slots, from_us, to_us)

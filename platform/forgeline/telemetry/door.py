"""The way of one batch from its arrival to its commit: screened, put in order, written, noted.

Not here: who may call it and when (ingest), what may enter (screening), the statements (engines/store).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from django.conf import settings
from numpy.typing import NDArray

from forgeline.telemetry import metrics
from forgeline.telemetry.engines import store
from forgeline.telemetry.engines.base import CommitRow
from forgeline.telemetry.engines.catalogue import current_engine
from forgeline.telemetry.engines.connection import lift_tuple_limit, store_connection
from forgeline.telemetry.sample import PointKind, SampleBatch
from forgeline.telemetry.screening import Limits, PointFacts, Reason, count_reasons, screen
from forgeline.telemetry.tracking import Tracker

DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True, eq=False)
class IngestResult:
    """What became of a batch. ``reasons`` has an entry a row of the batch, in its order: 0, or a screening.Reason."""

    accepted: int
    """Rows that are on disk, or gave way to a later one of the same batch with the same point and time."""
    inserted: int
    replaced: int
    """Rows whose point and time had been stored before."""
    duplicates: int
    """Rows that gave way to a later one of the same batch."""
    late: int
    """Rows that were not newer than their point's last."""
    rejected: dict[str, int]
    """Reason key → rows."""
    reasons: NDArray[np.int8]
    late_rows: NDArray[np.bool_] | None = None
    """Which rows were not newer than their point's last; None where none was."""
    duplicate_rows: NDArray[np.bool_] | None = None
    """Which rows had been stored before, or gave way to a later one of the batch; None where none did."""

    def list_rejected(self) -> list[tuple[int, str]]:
        """Return (row, reason key) of each refused row."""
        rows = np.flatnonzero(self.reasons)
        return [(int(row), Reason(int(self.reasons[row])).key) for row in rows]


@dataclass(frozen=True, slots=True, eq=False)
class StoredBatch:
    """What an observer is given after the commit: the stored rows, by point and time, no two alike."""

    rows: SampleBatch
    tenant_id: NDArray[np.int64]
    asset_id: NDArray[np.int64]
    is_last: NDArray[np.bool_]
    """The row is its point's newest of all: what a live page shows."""


def oldest_accepted_us(now_us: int) -> int:
    """Return the time before which samples are refused: the retention's edge, to the start of its day."""
    return (now_us - round(settings.TELEMETRY["RETENTION_DAYS"] * DAY_US)) // DAY_US * DAY_US


class Door:
    """The way of one batch from its arrival to its commit."""

    def __init__(self, tracker: Tracker, batch: SampleBatch, now_us: int) -> None:
        self.tracker = tracker
        self.batch = batch
        self.now_us = now_us

    def screen(self) -> NDArray[np.int8]:
        """Return the reason of each row; nothing is written."""
        slots = self.tracker.find_slots(self.batch.point_id)
        return screen(self.batch, self._facts(slots), self._limits(slots))[0]

    def pass_through(self) -> tuple[IngestResult, StoredBatch | None]:
        slots = self.tracker.find_slots(self.batch.point_id)
        reasons, quality = screen(self.batch, self._facts(slots), self._limits(slots))
        every_slot = slots
        accepted, at = self._settle_order(reasons)
        rows, slots = self._rows(at, quality), every_slot[at]
        duplicates = len(accepted) - len(rows)
        if not len(rows):
            return IngestResult(0, 0, 0, 0, 0, count_reasons(reasons), reasons), None
        current_engine().ensure_chunks(int(rows.ts_us.min()), int(rows.ts_us.max()))
        self.tracker.meet(slots)
        existed, late, seq = self._write(rows, slots)
        is_last = self.tracker.record(rows, slots, late=late, existed=existed, seq=seq)
        facts = self.tracker.directory.facts
        stored = StoredBatch(rows, facts["tenant_id"][slots], facts["asset_id"][slots], is_last)
        replaced = int(existed.sum())
        result = IngestResult(
            accepted=len(accepted),
            inserted=len(rows) - replaced,
            replaced=replaced,
            duplicates=duplicates,
            late=int(late.sum()),
            rejected=count_reasons(reasons),
            reasons=reasons,
            late_rows=_mask(len(self.batch), at[late]),
            duplicate_rows=_mask(
                len(self.batch), np.concatenate([at[existed], self._gave_way(accepted, at)])
            ),
        )
        return result, stored

    def _facts(self, slots: NDArray[np.int32]) -> PointFacts:
        facts = self.tracker.directory.facts
        known = slots >= 0
        if not len(facts):
            nothing = np.zeros(len(slots), np.int8)
            return PointFacts(known, known, nothing, nothing.astype(np.float64), nothing.astype(np.float64))
        # An unknown row borrows another point's facts; it is refused as unknown whatever they say.
        safe = np.where(known, slots, 0)
        return PointFacts(
            known,
            facts["active"][safe],
            facts["kind"][safe],
            facts["valid_min"][safe],
            facts["valid_max"][safe],
        )

    def _limits(self, slots: NDArray[np.int32]) -> Limits:
        newest_us = self.now_us + round(settings.TELEMETRY["MAX_AHEAD_S"] * 1e6)
        oldest_us = oldest_accepted_us(self.now_us)
        directory = self.tracker.directory
        if not directory.keeps_shorter:
            return Limits(oldest_us, newest_us)
        kept_us = directory.facts["kept_us"][np.maximum(slots, 0)]
        return Limits(np.maximum(self.now_us - kept_us, oldest_us), newest_us)

    def _settle_order(self, reasons: NDArray[np.int8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the rows that were accepted, and of those by point and time the later of two alike."""
        batch = self.batch
        accepted = np.flatnonzero(reasons == 0)
        # lexsort is stable: of two rows alike the one that arrived later stands second, and wins.
        at = accepted[np.lexsort((batch.ts_us[accepted], batch.point_id[accepted]))]
        point_id, ts_us = batch.point_id[at], batch.ts_us[at]
        wins = np.ones(len(at), np.bool_)
        wins[:-1] = (point_id[1:] != point_id[:-1]) | (ts_us[1:] != ts_us[:-1])
        return accepted, at if wins.all() else at[wins]

    @staticmethod
    def _gave_way(accepted: NDArray[np.intp], at: NDArray[np.intp]) -> NDArray[np.intp]:
        return accepted[:0] if len(at) == len(accepted) else np.setdiff1d(accepted, at)

    def _rows(self, at: NDArray[np.intp], quality: NDArray[np.int16]) -> SampleBatch:
        batch = self.batch
        return SampleBatch(
            point_id=batch.point_id[at], ts_us=batch.ts_us[at], value=batch.value[at], quality=quality[at],
            status=batch.status[at], flags=batch.flags[at], text=None if batch.text is None else batch.text[at],
        )  # fmt: skip

    def _write(
        self, rows: SampleBatch, slots: NDArray[np.int32]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_], int]:
        """Write in one transaction; return which rows existed, which were late, and the commit's number."""
        engine = current_engine()
        late = rows.ts_us <= self.tracker.last_ts[slots]
        slow = late if engine.capabilities.accepts_copy else np.ones(len(rows), np.bool_)
        with store_connection() as connection:
            try:
                return self._transact(connection, rows, slots, late, slow)
            except psycopg.errors.UniqueViolation:
                # Another process wrote for one of these points; from here on its last time is known.
                metrics.COPY_CONFLICTS.inc()
                self.tracker.reload(np.unique(slots))
                late = rows.ts_us <= self.tracker.last_ts[slots]
                return self._transact(connection, rows, slots, late, np.ones(len(rows), np.bool_))
            except psycopg.errors.CheckViolation:
                # A chunk was dropped by another process since this one last looked: make it again.
                engine.forget_chunks()
                engine.ensure_chunks(int(rows.ts_us.min()), int(rows.ts_us.max()))
                return self._transact(connection, rows, slots, late, slow)

    def _transact(
        self,
        connection: psycopg.Connection[Any],
        rows: SampleBatch,
        slots: NDArray[np.int32],
        late: NDArray[np.bool_],
        slow: NDArray[np.bool_],
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_], int]:
        existed = np.zeros(len(rows), np.bool_)
        is_text = self.tracker.directory.facts["kind"][slots] == PointKind.TEXT
        with connection.transaction():
            if current_engine().capabilities.compresses and slow.any():
                lift_tuple_limit(connection)
            if not is_text.any():
                fast_rows = rows if not slow.any() else rows.take(~slow)
                slow_at = np.flatnonzero(slow)
            else:
                fast_rows = rows.take(~slow & ~is_text)
                slow_at = np.flatnonzero(slow & ~is_text)
                existed[is_text] = store.upsert_texts(connection, rows.take(is_text))
            if len(fast_rows):
                store.copy_samples(connection, fast_rows)
            if len(slow_at):
                existed[slow_at] = store.upsert_samples(connection, rows.take(slow_at))
            commits = self._commits(rows, slots, late, existed)
            seq = store.insert_commits(connection, self.tracker.writer_id, commits)
        return existed, late, seq

    def _commits(
        self, rows: SampleBatch, slots: NDArray[np.int32], late: NDArray[np.bool_], existed: NDArray[np.bool_]
    ) -> list[CommitRow]:
        """One row a tenant. Most batches hold one tenant's points only; the sort is for those that mix."""
        tenants = self.tracker.directory.facts["tenant_id"][slots]
        if (tenants == tenants[0]).all():
            return [_commit_row(int(tenants[0]), rows.point_id, rows.ts_us, late, existed)]
        order = np.argsort(tenants, kind="stable")
        cuts = np.flatnonzero(np.diff(tenants[order])) + 1
        return [
            _commit_row(
                int(tenants[part[0]]), rows.point_id[part], rows.ts_us[part], late[part], existed[part]
            )
            for part in np.split(order, cuts)
        ]


def _mask(size: int, rows: NDArray[np.intp]) -> NDArray[np.bool_] | None:
    if not len(rows):
        return None
    mask = np.zeros(size, np.bool_)
    mask[rows] = True
    return mask


def _commit_row(
    tenant_id: int,
    point_id: NDArray[np.int32],
    ts_us: NDArray[np.int64],
    late: NDArray[np.bool_],
    existed: NDArray[np.bool_],
) -> CommitRow:
    replaced = int(existed.sum())
    return CommitRow(
        tenant_id=tenant_id,
        point_ids=_distinct(point_id),
        from_us=int(ts_us.min()),
        to_us=int(ts_us.max()),
        inserted=len(point_id) - replaced,
        replaced=replaced,
        late_point_ids=_distinct(point_id[late]),
        late_from_us=int(ts_us[late].min()) if late.any() else None,
    )


def _distinct(sorted_ids: NDArray[np.int32]) -> NDArray[np.int32]:
    if not len(sorted_ids):
        return sorted_ids
    first = np.ones(len(sorted_ids), np.bool_)
    first[1:] = sorted_ids[1:] != sorted_ids[:-1]
    return sorted_ids[first]

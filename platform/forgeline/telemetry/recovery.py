"""What a process left undone when it died: latest values and roll-ups, brought on from the commit log by another.

A writer shows that it lives by an advisory lock and a time stamp. When both are gone, whoever takes the lock does
what follows from its commits, up to what can be certain now, and strikes it out once nothing is left.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray
from psycopg import Connection

from forgeline.telemetry import metrics
from forgeline.telemetry.buckets import HOUR_US, MINUTE_US
from forgeline.telemetry.closing import Frame, compose_above
from forgeline.telemetry.distinct import distinct_rows
from forgeline.telemetry.engines import latest, rollups as tables, store, writers
from forgeline.telemetry.engines.base import Resolution
from forgeline.telemetry.points import PointDirectory
from forgeline.telemetry.rollup_keeping import MAX_TASKS, SETTLE_US, expand, tasks_of
from forgeline.telemetry.sample import PointKind

SILENT_S = 10.0
CHECK_S = 5.0
AGAIN_S = 60.0
"""A dead writer's open hour can only be finished when it is over; it is looked at this often until then."""
MAX_COMMITS = 500
"""Commits handled at a time, so that a long list does not fill the memory."""

log = structlog.get_logger(__name__)


class Recovery:
    """Look for dead writers now and then. Its own directory: the points are not this process's."""

    def __init__(self, *, silent_s: float = SILENT_S) -> None:
        self._silent_s = silent_s
        self._looked_at = -CHECK_S
        self._again_at: dict[int, float] = {}

    def look(self, connection: Connection[Any], own_id: int, now_us: int) -> int:
        """Bring on what dead writers left; return how many were found. Cheap when there is none."""
        if time.monotonic() - self._looked_at < CHECK_S and self._silent_s:
            return 0
        self._looked_at = time.monotonic()
        found = 0
        for writer_id, *seqs in writers.list_silent(connection, own_id, silent_s=self._silent_s):
            if self._again_at.get(writer_id, 0.0) > time.monotonic() or not writers.hold(
                connection, writer_id
            ):
                continue
            try:
                found += 1
                is_done = _bring_on(connection, writer_id, seqs[0], seqs[1], seqs[2], now_us)
                if is_done:
                    writers.forget(connection, writer_id)
                    self._again_at.pop(writer_id, None)
                    metrics.RECOVERED_WRITERS.inc()
                    log.info("what another process left was brought on", writer=writer_id)
                else:
                    self._again_at[writer_id] = time.monotonic() + AGAIN_S
            finally:
                writers.release(connection, writer_id)
        return found


def _bring_on(
    connection: Connection[Any], writer_id: int, latest_seq: int, minute_seq: int, hour_seq: int, now_us: int
) -> bool:
    """Return whether nothing is left to do."""
    settled = now_us - SETTLE_US
    directory = PointDirectory()
    at = min(latest_seq, minute_seq, hour_seq)
    done_minute, done_hour = minute_seq, hour_seq
    minutes_whole = hours_whole = True
    while commits := writers.read_commits_of(connection, writer_id, at, limit=MAX_COMMITS):
        at = commits[-1][0]
        _bring_latest(connection, [points for seq, points, *_ in commits if seq > latest_seq])
        pairs = [
            _pairs_of(connection, directory, commit, minute_seq=minute_seq, hour_seq=hour_seq)
            for commit in commits
        ]
        every = distinct_rows(np.concatenate(pairs)) if pairs else np.zeros((0, 2), np.int64)
        _recompute(connection, directory, every, settled)
        for seq, _, _, to_us, _ in commits:
            # A commit of which a bucket is still open keeps the position where it is.
            minutes_whole = minutes_whole and to_us < settled // MINUTE_US * MINUTE_US
            hours_whole = hours_whole and to_us < (settled // HOUR_US - 1) * HOUR_US
            done_minute = max(done_minute, seq) if minutes_whole else done_minute
            done_hour = max(done_hour, seq) if hours_whole else done_hour
    writers.tell_recovered(connection, writer_id, latest_seq=at, minute_seq=done_minute, hour_seq=done_hour)
    return minutes_whole and hours_whole


def _bring_latest(connection: Connection[Any], point_lists: list[list[int]]) -> None:
    if point_lists:
        points = np.unique(np.concatenate([np.array(points, np.int32) for points in point_lists]))
        with connection.transaction():
            latest.reread_latest(connection, points)


def _pairs_of(
    connection: Connection[Any], directory: PointDirectory, commit: tuple[int, list[int], int, int, list[int]],
    *, minute_seq: int, hour_seq: int,
) -> NDArray[np.int64]:  # fmt: skip
    """Return the (slot, bucket) pairs that a commit reaches, of those not certain yet."""
    seq, points, from_us, to_us, late = commit
    slots = directory.find_slots(np.array(points, np.int32))
    slots = slots[slots >= 0]
    facts = directory.facts[slots]
    slots = slots[
        (facts["kind"] != PointKind.TEXT)
        & (seq > np.where(facts["bucket_us"] == MINUTE_US, minute_seq, hour_seq))
    ]
    rhythm = directory.rhythm(slots)
    size = len(slots)
    low = rhythm.bucket_of(np.full(size, from_us) - np.where(rhythm.is_counter, rhythm.hold, 0))
    high = rhythm.bucket_of(np.full(size, to_us) + rhythm.hold)
    pairs = expand(np.stack([slots.astype(np.int64), low, high], axis=1))
    if late:
        pairs = np.concatenate([pairs, _pairs_after(connection, directory, np.array(late, np.int32), to_us)])
    return pairs


def _pairs_after(
    connection: Connection[Any], directory: PointDirectory, late: NDArray[np.int32], to_us: int
) -> NDArray[np.int64]:
    """The reading after a late row of a counter rises from another one now."""
    found = store.read_next_measured(connection, late, np.full(len(late), to_us, np.int64))
    slots = directory.find_slots(np.ascontiguousarray(found["point_id"]))
    found, slots = found[slots >= 0], slots[slots >= 0]
    return np.stack([slots.astype(np.int64), directory.rhythm(slots).bucket_of(found["ts"])], axis=1)


def _recompute(
    connection: Connection[Any], directory: PointDirectory, pairs: NDArray[np.int64], settled_us: int
) -> None:
    if not len(pairs):
        return
    tasks = tasks_of(directory.facts, pairs)
    width = directory.facts["bucket_us"][pairs[:, 0]]
    frame = Frame(settled_us, directory.facts, directory.zones)
    for resolution, us in ((Resolution.MINUTE, MINUTE_US), (Resolution.HOUR, HOUR_US)):
        chosen = tasks.take((width == us) & (tasks.end_us <= settled_us))
        for start in range(0, len(chosen), MAX_TASKS):
            with connection.transaction():
                tables.recompute(connection, resolution, chosen.take(slice(start, start + MAX_TASKS)))
        compose_above(connection, resolution, chosen.point_id, chosen.start_us, frame)

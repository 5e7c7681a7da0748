"""Live values: after each commit, one message for each machine in the batch. Not here: sockets (realtime).

A thread of its own publishes, so that the way to the disk never waits for a page. When it falls behind, the oldest
batch that waits is skipped and counted: live values are a courtesy, the store is the record.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from prometheus_client import Counter

from forgeline.realtime.publish import publish_many
from forgeline.telemetry.ingest import StoredBatch

MOST_WAITING = 16
PULSE = "commits"
"""``commits.<tenant>`` says that something was stored; who follows the log reads it. Nobody subscribes to it."""
SKIPPED = Counter(
    "forgeline_live_batches_skipped_total", "Batches whose live values were skipped to keep up."
)

_waiting: queue.Queue[StoredBatch] = queue.Queue(MOST_WAITING)
_start_lock = threading.Lock()
_thread: threading.Thread | None = None


def publish_batch(stored: StoredBatch) -> None:
    """Observer of ingest: have the batch's newest values published soon; never waits."""
    _start()
    while True:
        try:
            _waiting.put_nowait(stored)
        except queue.Full:
            _skip_oldest()
        else:
            return


def _skip_oldest() -> None:
    try:
        _waiting.get_nowait()
    except queue.Empty:
        return
    _waiting.task_done()
    SKIPPED.inc()


def drain() -> None:
    """Wait until everything that was handed over is published; for an orderly end and for tests."""
    _waiting.join()


def _start() -> None:
    global _thread
    if _thread is not None and _thread.is_alive():
        return
    with _start_lock:
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_run, name="telemetry-live", daemon=True)
            _thread.start()


def _run() -> None:
    while True:
        stored = _waiting.get()
        try:
            publish_now(stored)
        finally:
            _waiting.task_done()


def publish_now(stored: StoredBatch) -> None:
    """Publish the newest value of each point to the topic of its machine.

    **Shape** ``{"t": "samples", "p": [[point_id, ts_ms, value, quality], …]}``; value is null where it is none, and
    the text for a text point. Then one message a tenant wakes whoever follows its log.
    """
    publish_many(
        [
            *_newest_by_machine(stored),
            *((f"{PULSE}.{tenant}", {}) for tenant in set(stored.tenant_id.tolist())),
        ]
    )


def _newest_by_machine(stored: StoredBatch) -> Iterator[tuple[str, dict[str, Any]]]:
    at = np.flatnonzero(stored.is_last)
    if not len(at):
        return
    rows = stored.rows
    order = at[np.argsort(stored.asset_id[at], kind="stable")]
    assets = stored.asset_id[order]
    values: list[Any] = rows.value[order].tolist()
    for i in np.flatnonzero(np.isnan(rows.value[order])).tolist():
        values[i] = None if rows.text is None else rows.text[order[i]]
    entries = list(
        map(list, zip(rows.point_id[order].tolist(), (rows.ts_us[order] // 1000).tolist(), values,
                      rows.quality[order].tolist(), strict=True))
    )  # fmt: skip
    cuts = [0, *(np.flatnonzero(np.diff(assets)) + 1).tolist(), len(order)]
    for start, end in pairwise(cuts):
        yield f"asset.{int(assets[start])}", {"t": "samples", "p": entries[start:end]}

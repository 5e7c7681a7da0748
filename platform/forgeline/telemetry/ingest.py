"""The one write door: a batch comes in, rows go to disk, observers are told. Everything that writes a sample calls
``ingest_batch``; nothing else writes one.

Not here: a batch's way to the disk (door), what may enter (screening), what follows by time (keeper).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import structlog
from django.db import connections
from numpy.typing import NDArray

from forgeline.base.clock import now_us as clock_now_us
from forgeline.telemetry import metrics
from forgeline.telemetry.door import Door, IngestResult, StoredBatch
from forgeline.telemetry.engines.catalogue import current_engine
from forgeline.telemetry.sample import SampleBatch
from forgeline.telemetry.tracking import Tracker

__all__ = [
    "IngestResult", "StoredBatch", "close", "flush", "ingest_batch", "register_observer", "reset", "screen_batch",
    "settle",
]  # fmt: skip

MAX_WAIT_S = 20.0
"""How long a batch is held back at most while roll-ups are worked off."""

log = structlog.get_logger(__name__)


Observer = Callable[[StoredBatch], None]

_observers: list[Observer] = []
_lock = threading.RLock()
_tracker: Tracker | None = None


def register_observer(observer: Observer) -> None:
    """Have ``observer`` called after each commit, in the ingesting thread: it must be quick. conf calls this."""
    if observer not in _observers:
        _observers.append(observer)


def ingest_batch(batch: SampleBatch, *, now_us: int | None = None) -> IngestResult:
    """Store a batch; return what became of each row once what was accepted is on disk.

    A batch may mix tenants and points. Sending it again changes nothing. ``now_us`` is the clock for the bounds of
    time (default: now). Safe to call from several threads; they take turns.
    **Raises** UnavailableError when the store is away: nothing of the batch was stored, send it again.
    """
    started = time.monotonic()
    _wait_for_room(started)
    with _lock:
        try:
            result, stored = Door(
                tracker(), batch, clock_now_us() if now_us is None else now_us
            ).pass_through()
        except Exception:
            metrics.BATCHES_FAILED.inc()
            raise
        _count(result)
        metrics.BATCH_SECONDS.observe(time.monotonic() - started)
        if stored is not None:
            _announce(stored)
    return result


def screen_batch(batch: SampleBatch, *, now_us: int | None = None) -> NDArray[np.int8]:
    """Return for each row the screening.Reason for which it would be refused, 0 for none; nothing is stored."""
    with _lock:
        return Door(tracker(), batch, clock_now_us() if now_us is None else now_us).screen()


def _wait_for_room(started: float) -> None:
    """Hold the sender back while roll-ups cannot follow; for a while only, the rows themselves come first."""
    while _tracker is not None and _tracker.is_behind and time.monotonic() - started < MAX_WAIT_S:
        time.sleep(0.05)


def tracker() -> Tracker:
    """Return what this process remembers of points, and start what follows by time, on first use."""
    global _tracker
    with _lock:
        if _tracker is None:
            _tracker = Tracker(_lock)
            _tracker.start()
        return _tracker


def flush(*, now_us: int | None = None) -> None:
    """Write latest values and closed roll-ups of this process now, instead of within a second.

    **Raises** UnavailableError when the store is away.
    """
    if _tracker is not None:
        _tracker.flush(clock_now_us() if now_us is None else now_us)


def settle(*, now_us: int | None = None) -> bool:
    """Flush, and say whether nothing waits any more: after a large import, whose roll-ups take several."""
    flush(now_us=now_us)
    return _tracker is None or not _tracker.waiting


def close() -> None:
    """Flush and stop what follows by time; for an orderly end of a process. ingest_batch starts it anew."""
    global _tracker
    if _tracker is not None:
        _tracker.stop()
        _tracker = None


def reset() -> None:
    """Forget everything without writing: for tests, between which the tables are emptied."""
    global _tracker
    with _lock:
        if _tracker is not None:
            _tracker.abandon()
            _tracker = None
        current_engine.cache_clear()
        connections["ingest"].close()


def _count(result: IngestResult) -> None:
    metrics.BATCHES.inc()
    metrics.ACCEPTED.inc(result.accepted)
    metrics.REPLACED.inc(result.replaced)
    metrics.LATE.inc(result.late)
    for key, count in result.rejected.items():
        metrics.REFUSED.labels(key).inc(count)


def _announce(stored: StoredBatch) -> None:
    for observer in _observers:
        try:
            observer(stored)
        # The rows are on disk; whatever an observer does with them must not have them sent again.
        except Exception:
            name = getattr(observer, "__qualname__", repr(observer))
            metrics.OBSERVER_FAILURES.labels(name).inc()
            log.exception("an observer of a stored batch failed", observer=name)

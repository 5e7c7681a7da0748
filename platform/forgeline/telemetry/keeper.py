"""The thread that writes by time what ingest keeps in memory: latest values, closed roll-ups. One a process.

It lives beside ingest so that nobody has to start it; what it leaves when its process dies, another one finds in the
commit log (recovery).
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import structlog

from forgeline.base.clock import now_us
from forgeline.telemetry import metrics
from forgeline.telemetry.engines.connection import StoreAwayError, close_connection, store_connection
from forgeline.telemetry.engines.directory import CHANNEL

if TYPE_CHECKING:
    from forgeline.telemetry.tracking import Tracker

TICK_S = 1.0
REFRESH_S = 30.0
"""Points are read anew this often even when nothing was told of a change."""

log = structlog.get_logger(__name__)


class Keeper:
    """Call the tracker's flush once a second until stopped; survive a store that is away."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._stop = threading.Event()
        self._flush_at_end = True
        self._thread: threading.Thread | None = None
        self._listens_on = 0

    def start(self) -> None:
        # A daemon: a process must be able to die with a store that hangs.
        self._thread = threading.Thread(target=self._run, name="telemetry-keeper", daemon=True)
        self._thread.start()

    def stop(self, *, flush: bool = True) -> None:
        self._flush_at_end = flush
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _points_changed(self) -> bool:
        """Say whether the database told of a change of points since the last call."""
        with store_connection() as connection:
            pid = connection.info.backend_pid
            if pid != self._listens_on:
                connection.execute(f"LISTEN {CHANNEL}")
                self._listens_on = pid
                return True
            return any(True for _ in connection.notifies(timeout=0))

    def _run(self) -> None:
        is_away = False
        refreshed = time.monotonic()
        try:
            while not self._stop.wait(TICK_S):
                try:
                    started = time.monotonic()
                    if self._points_changed() or started - refreshed > REFRESH_S:
                        self._tracker.refresh_points()
                        refreshed = started
                    self._tracker.flush(now_us())
                    metrics.FLUSH_SECONDS.observe(time.monotonic() - started)
                    if is_away:
                        log.info("latest values and roll-ups are written again")
                        is_away = False
                except StoreAwayError as error:
                    if not is_away:
                        log.warning(
                            "latest values and roll-ups wait: the store is away",
                            fault=error.data.get("fault"),
                        )
                        is_away = True
                except Exception:  # the thread must outlive what nobody foresaw; it is counted and told
                    metrics.FLUSH_FAILURES.inc()
                    log.exception("a flush of latest values and roll-ups failed")
            if self._flush_at_end:
                self._tracker.flush(now_us())
        except StoreAwayError:
            log.warning("latest values and roll-ups could not be written at the end; another process will")
        finally:
            close_connection()

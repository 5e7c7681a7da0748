"""The bounded way from intakes to the one writer thread: one batch fills while a few wait. Not here: what is in them.

A batch is cut at 20,000 rows, or when it is 50 ms old and the writer is free. When the waiting ones are full, nothing
is taken: the source feels it, because it gets no acknowledgement.
"""

from __future__ import annotations

import threading
import time
from collections import deque

from connectors.runtime.filling import Filling
from connectors.runtime.routes import RouteTable

BATCH_ROWS = 40_000
"""Under load a batch is cut at this size: what a commit costs at all is shared by more rows than at 20,000 (0.56
against 0.49 of raw COPY, measured in one session), and beyond it only memory grows."""
BATCH_BLOCKS = 20_000
"""Messages without a usable value must be settled too, and must not pile up either."""
BATCH_LETTERS = 4_000_000
"""Of texts: the longest that a point takes would make a full batch of rows 160 MB."""
BATCH_AGE_S = 0.05
WAITING_BATCHES = 4


class Pipeline:
    """Intakes put rows in under ``lock``; the writer takes batches out."""

    def __init__(
        self, *, rows: int = BATCH_ROWS, age_s: float = BATCH_AGE_S, waiting: int = WAITING_BATCHES
    ) -> None:
        self.lock = threading.Lock()
        self.routes = RouteTable()
        self.filling = Filling()
        self._rows = rows
        self._age_s = age_s
        self._waiting_limit = waiting
        self._waiting: deque[Filling] = deque()
        self._changed = threading.Condition(self.lock)
        self._closed = False
        self.refused_offers = 0
        """How often somebody found it full."""

    def has_room(self) -> bool:
        """Make room by setting the full batch aside; False when those that wait are enough. Call under ``lock``."""
        filling = self.filling
        if (
            len(filling.slots) < self._rows
            and filling.blocks < BATCH_BLOCKS
            and filling.letters < BATCH_LETTERS
        ):
            return not self._closed
        if len(self._waiting) >= self._waiting_limit or self._closed:
            self.refused_offers += 1
            return False
        self._waiting.append(filling)
        self.filling = Filling()
        self._changed.notify()
        return True

    def touch(self) -> None:
        """Note the first row of a batch, so that the writer counts its age. Call under ``lock``, before adding."""
        filling = self.filling
        if not filling.started_s:
            filling.started_s = time.monotonic()
            self._changed.notify()

    def take(self, *, timeout_s: float) -> Filling | None:
        """Return the next batch, None when none is due within the time-out."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                if self._waiting:
                    return self._waiting.popleft()
                filling = self.filling
                now = time.monotonic()
                due = deadline
                if filling.started_s:
                    due = filling.started_s + self._age_s
                    if now >= due or self._closed:
                        self.filling = Filling()
                        return filling
                if now >= deadline:
                    return None
                self._changed.wait(min(due, deadline) - now)

    def close(self) -> None:
        """Take nothing more; what is in it is handed out still."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    @property
    def depth_rows(self) -> int:
        """Rows that wait, for the metrics."""
        with self.lock:
            return len(self.filling.slots) + sum(len(filling.slots) for filling in self._waiting)

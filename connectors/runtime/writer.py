"""The one writer thread: batch → sink; → spool while the sink is away; receipts are settled once either has it.

Order is kept: while the spool holds something, new batches queue up behind it. Not here: the pipeline's bounds.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from connectors.runtime.accounts import Accounts
from connectors.runtime.backoff import Backoff
from connectors.runtime.filling import Batch
from connectors.runtime.pipeline import BATCH_ROWS, Pipeline
from connectors.runtime.records import Record
from connectors.runtime.sink import Sink, SinkAwayError, SinkResult
from connectors.runtime.spool import Spool, SpoolFullError
from forgeline.telemetry.sample import SampleBatch, SampleFlag

_IDLE_S = 0.2
_RETRY_LAST_S = 5.0
"""A store that is back should not wait for us longer than this."""
_FULL_WAIT_S = 0.25
_BISECT_WRITES = 200
STORE_FAULT = "connectors.store_fault"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WriterFacts:
    """What a page and the metrics show of the writer."""

    is_away: bool
    is_full: bool
    spool_bytes: int
    batches: int
    rows: int
    faults: int
    busy_s: float
    """How long the batch that is being written has taken already; 0 while none is."""


class Writer:
    """Owns sink and spools; everything but ``start``, ``stop`` and ``facts`` runs in its thread."""

    def __init__(self, pipeline: Pipeline, sink: Sink, spools: Sequence[Spool], accounts: Accounts) -> None:
        """``spools``: one's own first, then those that dead processes left."""
        self._pipeline = pipeline
        self._sink = sink
        self._own = spools[0]
        self._left = list(spools[1:])
        self._accounts = accounts
        self._backoff = Backoff(Random(), first_s=0.5, last_s=_RETRY_LAST_S)  # noqa: S311  # spreads load, hides nothing
        self._retry_at_s = 0.0
        self._is_away = False
        self._is_full = False
        self._batches = 0
        self._rows = 0
        self._faults = 0
        self._busy_since_s = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="connectors-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, *, timeout_s: float) -> bool:
        """Take nothing more, make durable what is under way; False where that took too long."""
        self._stopping.set()
        self._pipeline.close()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def facts(self) -> WriterFacts:
        spooled = self._own.bytes + sum(spool.bytes for spool in self._left)
        since = self._busy_since_s
        return WriterFacts(
            self._is_away, self._is_full, spooled, self._batches, self._rows, self._faults,
            busy_s=time.monotonic() - since if since else 0.0,
        )  # fmt: skip

    # --- the thread ---

    def _run(self) -> None:
        try:
            while True:
                filling = self._pipeline.take(timeout_s=0.0 if self._may_replay() else _IDLE_S)
                if filling is not None:
                    self._make_durable(filling.cut(self._pipeline.routes))
                elif self._stopping.is_set():
                    return
                if self._may_replay():
                    self._replay()
        finally:
            for release in (self._sink.close, self._own.close, *(spool.close for spool in self._left)):
                _let_go(release)

    def _make_durable(self, batch: Batch) -> None:
        if len(batch.samples) and not self._stored(batch):
            record = Record(batch.samples, self._accounts.connection_ids(batch.source))
            if not self._spool(record):
                # Stopped with a full spool: nobody is acknowledged, so the source sends it again.
                return
            self._accounts.count_spooled(batch.source)
        for settle, receipts in batch.receipts.items():
            settle(receipts)

    def _stored(self, batch: Batch) -> bool:
        if self._is_away or not self._own.is_empty:
            return False
        try:
            result = self._write(batch.samples)
        except SinkAwayError as error:
            self._went_away(error)
            return False
        self._accounts.count(batch.samples, batch.source, result)
        return True

    def _spool(self, record: Record) -> bool:
        while True:
            try:
                self._own.append(record)
            except SpoolFullError as error:
                if not self._is_full:
                    log.error("the spool is full (%s): sources wait until the store is back", error)
                    self._is_full = True
                    self._accounts.tell("spool_full", reason=str(error))
                if self._stopping.is_set():
                    return False
                if time.monotonic() < self._retry_at_s:
                    time.sleep(_FULL_WAIT_S)
                else:
                    self._replay()
            else:
                if self._is_full:
                    log.info("the spool has room again")
                    self._is_full = False
                return True

    # --- replay ---

    def _may_replay(self) -> bool:
        if self._stopping.is_set() or time.monotonic() < self._retry_at_s:
            return False
        return self._is_away or not self._own.is_empty or bool(self._left)

    def _replay(self) -> None:
        spool = self._left[0] if self._left else self._own
        record = spool.peek(rows=BATCH_ROWS)
        if record is None:
            if self._left:
                self._left.pop(0).close()
            elif self._is_away:
                self._came_back()
            return
        flags = record.samples.flags | np.int16(SampleFlag.REPLAYED)
        samples = replace(record.samples, flags=flags)
        try:
            result = self._write(samples)
        except SinkAwayError as error:
            self._went_away(error)
            return
        self._came_back()
        spool.drop()
        self._accounts.count_replayed(samples, record.connection_id, result)

    def _went_away(self, error: SinkAwayError) -> None:
        if not self._is_away:
            log.warning("the store is away (%s): samples are kept on disk", error)
            self._is_away = True
            self._accounts.tell("store_away", reason=str(error))
        self._retry_at_s = time.monotonic() + self._backoff.next_s()

    def _came_back(self) -> None:
        if self._is_away:
            log.info("the store is back: %d bytes are replayed", self.facts.spool_bytes)
            self._is_away = False
            self._accounts.tell("store_back")
        self._backoff.reset()
        self._retry_at_s = 0.0

    # --- the sink, and rows that it cannot stomach ---

    def _write(self, samples: SampleBatch) -> SinkResult:
        self._batches += 1
        self._rows += len(samples)
        self._busy_since_s = time.monotonic()
        try:
            return self._sink.write(samples)
        except SinkAwayError:
            raise
        except Exception:
            # One row that nobody foresaw must hold up neither its neighbours nor the thread.
            log.exception("the sink failed on a batch; its rows are tried in parts")
            self._faults += 1
            return _Bisection(self._sink).write(samples)
        finally:
            self._busy_since_s = 0.0


class _Bisection:
    """Stores a batch in halves until the rows at fault stand alone; gives up as "away" when everything fails."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._writes = 0
        self._keys: dict[int, str] = {127: STORE_FAULT}

    def write(self, samples: SampleBatch) -> SinkResult:
        """Return reasons for each row. **Raises** SinkAwayError when too much of the batch fails."""
        reasons = np.zeros(len(samples), np.int8)
        self._write(samples, reasons, 0)
        return SinkResult(reasons, self._keys)

    def _write(self, samples: SampleBatch, reasons: np.ndarray, start: int) -> None:
        self._writes += 1
        if self._writes > _BISECT_WRITES:
            raise SinkAwayError("the store fails on everything it is given")
        try:
            result = self._sink.write(samples)
        except SinkAwayError:
            raise
        except Exception:  # noqa: BLE001  # told by the caller already; each row ends as stored or as counted
            if len(samples) == 1:
                reasons[start] = 127
                return
            middle = len(samples) // 2
            self._write(samples.take(slice(None, middle)), reasons, start)
            self._write(samples.take(slice(middle, None)), reasons, start + middle)
            return
        if result.reasons is not None:
            reasons[start : start + len(samples)] = result.reasons
            self._keys.update(result.reason_keys)


def _let_go(release: Callable[[], None]) -> None:
    try:
        release()
    except (OSError, SinkAwayError) as error:
        log.warning("something was not closed in order: %s", error)

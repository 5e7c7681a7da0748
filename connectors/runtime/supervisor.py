"""The life of one connection: its driver is started, and again after a fault. Not here: which ones run (fleet)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Any

from connectors.contract import BindingSpec, ConnectionState, ConnectorError, Driver, PermanentError, mark
from connectors.runtime.backoff import Backoff
from connectors.runtime.counters import Counters
from connectors.runtime.intake import Intake
from connectors.runtime.pipeline import Pipeline

STEADY_S = 10.0
"""A connection that stood this long begins its back-off anew."""
_RESOLVE_EVERY_S = 0.1
_RESOLVE_RETRY_S = 2.0
_STOP_S = 8.0

Resolver = Callable[[Mapping[str, Any]], Awaitable[Sequence[BindingSpec]]]
"""Unknown address → value seen there; returns bindings for those that are known after all."""

log = logging.getLogger(__name__)


class Supervisor:
    """Owns a driver and its intake. Everything runs on the event loop that ``start`` was called on."""

    def __init__(
        self,
        name: str,
        make_driver: Callable[[], Driver],
        pipeline: Pipeline,
        counters: Counters,
        *,
        bindings: Sequence[BindingSpec],
        counters_of: Mapping[str, Counters] | None = None,
        resolver: Resolver | None = None,
        random: Random | None = None,
    ) -> None:
        self.name = name
        self.counters = counters
        self.state = ConnectionState.STARTING
        self.fault: ConnectorError | None = None
        self.since_us = time.time_ns() // 1000
        self.bindings = list(bindings)
        self._make_driver = make_driver
        self._driver: Driver | None = None
        self._backoff = Backoff(random or Random())  # noqa: S311  # spreads load, hides nothing
        self._resolver = resolver
        self._was_told = False
        self._connected_at_s = 0.0
        self._map_changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.intake = Intake(
            pipeline,
            counters,
            settle=self._settle_from_thread,
            on_event=self._on_event,
            counters_of={} if counters_of is None else counters_of,
        )
        self.intake.set_bindings(self.bindings)
        self._tasks: list[asyncio.Task[None]] = []

    # --- from outside ---

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._live(), name=self.name)]
        self._tasks.append(asyncio.create_task(self._follow_map(), name=f"{self.name} map"))
        self._tasks.append(asyncio.create_task(self._resolve_unknown(), name=f"{self.name} look-ups"))

    async def stop(self) -> None:
        """Cancel the driver and wait for it, for a while."""
        self._become(ConnectionState.STOPPING)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            _done, hanging = await asyncio.wait(self._tasks, timeout=_STOP_S)
            if hanging:
                log.error("connection %s did not stop within %s s", self.name, _STOP_S)

    async def rebind(self, bindings: Sequence[BindingSpec]) -> None:
        """Take a changed map without losing the connection; its driver follows in its own time."""
        self.bindings = list(bindings)
        self.intake.set_bindings(self.bindings)
        self._map_changed.set()

    async def _follow_map(self) -> None:
        """Have the driver follow the map, one change at a time: a slow server holds up nobody but itself.

        A driver that is only starting is told too, because it may have read the map it was given already.
        """
        while True:
            await self._map_changed.wait()
            self._map_changed.clear()
            if self._driver is None:
                continue
            try:
                await self._driver.rebind(self.bindings)
            except ConnectorError as error:
                self.intake.report("rebind_failed", reason=error.message)
            except Exception:
                log.exception("the driver of connection %s could not take its new map", self.name)
                self.intake.report("rebind_failed", reason=str(mark("The connector failed; see the log.")))

    # --- the driver ---

    async def _live(self) -> None:
        while True:
            self._become(ConnectionState.STARTING if not self._was_told else ConnectionState.RETRYING)
            self._connected_at_s = 0.0
            fault = await self._run_once()
            if isinstance(fault, PermanentError):
                self._tell(fault, ConnectionState.FAULTED)
                # Until a person changes something: the fleet then starts another supervisor.
                await asyncio.Event().wait()
            if self._connected_at_s and time.monotonic() - self._connected_at_s >= STEADY_S:
                self._backoff.reset()
            self._tell(fault, ConnectionState.RETRYING)
            await asyncio.sleep(self._backoff.next_s())

    async def _run_once(self) -> ConnectorError:
        try:
            if self._driver is None:
                self._driver = self._make_driver()
            await self._driver.run(self.intake, self.bindings)
        except ConnectorError as error:
            return error
        except Exception:
            # A driver's bug must not take the other connections with it; it is told with its traceback and retried.
            log.exception("the driver of connection %s failed unexpectedly", self.name)
            self._driver = None
            return ConnectorError(mark("The connector failed; see the log."), key="connectors.unexpected")
        return ConnectorError(mark("The connection ended."), key="connectors.ended")

    def _settle_from_thread(self, receipts: Sequence[Any]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._settle, receipts)

    def _settle(self, receipts: Sequence[Any]) -> None:
        if self._driver is not None:
            self._driver.settle(receipts)

    # --- states ---

    def _on_event(self, event: str, facts: Mapping[str, Any]) -> None:
        if event == "connected":
            self._connected_at_s = time.monotonic()
            self.fault = None
            self._become(ConnectionState.RUNNING)
            if self._was_told:
                log.info("connection %s is back", self.name)
                self._was_told = False

    def _tell(self, fault: ConnectorError, state: ConnectionState) -> None:
        self.fault = fault
        self._become(state)
        if not self._was_told or state == ConnectionState.FAULTED:
            log.warning("connection %s failed: %s (%s)", self.name, fault.message, fault.key)
            self.counters.events.append(
                {
                    "at": time.time_ns() // 1_000_000,
                    "event": "failed",
                    "key": fault.key,
                    "reason": fault.message,
                }
            )
            self._was_told = True

    def _become(self, state: ConnectionState) -> None:
        if state != self.state:
            self.state = state
            self.since_us = time.time_ns() // 1000

    # --- unknown addresses ---

    async def _resolve_unknown(self) -> None:
        """Look up what nobody knows; while that fails (the database is away) the readings wait, and then the source."""
        intake = self.intake
        while True:
            await asyncio.sleep(_RESOLVE_EVERY_S)
            with intake.pipeline.lock:
                questions = intake.unknown.take_questions()
            if not questions:
                continue
            while True:
                try:
                    found = await self._resolver(questions) if self._resolver else []
                    break
                except ConnectorError as error:
                    log.debug("unknown addresses of %s wait: %s", self.name, error.message)
                    await asyncio.sleep(_RESOLVE_RETRY_S)
            intake.resolve_parked(found)
            self.bindings += found

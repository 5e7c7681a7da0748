"""The connector process: every two seconds it looks at its desk and has the fleet follow.

Not here: the database (desk), protocols, batches (runtime).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import django.db
import structlog

from connectors.contract import BindingSpec, ConnectorError, mark
from connectors.desk import Desk
from connectors.ledger import Told
from connectors.metrics import export
from connectors.mqtt.options import MqttOptions
from connectors.runtime.accounts import Accounts
from connectors.runtime.fleet import Fleet
from connectors.runtime.pipeline import Pipeline
from connectors.runtime.sink import Sink
from connectors.runtime.spool import claim_spools
from connectors.runtime.supervisor import Resolver
from connectors.runtime.writer import Writer
from forgeline.base.errors import ForgelineError

TICK_S = 2.0
_SOON_S = 0.5
"""After connections were started: how they fare is told sooner."""
SLOW_S = 5.0
"""A batch takes a fraction of a second; one that takes longer than this holds the sources back."""
_LAST_TICK_S = 0.5
_LAST_WRITE_S = 4.0
_LAST_STOP_S = 2.0
_LAST_DESK_S = 1.0
"""An orderly end takes at most their sum; what was not acknowledged by then is sent again."""

T = TypeVar("T")

log = structlog.get_logger(__name__)
# The pool tells every failed attempt; that the database is away is said once, here.
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


class ConnectorProcess:
    """One process of those that share the connections."""

    def __init__(
        self,
        sink: Sink,
        *,
        spool_dir: Path,
        spool_bytes: int,
        broker_options: MqttOptions | None,
        members: int = 1,
        name: str = "",
    ) -> None:
        self.name = name or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._desk = Desk(self.name, broker_options, members)
        # One thread, so that the desk needs no lock and Django one connection.
        self._desk_thread = ThreadPoolExecutor(1, thread_name_prefix="connectors-desk")
        self.pipeline = Pipeline()
        spools = list(claim_spools(spool_dir, limit_bytes=spool_bytes))
        self.writer = Writer(self.pipeline, sink, spools, Accounts(self.pipeline.routes))
        self.fleet = Fleet(self.pipeline)
        self._is_database_away = False
        self._has_started = False
        self._to_release: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Run until told to stop; then stop in order: sources, pipeline, store, leases."""
        self.writer.start()
        log.info("connectors run", process=self.name)
        try:
            while not stop.is_set():
                await self._tick_until(stop)
                try:
                    await asyncio.wait_for(stop.wait(), _SOON_S if self._has_started else TICK_S)
                except TimeoutError:
                    continue
        finally:
            await self._end()

    async def _tick_until(self, stop: asyncio.Event) -> None:
        """Tick; a database that hangs must not hold up the end."""
        tick, stopped = asyncio.create_task(self._tick()), asyncio.create_task(stop.wait())
        await asyncio.wait({tick, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not tick.done():
            await asyncio.wait({tick}, timeout=_LAST_TICK_S)
            tick.cancel()
        stopped.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await tick

    async def _end(self) -> None:
        told = self._told()
        # The connections stand until what came over them is durable and acknowledged: a source that is cut before
        # would send it all again. The pipeline takes nothing from here on.
        if not await asyncio.to_thread(self.writer.stop, timeout_s=_LAST_WRITE_S):
            log.error("the writer did not end in time; sources will send again what was not acknowledged")
        await _within(_LAST_STOP_S, self.fleet.stop_all(), "connections did not stop in time")
        last = self._at_desk(lambda: self._desk.leave(told))
        await _within(_LAST_DESK_S, last, "the leases were not given up in time; they run out by themselves")
        self._desk_thread.shutdown(wait=False, cancel_futures=True)
        log.info("connectors ended", process=self.name)

    async def _tick(self) -> None:
        facts = self._facts()
        orders = await self._at_desk(lambda: self._desk.take_orders(facts, self._resolver_for))
        if orders is not None:
            gone = [key for key in self.fleet.running if key not in orders.keep]
            await asyncio.gather(*(self.fleet.stop(key) for key in gone))
            self._to_release |= {*gone, *orders.give_up}
            if self._to_release:
                released = sorted(self._to_release)
                await self._at_desk(lambda: self._desk.release(released))
                self._to_release.clear()
            for plan in orders.plans:
                await self.fleet.apply(plan)
        self._has_started = orders is not None and bool(orders.plans)
        told = self._told()
        await self._at_desk(lambda: self._desk.write(told))
        await self._record_sightings()
        export(self.pipeline, self.writer, self.fleet)

    # --- the desk ---

    async def _at_desk(self, work: Callable[[], T]) -> T | None:
        """Do something at the desk; None when the database is away (said once, and once when it is back)."""
        loop = asyncio.get_running_loop()
        try:
            result = await loop.run_in_executor(self._desk_thread, _clean, work)
        except (django.db.Error, ForgelineError) as error:
            if not self._is_database_away:
                log.warning("the database is away; connections go on as they are", fault=str(error).strip())
                self._is_database_away = True
            return None
        if self._is_database_away:
            log.info("the database is back")
            self._is_database_away = False
        return result

    def _resolver_for(self, connection_id: int) -> Resolver:
        async def resolve(questions: Mapping[str, Any]) -> Sequence[BindingSpec]:
            found = await self._at_desk(lambda: self._desk.look_up(connection_id, questions))
            if found is None:
                raise ConnectorError(mark("The database is away."), key="connectors.database_away")
            return found

        return resolve

    async def _record_sightings(self) -> None:
        for key, supervisor in self.fleet.running.items():
            connection_id = int(key.partition(":")[2]) if key.startswith("connection:") else 0
            with self.pipeline.lock:
                seen = supervisor.intake.unknown.take_sightings()
            if seen:
                await self._at_desk(lambda seen=seen, at=connection_id: self._desk.record(at, seen))  # type: ignore[misc]

    # --- what it tells ---

    def _told(self) -> dict[str, Told]:
        return {
            key: Told(
                supervisor.state,
                supervisor.since_us,
                supervisor.fault.key if supervisor.fault else "",
                supervisor.fault.message if supervisor.fault else "",
            )
            for key, supervisor in self.fleet.running.items()
        }

    def _facts(self) -> dict[str, Any]:
        writer = self.writer.facts
        return {
            "connections": len(self.fleet.running),
            "store_is_away": writer.is_away,
            "store_is_slow": writer.busy_s > SLOW_S,
            "spool_is_full": writer.is_full,
            "spool_bytes": writer.spool_bytes,
            "rows_waiting": self.pipeline.depth_rows,
            "rows_written": writer.rows,
        }


async def _within(seconds: float, work: Awaitable[Any], otherwise: str) -> None:
    try:
        await asyncio.wait_for(work, seconds)
    except TimeoutError:
        log.error(otherwise)


def _clean(work: Callable[[], T]) -> T:
    """Do database work in this thread; after a fault the next one begins with a fresh connection."""
    try:
        return work()
    except django.db.Error:
        django.db.connections.close_all()
        raise

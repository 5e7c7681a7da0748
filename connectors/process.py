"""The connector process: every two seconds it looks at its desk and has the fleet follow.

Not here: the database (desk), protocols, batches (runtime).
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
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
SLOW_S = 5.0
"""A batch takes a fraction of a second; one that takes longer than this holds the sources back."""
_LAST_WRITE_S = 20.0

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
        self._to_release: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Run until told to stop; then stop in order: sources, pipeline, store, leases."""
        self.writer.start()
        log.info("connectors run", process=self.name)
        try:
            while not stop.is_set():
                await self._tick()
                try:
                    await asyncio.wait_for(stop.wait(), TICK_S)
                except TimeoutError:
                    continue
        finally:
            await self._end()

    async def _end(self) -> None:
        told = self._told()
        await self.fleet.stop_all()
        if not await asyncio.to_thread(self.writer.stop, timeout_s=_LAST_WRITE_S):
            log.error("the writer did not end in time; sources will send again what was not acknowledged")
        await self._at_desk(lambda: self._desk.write(told))
        await self._at_desk(self._desk.leave)
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


def _clean(work: Callable[[], T]) -> T:
    """Do database work in this thread; after a fault the next one begins with a fresh connection."""
    try:
        return work()
    except django.db.Error:
        django.db.connections.close_all()
        raise

"""``manage.py run_connectors``: run connections until told to stop. Several processes share them."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import sys
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from connectors.contract import OptionsError
from connectors.platform_broker import read_options
from connectors.process import ConnectorProcess
from connectors.runtime.sink import Sink
from connectors.sinks.stdout import StdoutSink
from connectors.sinks.store import StoreSink

SWITCH_INTERVAL_S = 0.0005
"""The writer waits for the database many times a batch and must get the interpreter back at once: at Python's default
of 5 ms a decoder that is busy makes it wait longer for its turn than for the disk."""


EXIT_WITHIN_S = 8.0

log = logging.getLogger(__name__)


class Command(BaseCommand):
    # It serves no page: what is wrong with one must not keep values from the store.
    requires_system_checks = ()
    help = "Run the connections: MQTT, OPC UA and the platform's own broker."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Print samples instead of storing them.")
        parser.add_argument(
            "--members", type=int, default=1, help="Members of the platform's own subscription."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            broker = read_options(members=options["members"])
        except OptionsError as error:
            raise CommandError(f"FORGELINE_MQTT_URL cannot be used: {error}") from error
        sink: Sink = StdoutSink() if options["dry_run"] else StoreSink()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        _allow_files()
        asyncio.run(_run(sink, broker, options["members"]))


def _allow_files() -> None:
    """A connection takes three descriptors; the usual soft limit of 1,024 would end at a few hundred of them."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _stop_soon(stop: asyncio.Event) -> None:
    """Begin the orderly end; a thread that hangs with the database must not outlive it. What is acknowledged is
    durable by then, so that leaving at once loses nothing.
    """
    if not stop.is_set():
        guard = threading.Timer(EXIT_WITHIN_S, _leave_at_once)
        guard.daemon = True
        guard.start()
    stop.set()


def _leave_at_once() -> None:
    log.error("the connectors did not end within %s s and leave as they are", EXIT_WITHIN_S)
    os._exit(1)


async def _run(sink: Sink, broker: Any, members: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop_soon, stop)
    config = settings.CONNECTORS
    process = ConnectorProcess(
        sink,
        spool_dir=config["SPOOL_DIR"],
        spool_bytes=int(config["SPOOL_MB"]) * 1_000_000,
        broker_options=broker,
        members=members,
    )
    await process.run(stop)

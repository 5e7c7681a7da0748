"""Keep the files by which the production broker knows its users up to date with the credentials in the database.

Runs until it is stopped. Not here: how the broker notices (platform/deploy/mosquitto/run.sh); what `make up` does for
its own broker (forgeline.embedded).
"""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, close_old_connections, connection

from forgeline.embedded.credentials import (
    PASSWORDS,
    SERVICE_USER,
    hash_password,
    verify_password,
    write_credentials,
)

logger = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = "Write the broker's users and topic rules into a folder, again whenever a credential changes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--to", type=Path, required=True, help="the folder that the broker reads")
        parser.add_argument("--every", type=float, default=1.0, help="seconds between two looks (default 1)")
        parser.add_argument("--once", action="store_true", help="write once and end")

    def handle(self, *args: Any, **options: Any) -> None:
        password = settings.CONNECTORS["MQTT_PASSWORD"]
        if not password:
            raise CommandError("FORGELINE_MQTT_PASSWORD is empty: the platform itself could not sign in.")
        folder: Path = options["to"]
        own = own_hash(folder, password)
        stopped = threading.Event()
        if not options["once"]:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stopped.set())
        is_away = False
        while not stopped.is_set():
            try:
                changed = write_credentials(folder, {**read_hashes(), SERVICE_USER: own})
            except DatabaseError as error:
                if options["once"]:
                    raise CommandError(f"The credentials cannot be read: {error}") from error
                if not is_away:  # once on failure, once on recovery
                    logger.warning("broker_credentials.database_away", error=str(error))
                is_away = True
                close_old_connections()
            else:
                if is_away:
                    logger.info("broker_credentials.database_back")
                is_away = False
                if changed:
                    logger.info("broker_credentials.written", folder=str(folder))
            if options["once"]:
                return
            stopped.wait(options["every"])


def read_hashes() -> dict[str, str]:
    """Return every live device's user and hash, of all tenants, by the definer function made for this."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT username, password_hash FROM assets_list_broker_credentials()")
        return dict(cursor.fetchall())


def own_hash(folder: Path, password: str) -> str:
    """Return the hash of the platform's own user: the one in the file where it fits, for a new salt is a change."""
    path = folder / PASSWORDS
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _, stored = line.partition(":")
            if name == SERVICE_USER and verify_password(password, stored):
                return stored
    return hash_password(password)

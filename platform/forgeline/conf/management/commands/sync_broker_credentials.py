"""Write the credentials of devices where mosquitto reads them, and again whenever they change."""

from __future__ import annotations

import logging
import os
import signal
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection

from forgeline.embedded.credentials import SERVICE_USER, kept_hash, write_credentials

LOOK_EVERY_S = 1.0

_log = logging.getLogger(__name__)


class Command(BaseCommand):
    """A revoked credential is out of the file within a second or two; mosquitto cuts it when it reads the file."""

    help = (
        "Write mosquitto's password and rule files from the devices' credentials; --watch goes on for ever."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--folder", type=Path, default=Path(settings.VAR) / "credentials")
        parser.add_argument(
            "--watch", action="store_true", help="look every second, reload an embedded broker"
        )
        parser.add_argument("--pid-file", type=Path, help="process to send SIGHUP to after a change")

    def handle(self, *args: Any, **options: Any) -> None:
        # In the main thread a signal's exception is the orderly end of an endless loop.
        signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        away = False
        try:
            while True:
                try:
                    if write_credentials(options["folder"], _hashes(options["folder"])):
                        _reload(options["pid_file"])
                    if away:
                        _log.info("the broker's credentials are kept up again")
                    away = False
                except DatabaseError as error:
                    connection.close()
                    if not away:
                        _log.warning(
                            "the broker's credentials are not kept up: the database is away (%s)", error
                        )
                    away = True
                if not options["watch"]:
                    return
                time.sleep(LOOK_EVERY_S)
        except KeyboardInterrupt:
            return


def _hashes(folder: Path) -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT username, password_hash FROM assets_list_broker_credentials()")
        hashes = dict(cursor.fetchall())
    parts = urlsplit(settings.CONNECTORS["MQTT_URL"])
    password = unquote(parts.password or "") or settings.CONNECTORS["MQTT_PASSWORD"]
    name = unquote(parts.username or "") or SERVICE_USER
    hashes[name] = kept_hash(folder, name, password)
    return hashes


def _reload(pid_file: Path | None) -> None:
    if pid_file is None:
        return
    try:
        os.kill(int(pid_file.read_text(encoding="ascii")), signal.SIGHUP)
    except (OSError, ValueError):
        _log.warning("the broker could not be told of changed credentials; it reads them when it starts")

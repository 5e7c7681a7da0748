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
SAVES_AFTER_S = (3.0, 6.0, 12.0, 24.0)
"""mosquitto writes its sessions down every half minute. One that has only just been made would be forgotten with a
killed broker, which would then acknowledge what nobody hears: until its first own round it is told to write."""

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
        parser.add_argument(
            "--pid-file", type=Path, help="broker to signal: SIGHUP after a change, SIGUSR1 to save"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # In the main thread a signal's exception is the orderly end of an endless loop.
        signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        away = False
        started, saves = time.monotonic(), list(SAVES_AFTER_S)
        try:
            while True:
                try:
                    if write_credentials(options["folder"], _hashes(options["folder"])):
                        _tell(options["pid_file"], signal.SIGHUP)
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
                if saves and time.monotonic() - started >= saves[0]:
                    saves.pop(0)
                    _tell(options["pid_file"], signal.SIGUSR1)
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


def _tell(pid_file: Path | None, number: signal.Signals) -> None:
    """Have an embedded broker read its credentials (SIGHUP) or write its sessions (SIGUSR1)."""
    if pid_file is None:
        return
    try:
        os.kill(int(pid_file.read_text(encoding="ascii")), number)
    except (OSError, ValueError):
        _log.warning(
            "the broker could not be told by %s; it reads its credentials when it starts", number.name
        )

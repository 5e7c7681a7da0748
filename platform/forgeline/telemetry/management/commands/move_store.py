"""Take everything to another database: from the embedded PostgreSQL to a TimescaleDB, or back."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentParser
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from forgeline.telemetry import states
from forgeline.telemetry.engines.moving import MoveError, move
from forgeline.tenancy.scoping import list_tenant_ids


class Command(BaseCommand):
    help = (
        "Copy the whole database to another PostgreSQL or TimescaleDB. Stop Forgeline first (the database stays up); "
        "then set FORGELINE_DATABASE_URL to the new one and start it again. The old database is left as it is."
    )

    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "url",
            help="postgresql://user:password@host:port/name; the user must be able to make roles and databases",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        url = options["url"]
        target = settings.ENV.__class__({**settings.ENV.values, "FORGELINE_DATABASE_URL": url})
        if not urlsplit(url).hostname:
            raise CommandError(
                "The address of the new database must be postgresql://user:password@host:port/name."
            )
        self._prepare(url)
        for tenant_id in list_tenant_ids():
            states.follow(tenant_id)
        connections.close_all()
        parameters = connections["owner"].get_connection_params()
        source = {
            key: parameters[key]
            for key in ("dbname", "user", "password", "host", "port")
            if key in parameters
        }
        try:
            with (
                psycopg.connect(**source) as old,
                psycopg.connect(_plain(target.database_url("owner"))) as new,
            ):
                rows = move(old, new, tell=self.stdout.write)
        except MoveError as error:
            raise CommandError(str(error)) from error
        except psycopg.OperationalError as error:
            raise CommandError(f"A database cannot be reached: {error}") from error
        self.stdout.write(
            f"{rows:,} rows moved. Set FORGELINE_DATABASE_URL to the new database and start Forgeline."
        )

    def _prepare(self, url: str) -> None:
        """Make roles, database and tables there, by the same commands as anywhere."""
        environment = os.environ | {"FORGELINE_DATABASE_URL": url, "FORGELINE_STORE_ENGINE": "auto"}
        for command in (
            ["provision_database"],
            ["migrate", "--database", "owner", "--verbosity", "0", "--skip-checks"],
        ):
            done = subprocess.run(
                [sys.executable, str(settings.BASE_DIR / "manage.py"), *command],
                env=environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                raise CommandError(
                    f"The new database cannot be prepared: {(done.stderr or done.stdout).strip()}"
                )


def _plain(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path="/" + unquote(parts.path.lstrip("/") or "forgeline")))

"""Make the database roles and the database, as the user of FORGELINE_DATABASE_URL."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from forgeline.tenancy.roles import LOGIN_ROLES, ProvisionError, provision


class Command(BaseCommand):
    help = "Make the database roles and the database. Safe to run again."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        url = settings.ENV["FORGELINE_DATABASE_URL"]
        if not url:
            raise CommandError(
                "FORGELINE_DATABASE_URL is empty; set it, or let `make up` bring a PostgreSQL."
            )
        parts = urlsplit(url)
        dbname = unquote(parts.path.lstrip("/")) or "forgeline"
        passwords = {
            role: settings.ENV[f"FORGELINE_DATABASE_{role.upper()}_PASSWORD"] for role in LOGIN_ROLES
        }
        admin_url = urlunsplit(parts._replace(scheme="postgresql", path="/postgres"))
        try:
            for line in provision(admin_url, dbname=dbname, passwords=passwords):
                self.stdout.write(line)
        except ProvisionError as error:
            raise CommandError(str(error)) from error

"""What `make up` does before anything runs, in one process: each start of Django costs two seconds of a core."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Safe to run again. With --demo the last line printed is the JSON object of seed_demo."""

    help = "Make database roles, database, tables and message catalogues, and the demo company where wanted."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--demo", action="store_true", help="make the demo company too")

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("provision_database", stdout=self.stdout)
        call_command("migrate", database="owner", interactive=False, verbosity=0, stdout=self.stdout)
        call_command("catalogs", "compile", stdout=self.stdout)
        if options["demo"]:
            call_command("seed_demo", stdout=self.stdout)

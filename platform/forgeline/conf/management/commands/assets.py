"""Copy the front-end parts from npm into static files."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from forgeline.embedded.assets import copy_assets, fetch_assets
from forgeline.embedded.service import ServiceError


class Command(BaseCommand):
    help = "Bring the front-end parts by npm, or with --from copy them from a node_modules that is there."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="source", type=Path, help="a node_modules folder")

    def handle(self, *args: Any, **options: Any) -> None:
        target = Path(settings.VAR) / "assets"
        try:
            if options["source"]:
                copy_assets(options["source"], target)
            else:
                fetch_assets(Path(settings.BASE_DIR), target)
        except ServiceError as error:
            raise CommandError(str(error)) from error

"""Compare the API with what was published of it, or write down how it is now."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from forgeline.conf import surface


class Command(BaseCommand):
    help = (
        "check: list what api-changelog.md, api-operations.txt and the client's types do not tell; "
        "update: write the list and the types anew. What changed is told in api-changelog.md by hand, first."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["check", "update"])

    def handle(self, *args: Any, **options: Any) -> None:
        schema = surface.read_description()
        models = surface.render_models(schema)
        if options["action"] == "update":
            surface.OPERATIONS.write_text(surface.render_operations(schema), encoding="utf-8")
            surface.MODELS.write_text(models, encoding="utf-8")
        faults = surface.list_faults(schema)
        if surface.MODELS.read_text(encoding="utf-8") != models:
            faults.append("The client's types are of another API: run `manage.py api_surface update`.")
        for fault in faults:
            self.stdout.write(fault)
        if faults:
            raise CommandError(f"{len(faults)} changes of the API are not told.")
        self.stdout.write(f"{len(surface.read_published())} operations, all told.")

"""Print or write .env.example from the list of settings."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from forgeline.conf.env import ROOT, example


class Command(BaseCommand):
    help = "Print the text of .env.example; --write puts it there."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--write", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["write"]:
            (ROOT / ".env.example").write_text(example(), encoding="utf-8")
        else:
            self.stdout.write(example(), ending="")

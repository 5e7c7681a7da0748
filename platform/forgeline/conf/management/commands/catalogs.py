"""Bring the translation catalogues up to date, compile them, or list what they lack."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from forgeline.conf.catalogs import check, compile_all, update
from forgeline.conf.env import ROOT


class Command(BaseCommand):
    help = (
        "extract: write the strings of templates, Python and JavaScript into each app's catalogue; "
        "compile: make the .mo files; check: list what is missing, fuzzy, or lost a placeholder."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["extract", "compile", "check"])

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "compile":
            self.stdout.write(f"{len(compile_all())} catalogues compiled.")
            return
        try:
            from forgeline.conf.messages import extract

            found = extract()
        except ModuleNotFoundError as error:
            raise CommandError(f"{error}; install requirements/dev.txt, which carries Babel.") from error
        except ValueError as error:
            raise CommandError(str(error)) from error
        if options["action"] == "extract":
            for path in update(found):
                self.stdout.write(f"changed: {path.relative_to(ROOT)}")
            return
        faults = check(found)
        for fault in faults:
            self.stdout.write(str(fault))
        if faults:
            raise CommandError(f"{len(faults)} strings need a translator's hand.")
        self.stdout.write(f"{sum(map(len, found.values()))} strings, all translated.")

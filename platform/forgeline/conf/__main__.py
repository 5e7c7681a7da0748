"""``python -m forgeline.conf up | backup | restore | manage | prepare-tests``: what the Makefile calls."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg

from forgeline.conf.env import ROOT, SettingsError, read_environment
from forgeline.embedded.layout import Layout
from forgeline.embedded.service import ServiceError


def _up(_arguments: list[str]) -> int:
    from forgeline.conf.up import main

    return main()


def _backup(arguments: list[str]) -> int:
    """``backup [file]``: works while Forgeline runs."""
    from forgeline.embedded.backup import backup

    target = Path(arguments[0]) if arguments else None
    return _told(lambda layout, url: backup(layout, url, target), exclusive=False)


def _restore(arguments: list[str]) -> int:
    """``restore file``: Forgeline must not be running."""
    from forgeline.embedded.backup import restore

    if not arguments:
        print("✗ Say which backup: make restore FROM=var/backups/….tar", file=sys.stderr)
        return 2
    return _told(lambda layout, url: restore(layout, url, Path(arguments[0])), exclusive=True)


def _manage(arguments: list[str]) -> int:
    """``manage command …``: a command of manage.py beside the Forgeline that `make up` runs, in its surroundings."""
    try:
        told = json.loads(Layout(read_environment().var).status_path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        print("✗ Forgeline does not run here: start it by `make up` first.", file=sys.stderr)
        return 1
    except SettingsError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    surroundings = os.environ | told["environment"]
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments], env=surroundings, check=False
    ).returncode


def _told(work: Callable[[Layout, str], str], *, exclusive: bool) -> int:
    """Do it and print the sentence that it returns, or the one that says why not."""
    try:
        environment = read_environment()
        layout = Layout(environment.var)
        layout.check_disk()
        with layout.lock() if exclusive else contextlib.nullcontext():
            print(f"✓ {work(layout, environment['FORGELINE_DATABASE_URL'])}")
    except (SettingsError, ServiceError, psycopg.Error, OSError) as error:
        print(f"✗ {str(error).strip()}", file=sys.stderr)
        return 1
    return 0


def _prepare_tests(_arguments: list[str]) -> int:
    """Bring what pages need in a browser test: front-end parts and compiled catalogues."""
    import django

    from forgeline.conf.catalogs import compile_all
    from forgeline.embedded.assets import fetch_assets

    try:
        fetch_assets(ROOT, read_environment().var / "assets")
    except ServiceError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    # Which catalogues there are is known by the list of apps.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "forgeline.conf.settings")
    django.setup()
    compile_all()
    return 0


COMMANDS: Mapping[str, Callable[[list[str]], int]] = {
    "up": _up,
    "backup": _backup,
    "restore": _restore,
    "manage": _manage,
    "prepare-tests": _prepare_tests,
}

if __name__ == "__main__":
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in COMMANDS:
        print(f"python -m forgeline.conf {' | '.join(COMMANDS)}", file=sys.stderr)
        sys.exit(2)
    sys.exit(COMMANDS[name](sys.argv[2:]))

"""Read docker-compose.yml the way compose does: anchors and merges applied."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
COMPOSE_FILE: Final = ROOT / "docker-compose.yml"


@functools.cache
def read_compose() -> dict[str, Any]:
    """Return the whole file as data."""
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))
    return loaded


def services() -> dict[str, dict[str, Any]]:
    """Return the services by name."""
    found: dict[str, dict[str, Any]] = read_compose()["services"]
    return found


def own_services() -> dict[str, dict[str, Any]]:
    """Return the services that run Forgeline's own image."""
    return {name: each for name, each in services().items() if each.get("image") == "forgeline:local"}


def words(command: str | list[str] | None) -> list[str]:
    """Return a command's words; what a shell is given with -c is split at white space."""
    if command is None:
        return []
    parts = command.split() if isinstance(command, str) else list(command)
    return [word for part in parts for word in str(part).split()]

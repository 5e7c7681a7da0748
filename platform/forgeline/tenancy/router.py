"""Which database role does what: the app reads and writes, the owner migrates, ingest belongs to the engines."""

from __future__ import annotations

from typing import Any


class RoleRouter:
    """All aliases are one database; migrations run as its owner only."""

    def db_for_read(self, model: type, **hints: Any) -> str:
        return "default"

    def db_for_write(self, model: type, **hints: Any) -> str:
        return "default"

    def allow_relation(self, left: object, right: object, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == "owner"

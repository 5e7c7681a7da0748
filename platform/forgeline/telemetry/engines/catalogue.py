"""Which engine the database was made with, and its chunks. Both engines call the same functions of the database."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from forgeline.base.clock import from_us, to_us
from forgeline.telemetry.engines.base import SAMPLE_TABLES, Capabilities, Chunk, Engine
from forgeline.telemetry.engines.connection import store_connection

DAY_US = 86_400_000_000


@lru_cache(maxsize=1)
def current_engine() -> Engine:
    """Return the engine that the migration chose (a fact of the database, whatever the setting says today)."""
    from forgeline.telemetry.engines.postgres import PostgresEngine
    from forgeline.telemetry.engines.timescale import TimescaleEngine

    with store_connection() as connection:
        row = connection.execute("SELECT engine, compresses FROM telemetry_engine()").fetchone()
    assert row is not None
    name, compresses = row
    engine = TimescaleEngine() if name == "timescale" else PostgresEngine()
    engine.capabilities = Capabilities(name=name, compresses=compresses, makes_chunks=name == "timescale")
    return engine


class CatalogueEngine(Engine):
    """What both engines say in the same words, because the migration gave the functions the engine's meaning."""

    def list_chunks(self, table: str = "telemetry_sample") -> list[Chunk]:
        with store_connection() as connection:
            rows: list[tuple[Any, ...]] = connection.execute(
                "SELECT name, from_ts, to_ts, bytes FROM telemetry_list_chunks(%s)", [table]
            ).fetchall()
        return [Chunk(name, to_us(start), to_us(end), size) for name, start, end, size in rows]

    def drop_chunks(self, before_us: int, *, tables: tuple[str, ...] = SAMPLE_TABLES) -> int:
        gone = sum(self._count("SELECT telemetry_drop_chunks(%s, %s)", table, before_us) for table in tables)
        self.forget_chunks()
        return gone

    def compress_chunks(self, before_us: int, *, tables: tuple[str, ...] = SAMPLE_TABLES) -> int:
        if not self.capabilities.compresses:
            return 0
        return sum(
            self._count("SELECT telemetry_compress_chunks(%s, %s)", table, before_us) for table in tables
        )

    def _count(self, statement: str, table: str, before_us: int) -> int:
        with store_connection() as connection:
            row = connection.execute(statement, [table, from_us(before_us)]).fetchone()
        return int(row[0]) if row else 0

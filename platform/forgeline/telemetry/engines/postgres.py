"""The engine on plain PostgreSQL: range partitions of a day, made ahead and on demand, dropped when too old."""

from __future__ import annotations

from forgeline.base import clock
from forgeline.telemetry.engines.base import Capabilities
from forgeline.telemetry.engines.catalogue import DAY_US, CatalogueEngine
from forgeline.telemetry.engines.connection import store_connection


class PostgresEngine(CatalogueEngine):
    """There is no default partition: a row would stay in it and stop its own day from being attached later. A day
    that is missing is made before the rows go in, so ingest never fails for want of one.
    """

    capabilities = Capabilities(name="postgres", compresses=False, makes_chunks=False)

    def __init__(self) -> None:
        self._days: set[int] = set()

    def ensure_chunks(self, from_us: int, to_us: int) -> None:
        first, last = from_us // DAY_US, to_us // DAY_US
        missing = [day for day in range(first, last + 1) if day not in self._days]
        if not missing:
            return
        with store_connection() as connection:
            connection.execute(
                "SELECT telemetry_make_chunks(%s, %s)",
                [clock.from_us(missing[0] * DAY_US), clock.from_us(missing[-1] * DAY_US)],
            )
        self._days.update(missing)

    def forget_chunks(self) -> None:
        self._days.clear()

"""The engine on TimescaleDB: hypertables make their chunks themselves; columnstore where the edition has it."""

from __future__ import annotations

from forgeline.telemetry.engines.base import Capabilities
from forgeline.telemetry.engines.catalogue import CatalogueEngine


class TimescaleEngine(CatalogueEngine):
    """Chunks come into being with their first row, under the table owner's name."""

    capabilities = Capabilities(name="timescale", compresses=False, makes_chunks=True)

    def ensure_chunks(self, from_us: int, to_us: int) -> None:
        return None

    def forget_chunks(self) -> None:
        return None

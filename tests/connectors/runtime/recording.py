"""A sink that records, and can be away: the double of the sink's contract, nothing more."""

from __future__ import annotations

from connectors.runtime.sink import SinkAwayError, SinkResult
from forgeline.telemetry.sample import SampleBatch


class RecordingSink:
    """Keeps every row that it was given while it was not away."""

    def __init__(self) -> None:
        self.is_away = False
        self.poison: float | None = None
        self.rows: list[tuple[int, int, float, int]] = []
        self.texts: list[str] = []

    def write(self, batch: SampleBatch) -> SinkResult:
        if self.is_away:
            raise SinkAwayError("away")
        if self.poison is not None and self.poison in batch.value:
            raise ZeroDivisionError("nobody foresaw this")
        self.rows += zip(
            batch.point_id.tolist(),
            batch.ts_us.tolist(),
            batch.value.tolist(),
            batch.flags.tolist(),
            strict=True,
        )
        if batch.text is not None:
            self.texts += [text for text in batch.text.tolist() if text is not None]
        return SinkResult()

    def close(self) -> None:
        """Nothing to let go."""

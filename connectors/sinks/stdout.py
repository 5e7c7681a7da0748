"""A dry run: each sample as a line of JSON. Not here: anything durable."""

from __future__ import annotations

import json
import math
import sys
from typing import IO

from connectors.runtime.sink import SinkResult
from forgeline.telemetry.sample import SampleBatch


class StdoutSink:
    """Prints what would be stored."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stdout

    def write(self, batch: SampleBatch) -> SinkResult:
        """Print a line a sample."""
        texts = [None] * len(batch) if batch.text is None else batch.text.tolist()
        for point_id, ts_us, value, quality, text in zip(
            batch.point_id.tolist(), batch.ts_us.tolist(), batch.value.tolist(), batch.quality.tolist(), texts,
            strict=True,
        ):  # fmt: skip
            shown = text if text is not None else (None if math.isnan(value) else value)
            line = {"point_id": point_id, "ts_us": ts_us, "value": shown, "quality": quality}
            self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._stream.flush()
        return SinkResult()

    def close(self) -> None:
        self._stream.flush()

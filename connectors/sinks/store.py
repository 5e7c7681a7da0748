"""The store as a sink: batch → telemetry.ingest. Not here: what is accepted (telemetry), the spool (runtime)."""

from __future__ import annotations

from connectors.runtime.sink import SinkAwayError, SinkResult
from forgeline.base.errors import UnavailableError
from forgeline.telemetry import ingest
from forgeline.telemetry.sample import SampleBatch
from forgeline.telemetry.screening import Reason

_KEYS = {int(reason): reason.key for reason in Reason}


class StoreSink:
    """Hands batches to the one write door."""

    def write(self, batch: SampleBatch) -> SinkResult:
        """Store a batch. **Raises** SinkAwayError while the store is away."""
        try:
            result = ingest.ingest_batch(batch)
        except UnavailableError as error:
            raise SinkAwayError(str(error.data.get("fault") or error)) from error
        return SinkResult(
            result.reasons if result.rejected else None,
            _KEYS,
            late=result.late_rows,
            duplicate=result.duplicate_rows,
        )

    def close(self) -> None:
        """Write what ingest keeps by time, and let go."""
        try:
            ingest.close()
        except UnavailableError as error:
            raise SinkAwayError(str(error)) from error

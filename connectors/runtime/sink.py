"""What a sink is: it takes a batch and says what became of each row. Not here: any sink (connectors/sinks)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from forgeline.telemetry.sample import SampleBatch


class SinkAwayError(Exception):
    """The sink can take nothing now; nothing of the batch was stored, sending it again is right."""


@dataclass(frozen=True, slots=True)
class SinkResult:
    """What became of a batch that is durable now.

    **Shape** ``reasons`` has an entry a row, 0 where it was stored; ``reason_keys`` names the others.
    ``late`` and ``duplicate`` mark rows not newer than their point's last, and rows that another row replaced or that
    replaced one; None where the sink cannot tell.
    """

    reasons: NDArray[np.int8] | None = None
    reason_keys: Mapping[int, str] = field(default_factory=dict)
    late: NDArray[np.bool_] | None = None
    duplicate: NDArray[np.bool_] | None = None


class Sink(Protocol):
    """Where the writer thread puts batches; called by that one thread only."""

    def write(self, batch: SampleBatch) -> SinkResult:
        """Make a batch durable. Raises SinkAwayError."""

    def close(self) -> None:
        """Flush and let go; called once by the writer thread."""

"""How long to wait before trying again: 1 s to 60 s, doubling, with jitter. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

FIRST_S = 1.0
LAST_S = 60.0


@dataclass(slots=True)
class Backoff:
    """Waits of one connection. Jitter keeps hundreds of them from knocking at the same instant."""

    random: Random
    first_s: float = FIRST_S
    last_s: float = LAST_S
    failures: int = 0

    def next_s(self) -> float:
        """Return the next wait: between half and all of a span that doubles from ``first_s`` to ``last_s``."""
        span = min(self.last_s, self.first_s * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return max(self.first_s, span * (0.5 + 0.5 * self.random.random()))

    def reset(self) -> None:
        """Begin anew after a success."""
        self.failures = 0

"""Counters of one connection, kept by several threads. Not here: who shows them."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from connectors.contract import Undecodable

KEPT_UNDECODABLES = 100
KEPT_EVENTS = 20


@dataclass(slots=True, eq=False)
class Counters:
    """Counts since the process began. Each field has one writer, or is guarded by the pipeline's lock.

    ``received`` counts messages, ``decoded`` the values found in them; the others count samples.
    """

    connection_id: int = 0
    received: int = 0
    decoded: int = 0
    stored: int = 0
    duplicate: int = 0
    late: int = 0
    replayed: int = 0
    dropped: int = 0
    """Unsettled by the source and lost with it (QoS 0 while the pipeline was full)."""
    spooled: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    undecodables: deque[Undecodable] = field(default_factory=lambda: deque(maxlen=KEPT_UNDECODABLES))
    undecodable_total: int = 0
    """How many there have been; the owner of the process notes up to which it has saved them."""
    events: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT_EVENTS))
    measures: dict[str, float] = field(default_factory=dict)
    """What the source counts itself (Outlet.measure)."""
    last_ts_us: int = 0
    """Time of the newest stored sample."""

    def snapshot(self) -> dict[str, Any]:
        """Return the counts as JSON-like data."""
        return {
            "received": self.received, "decoded": self.decoded, "stored": self.stored,
            "duplicate": self.duplicate, "late": self.late, "replayed": self.replayed,
            "dropped": self.dropped, "spooled": self.spooled, "rejected": dict(self.rejected),
        }  # fmt: skip

    def keep(self, undecodable: Undecodable) -> None:
        """Count and keep what could not be decoded."""
        self.rejected[undecodable.reason] += 1
        self.undecodables.append(undecodable)
        self.undecodable_total += 1

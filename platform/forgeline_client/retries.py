"""When it is worth asking again, and after how long. Pure: no clock, no input or output."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

LATER = frozenset({408, 425, 429, 502, 503, 504})
"""What passes by itself."""
FAULT = 500


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client keeps on asking while Forgeline cannot answer; ``total_s`` None: for ever."""

    total_s: float | None = 60.0
    first_pause_s: float = 0.5
    longest_pause_s: float = 15.0
    faults_borne: int = 5
    """So often is a request repeated that is answered with 500: a fault of the moment passes, a real one stays."""


class Attempts:
    """The tries of one request. ``chance`` in [0, 1) spreads many clients over time."""

    def __init__(self, patience: Patience, begun_s: float) -> None:
        self._patience = patience
        self._begun_s = begun_s
        self._pause_s = patience.first_pause_s
        self._faults = 0

    def may_ask_again(self, status: int | None) -> bool:
        """Say whether an answer, or none (None), is one that may be better next time."""
        if status == FAULT:
            self._faults += 1
            return self._faults <= self._patience.faults_borne
        return status is None or status in LATER

    def next_pause(
        self, now_s: float, *, retry_after: str = "", today: datetime, chance: float
    ) -> float | None:
        """Return how long to wait, or None when patience is over. Forgeline's own word is taken, never shortened."""
        pause = self._pause_s * (0.75 + chance / 2)
        pause = max(pause, seconds_of(retry_after, today))
        self._pause_s = min(self._pause_s * 2, self._patience.longest_pause_s)
        total = self._patience.total_s
        return None if total is not None and now_s - self._begun_s + pause > total else pause


def seconds_of(retry_after: str, today: datetime) -> float:
    """Return the seconds that a Retry-After means: a number, or a date; 0 where it is neither."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - today).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def headers_of(method: str, path: str, given: dict[str, str] | None) -> dict[str, str]:
    """Return the headers of a request. A POST gets a key, so that asking again does it once.

    Samples need none: the same point and time is the same sample.
    """
    headers = dict(given or {})
    if method == "POST" and not path.startswith("/samples"):
        headers.setdefault("Idempotency-Key", uuid.uuid4().hex)
    return headers

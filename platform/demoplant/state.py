"""What the plant must remember between two starts: credentials, the replay clock, how far the history came.

Not here: what Forgeline knows (seed asks it each time). The file holds passwords: it is for its owner alone.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from demoplant.clock import ReplayClock, clock_of


@dataclass
class History:
    """The two weeks before ``until_ms``; ``days_done`` of them, newest first, are posted."""

    until_ms: int = 0
    days_done: int = 0


@dataclass
class State:
    """Kept in one JSON file, written whole."""

    path: Path
    site_id: int = 0
    """Another site than last time means another database: credentials and history begin anew."""
    credentials: dict[str, dict[str, str]] = field(default_factory=dict)
    """Device key → {username, password}."""
    clock: list[list[float]] = field(default_factory=list)
    history: History = field(default_factory=History)

    @property
    def replay_clock(self) -> ReplayClock:
        return clock_of(self.clock) if self.clock else ReplayClock()

    def begin_anew(self, site_id: int, now_ms: int) -> None:
        """Forget what belonged to another database."""
        self.site_id = site_id
        self.credentials = {}
        self.history = History(until_ms=now_ms)
        self.save()

    def save(self) -> None:
        """Replace the file; a crash leaves the old one or the new one."""
        rows: dict[str, Any] = asdict(self)
        del rows["path"]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)


def load_state(path: Path) -> State:
    """Return what was kept, or a fresh state; a file that cannot be read is put aside."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        history = History(**rows.pop("history"))
        return State(path=path, history=history, **rows)
    except FileNotFoundError:
        return State(path=path)
    except (ValueError, TypeError, KeyError):
        path.replace(path.with_suffix(".unreadable"))
        return State(path=path)

"""Where the project is, and what tests ask about processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
    """Wait until the condition holds, or fail saying what was waited for."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s for {what}"
        time.sleep(0.02)


def is_gone(process_id: int) -> bool:
    """Return whether the process has ended; one that nobody has reaped yet has."""
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"


def processes_with(mark: str) -> list[int]:
    """Return the processes that have this word in their environment or work in a folder with it in its name.

    PostgreSQL writes over its environment, but every process of it works in its data folder.
    """
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or is_gone(int(entry.name)):
            continue
        try:
            if mark.encode() in (entry / "environ").read_bytes() or mark in str((entry / "cwd").readlink()):
                found.append(int(entry.name))
        except OSError:
            continue
    return found

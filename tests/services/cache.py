"""Where parts that are expensive to build are kept between runs and between clones."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder for built parts: FORGELINE_TEST_CACHE, else ``forgeline`` in the user's cache."""
    if named := os.environ.get("FORGELINE_TEST_CACHE"):
        return Path(named).resolve()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "forgeline"


@contextmanager
def exclusive(name: str) -> Iterator[Path]:
    """Hold the lock of one part while it is built; yields the cache folder."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder

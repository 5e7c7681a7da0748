"""The files of the project: those git tracks, and those it would track."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


@functools.cache
def tracked_files() -> tuple[Path, ...]:
    """Return every file that is tracked or new and not ignored, absolute."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    paths = (ROOT / name.decode() for name in listed.split(b"\0") if name)
    return tuple(sorted(path for path in paths if path.is_file()))


def text_files(*suffixes: str) -> list[Path]:
    """Return the tracked files with one of these suffixes."""
    return [path for path in tracked_files() if path.suffix in suffixes]


def name_of(path: Path) -> str:
    """Return the path as a person reads it, from the root."""
    return path.relative_to(ROOT).as_posix()

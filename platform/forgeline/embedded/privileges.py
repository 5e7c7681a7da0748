"""How root runs a program that refuses to be run by root, as PostgreSQL does; and whose its folder must then be.

Two ways are tried with the very program and folder. In a user namespace root stays the owner of its files, so that a
clone beneath /root or under a tight umask works; containers often forbid namespaces, and there it becomes ``nobody``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from forgeline.embedded.service import ServiceError

NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Unprivileged:
    """The words to put before a command, and the user who must own its files."""

    words: tuple[str, ...]
    owner_id: int


# Dropping root clears the wish to die with the parent, so setpriv makes it anew.
_WAYS = (
    Unprivileged(
        ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "setpriv", "--pdeathsig=INT"),
        0,
    ),
    Unprivileged(
        ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--pdeathsig=INT"), NOBODY
    ),
)


def drop_root(folder: Path, program: Path) -> Unprivileged | None:
    """Return a way in which ``program`` can run on ``folder``, which is handed over to it; None when nobody is root.

    **Raises** ServiceError where neither way leads to both.
    """
    if os.geteuid() != 0:
        return None
    for way in _WAYS:
        if shutil.which(way.words[0]) is None:
            continue
        _hand_over(folder, way.owner_id)
        if _reaches(way, "-x", program) and _reaches(way, "-w", folder):
            return way
    raise ServiceError(
        f"PostgreSQL does not run as root, and no other user can reach {folder} and {program}: run `make up` as an "
        "ordinary user, move the project to a folder that others may enter, or set FORGELINE_DATABASE_URL."
    )


def _hand_over(folder: Path, owner_id: int) -> None:
    """Give the folder and all beneath it to this user, unless it has it already."""
    folder.chmod(0o700)
    data = folder / "data"
    if folder.stat().st_uid == owner_id and (not data.exists() or data.stat().st_uid == owner_id):
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner_id, owner_id, follow_symlinks=False)


def _reaches(way: Unprivileged, flag: str, path: Path) -> bool:
    tried = subprocess.run([*way.words, "test", flag, str(path)], capture_output=True, check=False)
    return tried.returncode == 0

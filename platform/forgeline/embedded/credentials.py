"""The files by which mosquitto knows its users: passwords and topic rules, written whole or not at all.

Not here: who has a credential (assets), how the broker is told of a change (broker; in production its own watcher).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from forgeline.base.files import write_whole
from forgeline.base.mqtt_password import hash_password, verify_password

SERVICE_USER = "forgeline"
"""The platform's own user at its broker: it may read and write everywhere."""

PASSWORDS, RULES = "passwords", "acl"


def topic_rules() -> str:
    """Return the rules: the platform everywhere, a device beneath its own name only."""
    return f"user {SERVICE_USER}\ntopic readwrite #\ntopic read $SYS/#\n\npattern write t/%u/#\npattern read c/%u/#\n"


def write_credentials(folder: Path, hashes: Mapping[str, str]) -> bool:
    """Write both files where they differ from what is there; return whether anything changed.

    ``hashes`` maps every user, the platform's too, to its hash. A reader sees the old file or the new one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{name}:{digest}\n" for name, digest in sorted(hashes.items()))
    changed = _replace(folder / RULES, topic_rules())
    return _replace(folder / PASSWORDS, lines) or changed


def read_credentials(folder: Path) -> dict[str, str]:
    """Return every user that the file knows with its hash."""
    path = folder / PASSWORDS
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {user: digest for user, _, digest in (line.partition(":") for line in lines)}


def kept_hash(folder: Path, name: str, password: str) -> str:
    """Return the hash that the file holds for this user and password, or a new one.

    A new salt at each look would be a change, and every change a reload.
    """
    digest = read_credentials(folder).get(name)
    if digest and verify_password(password, digest):
        return digest
    return hash_password(password)


def _replace(path: Path, text: str) -> bool:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    # The broker in its own container reads by its group.
    write_whole(path, text, mode=0o640)
    return True

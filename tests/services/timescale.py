"""Run a native TimescaleDB (Apache edition: hypertables, time_bucket, COPY, concurrency; no columnstore).

``python -m tests.services.timescale build`` makes the folder it runs from; ``... run`` starts one and prints its
address. Not here: the columnstore (timescale_wasm), the databases and roles of a test (tests/conftest.py).
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.services import chroot

START_TIMEOUT_S: Final = 30.0
STOP_TIMEOUT_S: Final = 10.0

SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "max_connections": "100",
    # The chroot has no tmpfs of its own for POSIX shared memory.
    "dynamic_shared_memory_type": "mmap",
    # A test store need not outlive the machine; commits stay synchronous as far as a session can see.
    "fsync": "off",
    "timezone": "UTC",
}


def why_unavailable() -> str | None:
    """Return None where a server can be started, else one sentence with the remedy."""
    if not chroot.is_built():
        return (
            "the native TimescaleDB is not built; "
            "`.venv/bin/python -m tests.services.timescale build` as root makes it in about a minute"
        )
    if os.geteuid() != 0:
        return "the native TimescaleDB runs in a chroot, which needs root; run the tests as root to have it"
    return None


@contextmanager
def running_timescale(settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """Start a fresh server on a free loopback port and yield its superuser URL; stop and remove it afterwards.

    ``settings`` overrides or extends SETTINGS. The URL's database ``postgres`` does not have the extension: the
    caller makes its own database and says ``CREATE EXTENSION timescaledb`` there.
    **Raises** RuntimeError with why_unavailable's sentence, or with the server's last words.
    """
    if reason := why_unavailable():
        raise RuntimeError(reason)
    root = chroot.chroot_folder()
    _sweep(root)
    home = Path("/srv") / f"postgres-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        password = _make_cluster(root, home)
        port = _free_port()
        with (root / home.relative_to("/") / "log").open("wb") as log:
            server = _start(root, home, {**SETTINGS, **(settings or {}), "port": str(port)}, log.fileno())
        try:
            url = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
            _wait_ready(server, url, root / home.relative_to("/") / "log")
            yield url
        finally:
            _stop(server)
    finally:
        shutil.rmtree(root / home.relative_to("/"), ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove what test runs that were killed left behind; a folder's name says whose it was."""
    for left in (root / "srv").glob("postgres-*-*"):
        owner = int(left.name.split("-")[1])
        if not Path(f"/proc/{owner}").exists():
            shutil.rmtree(left, ignore_errors=True)


def _as_postgres(root: Path, *command: str) -> list[str]:
    # setpriv sets the death signal after it gave up root; set before, the change of user would clear it.
    given_up = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=INT"]
    return ["chroot", str(root), *given_up, *command]


def _make_cluster(root: Path, home: Path) -> str:
    """Make a data folder under ``home`` (a path inside the chroot) and return the superuser's password."""
    outside = root / home.relative_to("/")
    outside.mkdir(parents=True)
    password = secrets.token_urlsafe(24)
    (outside / "password").write_text(password)
    subprocess.run(["chroot", root, "chown", "-R", "postgres:postgres", home], check=True)
    made = subprocess.run(
        _as_postgres(
            root,
            f"{chroot.POSTGRES_BIN}/initdb", "--pgdata", f"{home}/data", "--username=postgres",
            "--auth=scram-sha-256", f"--pwfile={home}/password", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
        ),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        raise RuntimeError(f"initdb failed: {made.stderr.strip() or made.stdout.strip()}")
    return password


def _start(root: Path, home: Path, settings: Mapping[str, str], log: int) -> subprocess.Popen[bytes]:
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = _as_postgres(root, f"{chroot.POSTGRES_BIN}/postgres", "-D", f"{home}/data", *options)
    # A session of its own: Ctrl-C reaches pytest first, which then stops the server in order.
    return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)


def _free_port() -> int:
    # Not the house's own: a bare Python runs this.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_ready(server: subprocess.Popen[bytes], url: str, log: Path) -> None:

    import psycopg  # here, because ``build`` runs on a bare Python before anything is installed

    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                last_words = log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"TimescaleDB did not start: {error}\n{last_words}") from error
            time.sleep(0.05)
        else:
            return


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)  # fast shutdown
    try:
        server.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        server.send_signal(signal.SIGQUIT)  # immediate: children die too, which SIGKILL would not see to
        server.wait(STOP_TIMEOUT_S)


def main(arguments: list[str]) -> int:
    """Build the folder, run a server until Ctrl-C, or say why not."""
    if arguments == ["build"]:
        try:
            print(f"TimescaleDB is in {chroot.build()}")
        except (RuntimeError, subprocess.CalledProcessError) as error:
            print(f"TimescaleDB was not built: {error}", file=sys.stderr)
            return 1
        return 0
    if arguments == ["run"]:
        with running_timescale() as url:
            print(url, flush=True)
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
        return 0
    print("usage: python -m tests.services.timescale build|run", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

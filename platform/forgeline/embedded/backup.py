"""``make backup`` and ``make restore``: the database, the secrets and the certificates in one tar file.

Works on the embedded PostgreSQL and on the one of FORGELINE_DATABASE_URL (with credentials that may read everything:
as the owner pg_dump fails, row-level security is forced on it too). Not here: the cache and the broker's queue, which
hold nothing that the database or the devices do not.
"""

from __future__ import annotations

import contextlib
import json
import os
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
from forgeline.embedded.service import ServiceError
from forgeline.tenancy.roles import LOGIN_ROLES, provision

FOLDERS = ("secrets", "opcua", "demoplant")
DUMP, MANIFEST = "database.dump", "manifest.json"
DBNAME = "forgeline"


def backup(layout: Layout, database_url: str, target: Path | None) -> str:
    """Write ``target`` (default var/backups/forgeline-<UTC time>.tar) and return a sentence.

    The dump is one snapshot; the file appears whole or not at all, readable by its owner alone.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    target = target or layout.folder("backups") / f"forgeline-{stamp}.tar"
    started = time.monotonic()
    with _database(layout, database_url) as url, tempfile.TemporaryDirectory(dir=layout.var) as scratch:
        dump = Path(scratch) / DUMP
        _run("pg_dump", "--format=custom", "--compress=6", f"--file={dump}", url=url)
        manifest = {"made_at": stamp, "postgresql": _major(url), "bytes": dump.stat().st_size}
        (Path(scratch) / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        partial = Path(scratch) / "backup.tar"
        with tarfile.open(partial, "w") as archive:
            archive.add(Path(scratch) / MANIFEST, MANIFEST)
            archive.add(dump, DUMP)
            for name in FOLDERS:
                if (layout.var / name).is_dir():
                    archive.add(layout.var / name, name)
        partial.chmod(0o600)
        target.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        _move(partial, target)
    size = target.stat().st_size / 2**20
    return (
        f"{target} holds the database, the secrets and the certificates ({size:.1f} MB, "
        f"{time.monotonic() - started:.1f} s). Keep it as safe as a password."
    )


def restore(layout: Layout, database_url: str, source: Path) -> str:
    """Put the backup in the place of database, secrets and certificates; return a sentence.

    **Raises** ServiceError, before anything is changed, for a file that is no backup.
    """
    with tempfile.TemporaryDirectory(dir=layout.var) as scratch:
        manifest = _unpack(source, Path(scratch))
        if not database_url and manifest["postgresql"] > server_major():
            raise ServiceError(
                f"{source} comes from PostgreSQL {manifest['postgresql']}, this Forgeline brings {server_major()}; "
                "restore it with a newer Forgeline."
            )
        for name in FOLDERS:
            if (Path(scratch) / name).is_dir():
                _replace_folder(Path(scratch) / name, layout.var / name)
        (layout.var / "secrets").chmod(0o700)
        with _database(layout, database_url, must_exist=False) as url:
            _replace_database(layout, url, Path(scratch) / DUMP)
    return f"{source} of {manifest['made_at']} (UTC) is restored; start with `make up`."


def _unpack(source: Path, scratch: Path) -> dict[str, int]:
    try:
        with tarfile.open(source) as archive:
            archive.extractall(scratch, filter="data")
        return dict(json.loads((scratch / MANIFEST).read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise ServiceError(f"There is no backup {source}; `make backup` makes one.") from error
    except (tarfile.TarError, ValueError, OSError) as error:
        raise ServiceError(f"{source} is no backup of Forgeline or is damaged ({error}).") from error


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
        beside.write_bytes(source.read_bytes())
        beside.chmod(0o600)
        beside.replace(target)


def _replace_database(layout: Layout, url: str, dump: Path) -> None:
    dbname = unquote(urlsplit(url).path.lstrip("/"))
    admin_url = urlunsplit(urlsplit(url)._replace(path="/postgres"))
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(dbname)))
    passwords = {role: layout.secret(f"database_{role}") for role in LOGIN_ROLES}
    provision(admin_url, dbname=dbname, passwords=passwords)
    with psycopg.connect(url, autocommit=True) as admin:
        has_timescale = bool(
            admin.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
        )
        if has_timescale:
            admin.execute("SELECT timescaledb_pre_restore()")
        _run("pg_restore", "--exit-on-error", "--no-comments", "--dbname", url, str(dump), url=url)
        if has_timescale:
            admin.execute("SELECT timescaledb_post_restore()")
        admin.execute("ANALYZE")


@contextlib.contextmanager
def _database(layout: Layout, database_url: str, *, must_exist: bool = True) -> Iterator[str]:
    """Yield a URL that may read and write everything: yours, the running embedded server's, or one started for this."""
    if database_url:
        yield urlunsplit(urlsplit(database_url)._replace(scheme="postgresql"))
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
    with server:
        yield server.url(DBNAME)


def _run(program: str, *arguments: str, url: str) -> None:
    """Run a tool of PostgreSQL; its password goes by the environment, never on the command line."""
    parts = urlsplit(url)
    environment = {
        **os.environ,
        "PGHOST": parts.hostname or "",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": unquote(parts.path.lstrip("/")),
    }
    words = [word if word != url else environment["PGDATABASE"] for word in arguments]
    done = subprocess.run(
        [str(binaries() / program), *words], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[0]
        raise ServiceError(f"{program} failed: {said}")


def _major(url: str) -> int:
    with psycopg.connect(url) as connection:
        return connection.info.server_version // 10_000

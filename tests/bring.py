"""Bring the real services of a test run: PostgreSQL with its roles, and Valkey. One set a run, a database a worker."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.core.cache import caches
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from forgeline.conf.celery import app as celery
from forgeline.tenancy.roles import provision

PASSWORDS = {"owner": "owner-of-tests", "app": "app-of-tests", "ingest": "ingest-of-tests"}
ADMIN_PASSWORD = "admin-of-tests"
MIGRATED = "migrated"
"""Name of the database in a migrated cluster."""
_PROVISION_LOCK = 7_204_511
_CLUSTER = "FORGELINE_TEST_CLUSTER"
_admin = {"url": ""}
"""Superuser of the server that Django is turned to."""


@dataclass(frozen=True, slots=True)
class Services:
    """Where the services of this run listen; plain strings, so that workers and child processes can be told."""

    admin_url: str
    """Superuser URL of the database ``postgres``."""
    redis_url: str

    def environment(self, dbname: str, var: Path) -> dict[str, str]:
        """Return the environment for a child process of the product that works on database ``dbname``."""
        parts = urlsplit(self.admin_url)
        return os.environ | {
            "FORGELINE_DATABASE_URL": urlunsplit(parts._replace(path=f"/{dbname}")),
            **{f"FORGELINE_DATABASE_{role.upper()}_PASSWORD": word for role, word in PASSWORDS.items()},
            "FORGELINE_REDIS_URL": self.redis_url,
            "FORGELINE_SECRET_KEY": settings.SECRET_KEY,
            "FORGELINE_VAR": str(var),
            "PYTHONPATH": os.pathsep.join(str(settings.BASE_DIR / part) for part in ("platform", "")),
            "DJANGO_SETTINGS_MODULE": "forgeline.conf.settings",
        }


@cache
def _fresh_cluster() -> tempfile.TemporaryDirectory[str]:
    from forgeline.embedded.postgres import PostgresServer

    kept = tempfile.TemporaryDirectory(prefix="forgeline-cluster-")
    # PostgreSQL runs as another user under root and must be able to walk to its data.
    Path(kept.name).chmod(0o755)
    with PostgresServer(Path(kept.name) / "postgres", password=ADMIN_PASSWORD, durable=False) as postgres:
        services = Services(admin_url=postgres.url("postgres"), redis_url=settings.REDIS_URL)
        provision(services.admin_url, dbname=MIGRATED, passwords=PASSWORDS)
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--database", "owner", "--verbosity", "0"],
            cwd=settings.BASE_DIR, env=services.environment(MIGRATED, Path(kept.name) / "var"), check=True,
        )  # fmt: skip
    return kept


def copy_migrated_cluster(folder: Path) -> None:
    """Put a stopped cluster with a migrated database into a folder: migrating takes 20 s, once a run.

    The first process of a run makes it and tells the others by their environment.
    """
    if _CLUSTER not in os.environ:
        os.environ[_CLUSTER] = _fresh_cluster().name
    subprocess.run(["cp", "-a", f"{os.environ[_CLUSTER]}/postgres", str(folder / "postgres")], check=True)


@contextlib.contextmanager
def running_valkey() -> Iterator[str]:
    """Start a Valkey more on a free port; yield its URL."""
    from forgeline.embedded.valkey import ValkeyServer

    with (
        tempfile.TemporaryDirectory(prefix="forgeline-valkey-") as folder,
        ValkeyServer(Path(folder)) as valkey,
    ):
        yield valkey.url


@contextlib.contextmanager
def running_services() -> Iterator[Services]:
    """Start PostgreSQL and Valkey on free ports, in a folder that goes away with them.

    Tests need no disk that survives a power cut; benchmarks and faults have a rig.
    """
    from forgeline.embedded.postgres import PostgresServer
    from forgeline.embedded.valkey import ValkeyServer

    with tempfile.TemporaryDirectory(prefix="forgeline-tests-") as folder, contextlib.ExitStack() as stack:
        Path(folder).chmod(0o755)
        copy_migrated_cluster(Path(folder))
        postgres = stack.enter_context(
            PostgresServer(Path(folder) / "postgres", password=ADMIN_PASSWORD, durable=False)
        )
        valkey = stack.enter_context(ValkeyServer(Path(folder) / "valkey"))
        yield Services(admin_url=postgres.url("postgres"), redis_url=valkey.url)


def point_django_at(services: Services, dbname: str) -> None:
    """Turn Django's aliases, cache and channel layer to this run's services, before anything has connected."""
    _admin["url"] = services.admin_url
    parts = urlsplit(services.admin_url)
    for role, alias in (("owner", "owner"), ("app", "default"), ("ingest", "ingest")):
        target = connections.databases[alias]
        target.update(
            NAME=dbname,
            HOST=parts.hostname,
            PORT=str(parts.port),
            USER=f"forgeline_{role}",
            PASSWORD=PASSWORDS[role],
        )
        # A pool keeps connections to a database that the next run drops.
        target["OPTIONS"].pop("pool", None)
    settings.REDIS_URL = services.redis_url
    settings.CACHES["default"]["LOCATION"] = services.redis_url
    # Axes reaches for the cache when Django starts: both still hold the address of before.
    for alias in settings.CACHES:
        with contextlib.suppress(AttributeError):
            del caches[alias]
    AxesProxyHandler.get_implementation(force=True)
    settings.CHANNEL_LAYERS["default"]["CONFIG"]["hosts"] = [services.redis_url]
    settings.CELERY_BROKER_URL = settings.CELERY_RESULT_BACKEND = services.redis_url
    # Celery keeps its producers for good: a task would go to the broker of before, and a ping stay unanswered.
    celery._pool = celery.amqp._producer_pool = None


def make_database(services: Services, dbname: str) -> None:
    """Provision the roles (once at a time: they belong to the server) and make a migrated database.

    A copy of the server's own migrated one; where it has none, migrations run.
    """
    with psycopg.connect(services.admin_url, autocommit=True) as admin:
        admin.execute("SELECT pg_advisory_lock(%s)", [_PROVISION_LOCK])
        there = "SELECT array_agg(datname::text) FROM pg_database WHERE datname = ANY(%s)"
        names = (admin.execute(there, [[MIGRATED, dbname]]).fetchone() or [None])[0] or []
        if is_copy := MIGRATED in names and dbname not in names:
            make = sql.SQL("CREATE DATABASE {} OWNER forgeline_owner TEMPLATE {}")
            admin.execute(make.format(sql.Identifier(dbname), sql.Identifier(MIGRATED)))
        provision(services.admin_url, dbname=dbname, passwords=PASSWORDS)
    if not is_copy:
        call_command("migrate", database="owner", verbosity=0)


def refuse_privileged_role() -> None:
    """Fail the run where the app's role could look over the wall: every test of tenancy would be worth nothing."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone()[0]:
            pytest.exit("tests must not run as a superuser or with BYPASSRLS", returncode=3)


_KEPT = ("django_migrations", "django_content_type", "auth_permission", "billing_plan", "billing_price")

_USED = """
SELECT c.oid::regclass::text, EXISTS (SELECT 1 FROM pg_constraint f WHERE f.confrelid = c.oid)
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> ALL(%s)
  AND NOT EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhrelid = c.oid)
  AND (pg_relation_size(c.oid) > 0
       OR EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhparent = c.oid AND pg_relation_size(i.inhrelid) > 0))
"""
"""Tables that hold anything themselves or in their partitions or chunks, and whether keys refer to them."""
_RESTART = """
SELECT setval(d.objid::regclass, s.start_value, false)
FROM pg_depend d JOIN pg_sequences s ON format('%%I.%%I', s.schemaname, s.sequencename)::regclass = d.objid
JOIN pg_class c ON c.oid = d.refobjid
WHERE d.deptype IN ('a', 'i') AND s.last_value IS NOT NULL AND c.relname <> ALL(%s)
"""


def empty_every_table() -> None:
    """Take away everything that a test may have written; what migrations put there stays.

    As the superuser, who is bound by no key and no trigger: a TRUNCATE that cascades makes new files for all hundred
    and thirty tables, a DELETE of a few rows none.
    """
    url = urlunsplit(urlsplit(_admin["url"])._replace(path=f"/{connections['owner'].settings_dict['NAME']}"))
    with psycopg.connect(url) as admin:
        admin.execute("SET session_replication_role = replica")
        for name, is_referred_to in admin.execute(_USED, [list(_KEPT)]).fetchall():
            admin.execute(f"DELETE FROM {name}" if is_referred_to else f"TRUNCATE {name}")  # type: ignore[arg-type]
        admin.execute(_RESTART, [list(_KEPT)])

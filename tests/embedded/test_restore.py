"""A backup comes back on another server: all is there, and whoever follows what is stored goes on where it stood."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import numpy as np
import psycopg
import pytest
from django.db import connections

from forgeline.billing import metering
from forgeline.embedded.backup import backup, restore
from forgeline.embedded.layout import Layout
from forgeline.embedded.postgres import PostgresServer
from forgeline.embedded.service import ServiceError
from forgeline.telemetry import ingest
from forgeline.telemetry.sample import SampleBatch
from forgeline.tenancy.roles import provision
from tests import bring
from tests.bench.plant import BenchPlant, make_plant
from tests.telemetry.conftest import wait_for_followers

TRANSACTIONS = 3_000
"""More than a fresh server has counted when a backup is restored into it."""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[PostgresServer]:
    """A server that has never seen this company."""
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o755)
    with PostgresServer(tmp_path / "other", password=bring.ADMIN_PASSWORD, durable=False) as server:
        yield server


@pytest.fixture
def back_home(services: bring.Services, database_name: str, live_db: None) -> Iterator[None]:
    """Django on this run's database again, whatever a test turned it to."""
    yield
    connections.close_all()
    ingest.reset()
    bring.point_django_at(services, database_name)


def test_a_restored_company_is_followed_where_it_was_left(
    services: bring.Services, database_name: str, back_home: None, other: PostgresServer, tmp_path: Path
) -> None:
    source = _database(services.admin_url, database_name)
    plant = make_plant(machines=1, points=2)
    _store(plant, count=10)
    wait_for_followers()
    assert metering.meter(plant.company.tenant_id) == 20
    _spend_transactions(source)
    _store(plant, count=7)
    rows = _count(source)
    connections.close_all()

    told = backup(_layout(tmp_path / "here"), source, tmp_path / "all.tar")
    assert "holds the database" in told
    target = _database(other.url("postgres"), "forgeline")
    assert "is restored" in restore(_layout(tmp_path / "there"), target, tmp_path / "all.tar")
    assert _count(target) == rows

    provision(other.url("postgres"), dbname="forgeline", passwords=bring.PASSWORDS)
    ingest.reset()
    bring.point_django_at(bring.Services(other.url("postgres"), services.redis_url), "forgeline")
    assert metering.meter(plant.company.tenant_id) == 14, "what nobody had counted yet, and nothing twice"
    _store(plant, count=5)
    assert metering.meter(plant.company.tenant_id) == 10, "and what came afterwards"


def test_what_is_no_backup_changes_nothing(
    services: bring.Services, database_name: str, live_db: None, tmp_path: Path
) -> None:
    target = _database(services.admin_url, database_name)
    before = _count(target)
    (tmp_path / "letter.tar").write_bytes(b"Dear Forgeline, \x00 this is no tar.")
    with pytest.raises(ServiceError, match="is no backup of Forgeline or is damaged"):
        restore(_layout(tmp_path / "there"), target, tmp_path / "letter.tar")
    with pytest.raises(ServiceError, match="`make backup` makes one"):
        restore(_layout(tmp_path / "there"), target, tmp_path / "nothing.tar")
    assert _count(target) == before


def _layout(var: Path) -> Layout:
    var.mkdir(exist_ok=True)
    return Layout(var)


def _database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _store(plant: BenchPlant, *, count: int) -> None:
    ts_us = (int(time.time()) - 600 + np.arange(count)) * 1_000_000 + time.time_ns() % 1_000_000
    for point in plant.point_ids.tolist():
        ingest.ingest_batch(SampleBatch.from_columns(np.full(count, point), ts_us, np.arange(count) + 0.5))


def _spend_transactions(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(TRANSACTIONS):
            connection.execute("SELECT pg_current_xact_id()")


def _count(url: str) -> tuple[int, ...]:
    """Return how many samples, commits, assets and entries of the audit a database holds."""
    tables = ("telemetry_sample", "telemetry_commit", "assets_asset", "audit_entry")
    with psycopg.connect(url) as connection:
        found = [connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables]
    return tuple(row[0] for row in found if row is not None)

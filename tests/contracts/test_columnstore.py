"""The store on TimescaleDB's Community edition: its own tables in the columnstore, read, upserted and cut through the
product's code. The server takes one connection at a time and no COPY; roles are taken by SET ROLE.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.db.backends.signals import connection_created
from django.db.utils import OperationalError

from forgeline.base.clock import now_us
from forgeline.telemetry import ingest, maintenance, queries
from forgeline.telemetry.engines.base import Capabilities
from forgeline.telemetry.engines.catalogue import current_engine
from forgeline.telemetry.engines.connection import store_connection
from forgeline.telemetry.keeper import Keeper
from forgeline.telemetry.sample import SampleBatch
from forgeline.tenancy.scoping import tenant_scope
from tests import bring
from tests.telemetry.conftest import Plant, make_plant

pytestmark = pytest.mark.columnstore

DAY_US = 86_400_000_000
MINUTE_US = 60_000_000
_ROLES = {"default": "forgeline_app", "owner": "forgeline_owner", "ingest": "forgeline_ingest"}


def _take_role(connection: Any, **_: Any) -> None:
    """The server signs everybody in as its superuser; the walls stand between roles."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {_ROLES[connection.alias]}")


@pytest.fixture(scope="module")
def columnstore(
    columnstore_url: str,
    services: bring.Services,
    database_name: str,
    django_db_setup: None,
    django_db_blocker: Any,
) -> Iterator[None]:
    """Django turned to the WebAssembly server, with the roles and the tables of the product."""
    parts = urlsplit(columnstore_url)
    _provision(columnstore_url)
    with django_db_blocker.unblock():
        connections.close_all()
        for alias in _ROLES:
            connections.databases[alias].update(
                NAME="postgres",
                HOST=parts.hostname,
                PORT=str(parts.port),
                USER="postgres",
                PASSWORD="unchecked",
            )
            connections.databases[alias]["OPTIONS"]["sslmode"] = "disable"
        connection_created.connect(_take_role)
        try:
            _only("owner")
            call_command("migrate", database="owner", verbosity=0, skip_checks=True)
            connections.close_all()
            yield
        finally:
            ingest.reset()
            connections.close_all()
            connection_created.disconnect(_take_role)
            for alias in _ROLES:
                connections.databases[alias]["OPTIONS"].pop("sslmode", None)
            bring.point_django_at(services, database_name)


def _only(alias: str) -> None:
    """Close every connection and open this one; the server takes a moment to let go of the last."""
    connections.close_all()
    deadline = time.monotonic() + 10
    while True:
        try:
            connections[alias].ensure_connection()
            return
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _provision(url: str) -> None:
    from forgeline.tenancy import roles

    with psycopg.connect(url, autocommit=True) as admin:
        roles._make_roles(admin, {})
        roles._grant(admin, "postgres")
        # Migrations ask the catalogue for its access methods. Every PostgreSQL shows them to everybody; this build
        # denies them to all but its superuser, and a GRANT on the table fails.
        admin.execute("GRANT pg_read_all_data TO forgeline_owner")


@pytest.fixture
def plant(columnstore: None, django_db_blocker: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    """A plant, and an ingest that upserts."""
    monkeypatch.setattr(Keeper, "start", lambda self: None)
    with django_db_blocker.unblock():
        _only("default")
        plant = make_plant(f"Alice{now_us()}")
        point = plant.add_point("p", expected_interval_s=60.0)
        assert point
        ingest.reset()
        _only("ingest")
        engine = current_engine()
        assert engine.capabilities == Capabilities("timescale", compresses=True, makes_chunks=True)
        engine.capabilities = Capabilities(
            "timescale", compresses=True, makes_chunks=True, accepts_copy=False
        )
        yield plant
        ingest.reset()
        connections.close_all()


def test_old_chunks_become_columns_and_stay_open_to_everything(plant: Plant) -> None:
    _only("default")
    points = [plant.add_point(f"p{i}", expected_interval_s=60.0) for i in range(3)]
    _only("ingest")
    now = now_us()
    first = (now // DAY_US - 12) * DAY_US
    ts = np.arange(first, first + 2 * DAY_US, 30 * MINUTE_US)
    for point in points:
        ingest.ingest_batch(SampleBatch.from_columns(np.full(len(ts), point), ts, np.arange(len(ts))))
    ingest.ingest_batch(SampleBatch.from_columns(points, [now] * 3, [1, 2, 3]))
    assert maintenance.compress() >= 2
    with store_connection() as store:
        compressed = "SELECT count(*) FROM timescaledb_information.chunks WHERE is_compressed"
        assert store.execute(compressed).fetchone()[0] >= 2
    # Late rows of every point, into columns: more tuples than the server would unpack by default are allowed.
    again = ingest.ingest_batch(
        SampleBatch.from_columns(np.repeat(points, len(ts)), np.tile(ts, 3), np.full(3 * len(ts), 7.0))
    )
    assert (again.accepted, again.replaced) == (3 * len(ts), 3 * len(ts))
    late = ingest.ingest_batch(SampleBatch.from_columns(points, [first + 1] * 3, [8, 8, 8]))
    assert late.inserted == 3
    ingest.flush()
    _only("default")
    with tenant_scope(plant.tenant_id):
        rows = [row for page in queries.iterate_raw(points[0], first, first + 2 * DAY_US) for row in page]
        [hours] = queries.read_series(points[:1], first, first + DAY_US, resolution=queries.Resolution.HOUR)
        last = queries.read_last_before(points, first + 2 * DAY_US)
    _only("ingest")
    assert len(rows) == len(ts) + 1
    assert {row[1] for row in rows} == {7.0, 8.0}
    assert hours.columns["count"].sum() == len(ts) // 2 + 1
    assert {value.value for value in last.values()} == {7.0}


def test_a_tenants_rows_are_cut_out_of_columns(plant: Plant) -> None:
    _only("default")
    point = plant.add_point("q")
    _only("ingest")
    now = now_us()
    first = (now // DAY_US - 12) * DAY_US
    ts = np.arange(first, first + DAY_US, 30 * MINUTE_US)
    ingest.ingest_batch(SampleBatch.from_columns(np.full(len(ts), point), ts, np.arange(len(ts))))
    maintenance.compress()
    _only("default")
    with tenant_scope(plant.tenant_id), connection.cursor() as cursor:
        cursor.execute("INSERT INTO telemetry_retention VALUES (%s, 3)", [plant.tenant_id])
    _only("ingest")
    maintenance.apply_retention()
    with store_connection() as store:
        left = store.execute("SELECT count(*) FROM telemetry_sample WHERE point_id = %s", [point]).fetchone()
    assert left == (0,)

"""The same house on another store: each test of the contract runs on plain PostgreSQL and on native TimescaleDB."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from forgeline.telemetry import ingest
from forgeline.telemetry.keeper import Keeper
from tests import bring
from tests.telemetry.conftest import Plant, make_plant


@pytest.fixture(scope="module", params=["postgres", pytest.param("timescale", marks=pytest.mark.timescale)])
def store(
    request: pytest.FixtureRequest,
    services: bring.Services,
    database_name: str,
    django_db_setup: None,
    django_db_blocker: Any,
) -> Iterator[str]:
    """Turn Django to a database of the engine named; the name is what the test gets."""
    if request.param == "postgres":
        yield "postgres"
        return
    elsewhere = bring.Services(request.getfixturevalue("timescale_url"), services.redis_url)
    with django_db_blocker.unblock():
        connections.close_all()
        bring.point_django_at(elsewhere, database_name)
        bring.make_database(elsewhere, database_name)
    yield "timescale"
    with django_db_blocker.unblock():
        ingest.reset()
        connections.close_all()
        bring.point_django_at(services, database_name)


@pytest.fixture
def quiet_store(store: str, live_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The store, empty, and an ingest whose clock the test holds."""
    ingest.reset()
    monkeypatch.setattr(Keeper, "start", lambda self: None)
    yield store
    ingest.reset()


@pytest.fixture
def plant(quiet_store: str) -> Plant:
    """Alice's plant in Berlin, on this store."""
    return make_plant("Alice")


@pytest.fixture
def foreign_plant(quiet_store: str) -> Plant:
    """Charlie's plant, on the same store."""
    return make_plant("Charlie")

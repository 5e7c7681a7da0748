"""A rig for each file of tests, and Django given back to the run's own services afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections

from forgeline.telemetry import ingest
from tests import bring
from tests.faults.watch import Watch
from tests.rig import Rig, running_rig


@pytest.fixture(scope="module")
def rig(services: bring.Services, database_name: str, django_db_blocker: Any) -> Iterator[Rig]:
    """Durable services and a migrated database of their own, under this process's Django."""
    with django_db_blocker.unblock():
        connections.close_all()
        with running_rig() as running:
            yield running
            ingest.reset()
            connections.close_all()
        bring.point_django_at(services, database_name)


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say what was measured; the end of the run shows it."""
    return lambda text: record_property("figure", text)


@pytest.fixture
def watch(rig: Rig) -> Iterator[Watch]:
    """The supervisor of ``make up`` over the rig's services; processes that the test adds end with it."""
    made = Watch(rig)
    yield made
    made.close()
    # The test's own connections may be to a database that was killed.
    connections.close_all()

"""What every test may ask for: services, a database as the app's role, companies and people.

``db`` (pytest-django) runs in a transaction that is rolled back; ``live_db`` commits, for whatever crosses
connections or processes, and empties the tables afterwards.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, transaction
from django.test import Client

from tests import bring
from tests.services.fixtures import chromium, columnstore_url, timescale_url

__all__ = ["chromium", "columnstore_url", "timescale_url"]


_FILES = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    # As the worker trains (threadpool_limits). Beside other tests a second thread waits, spinning, for a core that is
    # not there: 12 s of CPU instead of 2.7 for one model, and minutes on a slow machine.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    from django.conf import settings

    settings.SECRET_KEY = "only-for-tests"
    # Files of jobs go to a folder that goes with the run.
    config.stash[_FILES] = tempfile.TemporaryDirectory(prefix="forgeline-files-")
    settings.JOBS = settings.JOBS | {"FOLDER": Path(config.stash[_FILES].name)}
    # The fastest hasher that is honest about being none: sign-in is tested, argon2 is not ours.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Nothing is collected here; whitenoise would say that the folder is not there.
    settings.STATIC_ROOT = None
    # Companies of all tests have the same ids, and their calls are counted together.
    settings.API_CALLS_PER_MINUTE = 1_000_000
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SharedServices(), "forgeline-shared-services")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show what tests have measured (``record_property("figure", …)``), whoever of xdist's workers ran them."""
    figures = [
        text
        for report in terminalreporter.getreports("passed")
        for name, text in report.user_properties
        if name == "figure"
    ]
    if figures:
        terminalreporter.section("measured")
        for text in figures:
            terminalreporter.write_line(text)


class SharedServices:
    """Under xdist the controller brings the services and tells its workers where they are.

    One PostgreSQL for all, with a database each, and a Valkey each: what is published is heard in all of its databases.
    """

    def __init__(self) -> None:
        self._running = contextlib.ExitStack()
        self._services: bring.Services | None = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        if self._services is None:
            self._services = self._running.enter_context(bring.running_services())
            redis_url = self._services.redis_url
        else:
            redis_url = self._running.enter_context(bring.running_valkey())
        node.workerinput["services"] = (self._services.admin_url, redis_url)

    def pytest_sessionfinish(self) -> None:
        self._running.close()


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """A test begins in English: a request leaves its language behind in the thread that served it."""
    from django.utils import translation

    with translation.override("en"):
        yield


@pytest.fixture(scope="session")
def services(request: pytest.FixtureRequest) -> Iterator[bring.Services]:
    """PostgreSQL and Valkey of this run."""
    shared = getattr(request.config, "workerinput", {}).get("services")
    if shared is not None:
        yield bring.Services(*shared)
        return
    with bring.running_services() as services:
        yield services


@pytest.fixture(scope="session")
def database_name(request: pytest.FixtureRequest) -> str:
    """Name of this worker's database."""
    return f"test_{getattr(request.config, 'workerinput', {}).get('workerid', 'main')}"


@pytest.fixture(scope="session")
def django_db_setup(services: bring.Services, database_name: str, django_db_blocker: Any) -> Iterator[None]:
    """A migrated database in which Django signs in as forgeline_app."""
    bring.point_django_at(services, database_name)
    with django_db_blocker.unblock():
        bring.make_database(services, database_name)
        bring.refuse_privileged_role()
    yield
    with django_db_blocker.unblock():
        connections.close_all()


@pytest.fixture
def live_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Commits are real and seen by every connection and process; the tables are emptied afterwards."""
    from forgeline.telemetry import ingest, live

    with django_db_blocker.unblock():
        yield
        # Machines have the same ids again: what is told late of these would be heard by the next test.
        live.drain()
        # What ingest remembers of points is of rows that go away now.
        ingest.reset()
        for connection in connections.all(initialized_only=True):
            connection.close()
        bring.empty_every_table()
        connections.close_all()


@pytest.fixture
def child_environment(
    services: bring.Services, database_name: str, django_db_setup: None, tmp_path: Path
) -> dict[str, str]:
    """The environment for a child process of the product on this worker's database, with a state folder of its own."""
    return services.environment(database_name, tmp_path / "var")


@pytest.fixture(autouse=True)
def _no_rights_remembered() -> None:
    """Ids of companies come again from test to test; what a process remembers of their rights must not."""
    from forgeline.entitlements import rights
    from forgeline.pages import announcements

    rights._cache.clear()
    announcements.forget()


# --- the cast: Alice manages a plant, Bob looks at it, Charlie is a stranger from next door ------------------------


@dataclass(frozen=True, slots=True)
class Company:
    """A tenant with a manager, a viewer and a key of each."""

    tenant_id: int
    manager: Any
    viewer: Any
    manager_key: str
    viewer_key: str


def make_company(name: str, slug: str, manager: str, viewer: str) -> Company:
    """Make a tenant through the product's own services."""
    from forgeline.identity import services as identity
    from forgeline.identity.keys import create_api_key

    tenant = identity.create_tenant(name=name, slug=slug)
    people = []
    for email, role in ((manager, "manager"), (viewer, "viewer")):
        user = identity.create_user(email=email, password="a-long-password", name=email.split("@")[0].title())
        identity.add_member(tenant_id=tenant.pk, user=user, role=role)
        people.append(user)
    keys = [create_api_key(tenant_id=tenant.pk, name=role, role=role)[1] for role in ("manager", "viewer")]
    return Company(tenant.pk, *people, *keys)


def name_kind(tenant_id: int, kind: str) -> None:
    """Say what a company is to the service, as the database's owner: the application's role may not. Committed."""
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SELECT set_config('forgeline.tenant_id', %s, true)", [str(tenant_id)])
        cursor.execute("UPDATE tenancy_tenant SET kind = %s WHERE id = %s", [kind, tenant_id])


def _cast(which: str) -> Company:
    if which == "alice":
        return make_company("Alice Stamping", "alice", "alice@example.com", "bob@example.com")
    return make_company("Charlie Castings", "charlie", "charlie@example.com", "dora@example.com")


@pytest.fixture
def company(db: None) -> Company:
    """Alice's company, in the test's transaction."""
    return _cast("alice")


@pytest.fixture
def stranger(db: None) -> Company:
    """Charlie's company, in the test's transaction."""
    return _cast("charlie")


@pytest.fixture
def live_company(live_db: None) -> Company:
    """Alice's company, committed."""
    return _cast("alice")


@pytest.fixture
def live_stranger(live_db: None) -> Company:
    """Charlie's company, committed."""
    return _cast("charlie")


@pytest.fixture
def operator(live_db: None) -> Company:
    """The company that runs the service: Olga has the console, Otto only belongs to it. Committed."""
    made = make_company("Forgeline Ops", "ops", "olga@example.com", "otto@example.com")
    name_kind(made.tenant_id, "operator")
    return made


@pytest.fixture
def sign_in() -> Callable[[Any], Client]:
    """``sign_in(user)`` → a browser-like client of that person."""

    def _sign_in(user: Any) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return _sign_in

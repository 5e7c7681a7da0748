"""While a page waits for a distant server, it holds no transaction: followers of the commit log would wait too."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.test import Client

from forgeline.tenancy.scoping import released_scope, tenant_scope
from tests import bring
from tests.conftest import Company
from tests.demoplant.house import until

# Of this worker's database alone: others run their tests on the same server.
OPEN = (
    "SELECT count(*) FROM pg_stat_activity WHERE usename = 'forgeline_app' AND datname = %s"
    " AND state LIKE 'idle in transaction%%'"
)


@pytest.fixture
def silent_server() -> Iterator[tuple[int, list[socket.socket]]]:
    """A port that takes connections and never says a word."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield server.getsockname()[1], taken
    for each in taken:
        each.close()


def test_a_test_of_a_silent_server_holds_no_transaction(
    live_company: Company, services: bring.Services, database_name: str,
    silent_server: tuple[int, list[socket.socket]],
) -> None:  # fmt: skip
    port, taken = silent_server
    answers: list[Any] = []

    def ask() -> None:
        from django.db import connections

        options = {"endpoint": f"opc.tcp://127.0.0.1:{port}", "timeout_s": 4}
        answers.append(
            Client(headers={"Authorization": f"Bearer {live_company.manager_key}"}).post(
                "/api/v1/connections/test/", {"kind": "opcua", "options": options}, "application/json"
            )
        )
        connections.close_all()

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        until(lambda: taken)
        with psycopg.connect(services.admin_url, autocommit=True) as admin:
            # The caller's own thread has none either: it waits outside any scope.
            assert admin.execute(OPEN, [database_name]).fetchone() == (0,)
    finally:
        asking.join(30)
    assert answers[0].status_code == 200
    assert answers[0].json()["ok"] is False


def test_the_scope_is_taken_up_again(live_company: Company) -> None:
    from forgeline.identity.models import Membership

    with tenant_scope(live_company.tenant_id):
        before = Membership.objects.count()
        with released_scope():
            pass
        assert Membership.objects.count() == before == 2


def test_within_a_savepoint_nothing_is_let_go(company: Company) -> None:
    with tenant_scope(company.tenant_id), released_scope():
        pass

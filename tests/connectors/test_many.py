"""Hundreds of connections in one process, most of them idle: started in bounded time, in bounded memory, taken over."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.models import Connection, ConnectionStatus, Lease
from connectors.services import create_bindings, create_connection
from forgeline.embedded.broker import MosquittoBroker, find_mosquitto
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.connectors.floor import make_machine, running_connectors, stored, wait_for
from tests.connectors.test_process import now_ms, publish, publisher
from tests.rig import memory_mb

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_mosquitto() is None, reason="there is no mosquitto; `apt-get install mosquitto` brings it"
    ),
]
# Beyond select's 1,024 descriptors: each has three.
CONNECTIONS = 360
STARTED_WITHIN_S = 45.0
TAKEN_OVER_WITHIN_S = 15.0
MEMORY_MB = 300


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[MosquittoBroker]:
    with MosquittoBroker(tmp_path / "broker") as running:
        yield running


def _connections(company: Company, broker: MosquittoBroker) -> dict[int, int]:
    """Make the connections, each with one bound point; return point by number."""
    keys = [f"p{number}" for number in range(CONNECTIONS)]
    machine = make_machine(company.tenant_id, "Hall", keys)
    with tenant_scope(company.tenant_id):
        for number in range(CONNECTIONS):
            row = create_connection(
                kind="mqtt",
                name=f"C{number}",
                options={
                    "url": f"mqtt://127.0.0.1:{broker.port}", "topics": [f"c{number}/#"],
                    "username": "forgeline", "password": broker.service_password,
                },
            )  # fmt: skip
            create_bindings(
                connection_id=row.pk,
                bindings=[{"address": f"c{number}/press#a", "point_id": machine.point_ids[f"p{number}"]}],
            )
    return {number: machine.point_ids[f"p{number}"] for number in range(CONNECTIONS)}


def _count_running() -> int:
    return int(ConnectionStatus.objects.filter(state="running").count())


def _of(pid: int) -> dict[str, str]:
    """Whose: a process's name has its number in it."""
    return {"owner__contains": f"-{pid}-"}


def test_hundreds_of_connections_run_in_one_process_and_are_taken_over(
    live_company: Company, broker: MosquittoBroker, child_environment: dict[str, str]
) -> None:
    points = _connections(live_company, broker)
    with running_connectors(child_environment) as first:
        began = time.monotonic()
        with tenant_scope(live_company.tenant_id):
            wait_for(lambda: _count_running() == CONNECTIONS, "every connection to run", STARTED_WITHIN_S)
        started_s = time.monotonic() - began
        client = publisher(broker.port, "forgeline", broker.service_password)
        for number in points:
            publish(client, f"c{number}/press", {"ts": now_ms(), "a": number})
        rows = wait_for(
            lambda: len(found := stored(list(points.values()))) == CONNECTIONS and found,
            "a value of each",
            20,
        )
        assert {row[0]: row[2] for row in rows} == {point: float(number) for number, point in points.items()}
        memory = memory_mb(first.pid)
        print(f"{CONNECTIONS} connections: started in {started_s:.1f} s, {memory:.0f} MB")
        assert memory <= MEMORY_MB
        with running_connectors(child_environment) as second:
            half = CONNECTIONS // 2
            wait_for(lambda: Lease.objects.filter(**_of(second.pid)).count() == half, "a half each", 30)
            os.kill(second.pid, signal.SIGKILL)
            killed = time.monotonic()
            second.wait(5)
            with tenant_scope(live_company.tenant_id):
                wait_for(
                    lambda: (
                        Lease.objects.filter(**_of(first.pid)).count() == CONNECTIONS
                        and _count_running() == CONNECTIONS
                        and not ConnectionStatus.objects.filter(**_of(second.pid)).exists()
                    ),
                    "the first to take over", TAKEN_OVER_WITHIN_S,
                )  # fmt: skip
            print(f"taken over in {time.monotonic() - killed:.1f} s")
        client.disconnect()
        client.loop_stop()
        with tenant_scope(live_company.tenant_id):
            assert Connection.objects.count() == CONNECTIONS
        first.send_signal(signal.SIGTERM)
        assert first.wait(10) == 0

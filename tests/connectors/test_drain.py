"""An orderly end under load: what came is committed and acknowledged, leases are left, and nothing comes twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.models import ConnectionStatus, ConnectorProcess, Lease
from forgeline.embedded.broker import MosquittoBroker, find_mosquitto
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.connectors.floor import count_stored, make_machine, running_connectors, wait_for
from tests.connectors.test_process import _fleet, wait_until_running

pytestmark = pytest.mark.skipif(
    find_mosquitto() is None, reason="there is no mosquitto; `apt-get install mosquitto` brings it"
)
EXIT_WITHIN_S = 8.0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[MosquittoBroker]:
    with MosquittoBroker(tmp_path / "broker") as running:
        yield running


def test_told_to_stop_under_load_nothing_is_lost_and_nothing_is_sent_again(
    live_company: Company, broker: MosquittoBroker, child_environment: dict[str, str]
) -> None:
    environment = child_environment | {"FORGELINE_MQTT_URL": broker.url}
    machines = [make_machine(live_company.tenant_id, f"M{n}", [f"v{k}" for k in range(10)]) for n in range(4)]
    broker.set_devices({each.username: each.password_hash for each in machines})
    messages = 4_000
    want = len(machines) * messages * 5
    with running_connectors(environment) as first:
        wait_until_running(live_company)
        fleet = _fleet(broker, machines, messages=messages)
        wait_for(lambda: count_stored() > 2_000, "load")
        first.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert first.wait(EXIT_WITHIN_S + 2) == 0
        assert time.monotonic() - began <= EXIT_WITHIN_S
    at_end = count_stored()
    assert at_end < want, "it was told to stop after the load"
    assert not Lease.objects.exists()
    assert not ConnectorProcess.objects.exists()
    with running_connectors(environment):
        wait_for(lambda: count_stored() >= want, f"{want} samples", 60)
        assert fleet.wait(30) == 0
        time.sleep(3.0)
        assert count_stored() == want
        with tenant_scope(live_company.tenant_id):
            counters = ConnectionStatus.objects.get().counters
        # What the first had stored, it had acknowledged: the broker kept only the rest for its successor.
        assert counters["duplicate"] == 0
        assert counters["stored"] == want
        assert counters["received"] == len(machines) * messages

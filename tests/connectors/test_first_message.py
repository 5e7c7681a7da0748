"""What a device publishes before any connector has ever run is kept by the embedded broker, over its restart too."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors import platform_broker
from forgeline.embedded import subscription
from forgeline.embedded.broker import Broker, MosquittoBroker, TrialBroker, find_mosquitto
from tests.conftest import Company
from tests.connectors.floor import make_machine, running_connectors, stored, wait_for
from tests.connectors.test_process import now_ms, publish, publisher

BROKERS = [
    pytest.param(
        MosquittoBroker,
        marks=pytest.mark.skipif(
            find_mosquitto() is None, reason="there is no mosquitto; `apt-get install mosquitto` brings it"
        ),
    ),
    TrialBroker,
]


def test_the_session_is_the_one_that_the_connectors_take_over() -> None:
    assert platform_broker.member_client_id(0) == subscription.CLIENT_ID
    assert platform_broker.FILTER == subscription.TOPICS


@pytest.mark.parametrize("make", BROKERS)
def test_the_first_message_counts(
    make: Callable[[Path], Broker], live_company: Company, child_environment: dict[str, str], tmp_path: Path
) -> None:
    machine = make_machine(live_company.tenant_id, "Press", ["a"])
    point_id = machine.point_ids["a"]
    with make(tmp_path / "broker") as broker:
        broker.set_devices({machine.username: machine.password_hash})
        client = publisher(broker.port, machine.username, machine.password)
        for number in range(50):
            publish(
                client, f"t/{machine.username}/telemetry", {"ts": now_ms() + number, "values": {"a": number}}
            )
        if isinstance(broker, MosquittoBroker):
            assert broker.process is not None
            broker.process.send_signal(signal.SIGTERM)
            broker.process.wait(10)
            broker.start()
        environment = child_environment | {"FORGELINE_MQTT_URL": broker.url}
        with running_connectors(environment):
            wait_for(lambda: len(stored([point_id])) == 50, "what was published before anybody listened", 20)
            assert [row[2] for row in stored([point_id])] == [float(number) for number in range(50)]
        client.disconnect()
        client.loop_stop()


@pytest.mark.parametrize("make", BROKERS)
def test_a_session_that_is_there_is_left_alone(make: Callable[[Path], Broker], tmp_path: Path) -> None:
    with make(tmp_path / "broker") as broker:
        assert not subscription.make_session(broker.port, "forgeline", broker.service_password)

"""What the platform's broker drops beyond its bound is counted, and told to those who use it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors.cards import connections_card
from connectors.models import ConnectionStatus
from connectors.pages.words import event_words
from connectors.platform_broker import read_dropped, read_options, tells_of_itself
from forgeline.embedded.broker import MosquittoBroker, TrialBroker, find_mosquitto
from forgeline.identity.policy import Actor
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.connectors.floor import make_machine, running_connectors, wait_for
from tests.connectors.test_process import publish, publisher, wait_until_running

BOUND, SENT = 100, 400


class SmallBroker(MosquittoBroker):
    """One that keeps little and tells of it at once."""

    MAX_QUEUED_MESSAGES = BOUND
    TELLS_EVERY_S = 1


@pytest.mark.skipif(
    find_mosquitto() is None, reason="there is no mosquitto; `apt-get install mosquitto` brings it"
)
def test_what_the_broker_drops_while_nobody_fetches_is_counted_and_told(
    live_company: Company, child_environment: dict[str, str], tmp_path: Path
) -> None:
    metrics = tmp_path / "metrics"
    metrics.mkdir()
    with SmallBroker(tmp_path / "broker") as broker:
        machine = make_machine(live_company.tenant_id, "Press", ["speed"])
        broker.set_devices({machine.username: machine.password_hash})
        environment = child_environment | {
            "FORGELINE_MQTT_URL": broker.url, "PROMETHEUS_MULTIPROC_DIR": str(metrics)
        }  # fmt: skip
        with running_connectors(environment):
            wait_until_running(live_company)
            assert _told(live_company) == 0
        device = publisher(broker.port, machine.username, machine.password)
        for number in range(SENT):
            publish(device, f"t/{machine.username}/telemetry", {"speed": number})
        with running_connectors(environment):
            wait_for(lambda: _received(live_company) > 0, "the part that was kept", 20)
            # mosquitto keeps the bound, and what was under way besides: all others are in the count.
            wait_for(
                lambda: _told(live_company) == SENT - _received(live_company),
                "the number that was dropped",
                20,
            )
            dropped = _told(live_company)
            wait_for(lambda: _gauge(metrics, "dropped") == dropped, "the gauge", 20)
            wait_for(lambda: read_dropped() == dropped, "the number kept for the next process", 20)
            with tenant_scope(live_company.tenant_id):
                card = connections_card(Actor(live_company.tenant_id, "manager"))
            assert card is not None
            assert card["fault"] == "The broker dropped messages; see its page"
        with tenant_scope(live_company.tenant_id):
            ConnectionStatus.objects.update(events=[])
        with running_connectors(environment):
            wait_until_running(live_company)
            publish(device, f"t/{machine.username}/telemetry", {"speed": 1})
            wait_for(lambda: _received(live_company) > SENT - dropped, "the next message", 20)
            # A process that starts tells nothing that was told before.
            assert _told(live_company) == 0
        device.disconnect()
        device.loop_stop()
    sentence = event_words("broker_dropped", {"count": 300, "total": 400})
    assert sentence.startswith("The broker dropped 300 messages, 400 since it was started.")


def _told(company: Company) -> int:
    """How many the connection's page has said were dropped."""
    with tenant_scope(company.tenant_id):
        status = ConnectionStatus.objects.filter(connection__kind="broker").first()
    events = status.events if status else []
    return sum(event["count"] for event in events if event["event"] == "broker_dropped")


def _received(company: Company) -> int:
    with tenant_scope(company.tenant_id):
        status = ConnectionStatus.objects.filter(connection__kind="broker").first()
    return int(status.counters.get("received", 0)) if status else 0


def _gauge(folder: Path, name: str) -> float:
    from prometheus_client import CollectorRegistry, generate_latest, multiprocess

    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, path=str(folder))
    told = generate_latest(registry).decode()
    found = re.search(f'^forgeline_broker{{count="{name}"}} (.+)$', told, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_a_broker_that_tells_nothing_of_itself_is_not_asked(tmp_path: Path) -> None:
    url = TrialBroker(tmp_path, port=1).url
    assert not tells_of_itself({"MQTT_URL": url})
    assert tells_of_itself({"MQTT_URL": "mqtt://forgeline:x@broker:1883"})
    options = read_options({"MQTT_URL": url, "MQTT_PASSWORD": ""})
    assert options is not None
    assert options.filters == ["t/#"]

"""What the platform's broker discards beyond its bound is counted, and told to those who use it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors.cards import connections_card
from connectors.models import ConnectionStatus
from connectors.pages.words import event_words
from connectors.platform_broker import read_options, tells_of_itself
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
def test_what_the_broker_discards_while_nobody_fetches_is_counted_and_told(
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
            assert not _told(live_company)
        device = publisher(broker.port, machine.username, machine.password)
        for number in range(SENT):
            publish(device, f"t/{machine.username}/telemetry", {"speed": number})
        with running_connectors(environment):
            wait_for(lambda: _told(live_company), "the number that was discarded", 20)
            wait_for(lambda: _gauge(metrics, "forgeline_broker_discarded") > 0, "the gauge", 20)
            [event] = _told(live_company)
            with tenant_scope(live_company.tenant_id):
                wait_for(lambda: _stored(live_company) > 0, "the part that was kept", 20)
                stored = _stored(live_company)
            # mosquitto keeps the bound, and what was under way besides: all others are in the count.
            assert event["count"] == event["total"] == SENT - stored
            assert _gauge(metrics, "forgeline_broker_discarded") == event["total"]
            with tenant_scope(live_company.tenant_id):
                card = connections_card(Actor(live_company.tenant_id, "manager"))
            assert card is not None
            assert card["fault"] == "The broker discarded messages"
        device.disconnect()
        device.loop_stop()
    sentence = event_words("broker_discarded", event)
    assert sentence.startswith(f"The broker had to discard {event['count']} messages that it had taken")


def _told(company: Company) -> list[dict[str, int]]:
    with tenant_scope(company.tenant_id):
        status = ConnectionStatus.objects.filter(connection__kind="broker").first()
    return [event for event in (status.events if status else []) if event["event"] == "broker_discarded"]


def _stored(company: Company) -> int:
    status = ConnectionStatus.objects.filter(connection__kind="broker").first()
    return int(status.counters.get("received", 0)) if status else 0


def _gauge(folder: Path, name: str) -> float:
    from prometheus_client import CollectorRegistry, generate_latest, multiprocess

    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, path=str(folder))
    found = re.search(rf"^{name} (\S+)$", generate_latest(registry).decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_a_broker_that_tells_nothing_of_itself_is_not_asked(tmp_path: Path) -> None:
    url = TrialBroker(tmp_path, port=1).url
    assert not tells_of_itself({"MQTT_URL": url})
    assert tells_of_itself({"MQTT_URL": "mqtt://forgeline:x@broker:1883"})
    options = read_options({"MQTT_URL": url, "MQTT_PASSWORD": ""})
    assert options is not None
    assert options.filters == ["t/#"]

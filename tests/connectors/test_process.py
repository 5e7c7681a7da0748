"""Connector processes with a real broker, the real store and real kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from django.conf import settings
from paho.mqtt.enums import CallbackAPIVersion

from connectors.models import Connection, ConnectionStatus, Lease, Undecodable, WaitingDevice
from connectors.services import adopt_device, create_bindings, create_connection
from forgeline.embedded.broker import MosquittoBroker, TrialBroker, find_mosquitto
from forgeline.tenancy.models import Tenant
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.connectors.floor import Machine, count_stored, make_machine, running_connectors, stored, wait_for

pytestmark = [
    pytest.mark.skipif(
        find_mosquitto() is None, reason="there is no mosquitto; `apt-get install mosquitto` brings it"
    )
]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[MosquittoBroker]:
    with MosquittoBroker(tmp_path / "broker") as running:
        # mosquitto listens before it minds SIGHUP, which would end it; whoever gets a CONNACK knows that it does.
        client = publisher(running.port, "forgeline", running.service_password)
        client.disconnect()
        client.loop_stop()
        yield running


@pytest.fixture
def environment(child_environment: dict[str, str], broker: MosquittoBroker) -> dict[str, str]:
    return child_environment | {"FORGELINE_MQTT_URL": broker.url}


def publisher(port: int, username: str, password: str) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"pub-{username}")
    client.username_pw_set(username, password)
    client.connect("127.0.0.1", port)
    client.loop_start()
    wait_for(client.is_connected, "the broker to let the device in")
    return client


def publish(client: mqtt.Client, topic: str, payload: Any, *, retain: bool = False) -> None:
    body = payload if isinstance(payload, bytes | str) else json.dumps(payload)
    client.publish(topic, body, qos=1, retain=retain).wait_for_publish(10)


def is_running(connection_id: int) -> bool:
    return ConnectionStatus.objects.filter(connection_id=connection_id, state="running").exists()


def wait_until_running(company: Company) -> None:
    """Wait for the platform's own subscription: until its first, a broker keeps nothing for it."""
    with tenant_scope(company.tenant_id):
        wait_for(lambda: ConnectionStatus.objects.filter(state="running").exists(), "the subscription", 20)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_a_value_leaves_a_device_and_reaches_the_disk(
    live_company: Company, broker: MosquittoBroker, environment: dict[str, str]
) -> None:
    machine = make_machine(live_company.tenant_id, "Press", ["power_kw", "speed"])
    broker.set_devices({machine.username: machine.password_hash})
    with running_connectors(environment):
        wait_until_running(live_company)
        client = publisher(broker.port, machine.username, machine.password)
        at = now_ms()
        publish(
            client, f"t/{machine.username}/telemetry", {"ts": at, "values": {"power_kw": 12.5, "speed": 30}}
        )
        publish(client, f"t/{machine.username}/speed", "31")
        publish(client, f"t/{machine.username}/telemetry", b'{"broken')
        ids = list(machine.point_ids.values())
        rows = wait_for(lambda: len(found := stored(ids)) == 3 and found, "three samples")
        power, speed = machine.point_ids["power_kw"], machine.point_ids["speed"]
        assert (power, at * 1000, 12.5, 0, 0) in rows
        assert (speed, at * 1000, 30.0, 0, 0) in rows
        # The bare value bears no time: it got that of its arrival, and says so.
        assert [(value, flags) for point, _ts, value, _q, flags in rows if point == speed][-1] == (31.0, 1)
        with tenant_scope(live_company.tenant_id):
            wait_for(
                lambda: ConnectionStatus.objects.filter(counters__stored=3, state="running").exists(),
                "the counters",
            )
            status = ConnectionStatus.objects.get()
            assert status.counters["received"] == 3
            assert status.counters["rejected"] == {"mqtt.not_json": 1}
            assert bytes(Undecodable.objects.get().payload) == b'{"broken'
        client.disconnect()
        client.loop_stop()


def test_a_point_that_was_made_a_moment_ago_loses_nothing(
    live_company: Company, broker: MosquittoBroker, environment: dict[str, str]
) -> None:
    first = make_machine(live_company.tenant_id, "Press", ["a"])
    broker.set_devices({first.username: first.password_hash})
    with running_connectors(environment):
        wait_until_running(live_company)
        client = publisher(broker.port, first.username, first.password)
        publish(client, f"t/{first.username}/telemetry", {"ts": now_ms(), "values": {"a": 1}})
        wait_for(count_stored, "the process to run")
        second = make_machine(live_company.tenant_id, "Saw", ["b"])
        broker.set_devices({m.username: m.password_hash for m in (first, second)})
        other = publisher(broker.port, second.username, second.password)
        publish(other, f"t/{second.username}/telemetry", {"ts": now_ms(), "values": {"b": 2}})
        wait_for(lambda: stored([second.point_ids["b"]]), "the first value of the new point", 5)
        for each in (client, other):
            each.disconnect()
            each.loop_stop()


def test_an_unknown_key_waits_and_is_adopted(
    live_company: Company, broker: MosquittoBroker, environment: dict[str, str]
) -> None:
    machine = make_machine(live_company.tenant_id, "Press", ["a"])
    broker.set_devices({machine.username: machine.password_hash})
    with running_connectors(environment):
        wait_until_running(live_company)
        client = publisher(broker.port, machine.username, machine.password)

        def send() -> None:
            publish(
                client, f"t/{machine.username}/telemetry", {"ts": now_ms(), "values": {"flow": 3.5, "a": 1}}
            )

        send()
        send()
        with tenant_scope(live_company.tenant_id):
            waiting = wait_for(
                lambda: WaitingDevice.objects.filter(keys__key="flow").first(), "the waiting list"
            )
            assert waiting.device_id == machine.device_id
            assert [key.sample for key in waiting.keys.all()] == ["3.5"]
            (binding,) = adopt_device(waiting_device_id=waiting.pk)
        point_id = binding.point_id

        def is_stored() -> bool:
            send()
            return bool(stored([point_id]))

        wait_for(is_stored, "the adopted value", 20)
        client.disconnect()
        client.loop_stop()


def test_a_tenant_that_says_so_adopts_by_itself_from_the_first_value_on(
    live_company: Company, broker: MosquittoBroker, environment: dict[str, str]
) -> None:
    with tenant_scope(live_company.tenant_id):
        Tenant.objects.filter(pk=live_company.tenant_id).update(adopts_unknown=True)
    machine = make_machine(live_company.tenant_id, "Press", ["a"])
    broker.set_devices({machine.username: machine.password_hash})
    with running_connectors(environment):
        wait_until_running(live_company)
        client = publisher(broker.port, machine.username, machine.password)
        publish(client, f"t/{machine.username}/telemetry", {"ts": now_ms(), "values": {"new": 7.25}})
        wait_for(lambda: count_stored() == 1, "the value of a point that nobody had made")
        client.disconnect()
        client.loop_stop()


def test_a_connection_is_picked_up_changed_and_stopped_without_a_restart(
    live_company: Company, broker: MosquittoBroker, environment: dict[str, str]
) -> None:
    machine = make_machine(live_company.tenant_id, "Press", ["power"])
    with running_connectors(environment):
        with tenant_scope(live_company.tenant_id):
            row = create_connection(
                kind="mqtt",
                name="Hall broker",
                options={
                    "url": f"mqtt://127.0.0.1:{broker.port}", "topics": ["hall/#"],
                    "username": "forgeline", "password": broker.service_password,
                },
            )  # fmt: skip
            assert broker.service_password not in json.dumps(Connection.objects.get(pk=row.pk).options)
        started = time.monotonic()
        with tenant_scope(live_company.tenant_id):
            wait_for(lambda: is_running(row.pk), "the connection to run", 20)
        assert time.monotonic() - started < 20
        client = publisher(broker.port, "forgeline", broker.service_password)
        with tenant_scope(live_company.tenant_id):
            create_bindings(
                connection_id=row.pk,
                bindings=[
                    {"address": "hall/press#p", "point_id": machine.point_ids["power"], "scale": 0.001}
                ],
            )
        publish(client, "hall/press", {"ts": now_ms(), "p": 12_500})
        rows = wait_for(lambda: stored([machine.point_ids["power"]]), "the bound value")
        assert rows[0][2] == 12.5
        client.disconnect()
        client.loop_stop()


def _fleet(
    broker: Any, machines: list[Machine], *, messages: int, window: int = 100
) -> subprocess.Popen[bytes]:
    plan = {
        "host": "127.0.0.1", "port": broker.port, "timeout_s": 90, "window": window,
        "values": 5, "messages": messages, "start_ms": now_ms() - 3_600_000, "step_ms": 10,
        "devices": [
            {"username": m.username, "password": m.password, "topic": f"t/{m.username}/telemetry",
             "keys": list(m.point_ids)}
            for m in machines
        ],
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.simulators.mqtt_fleet"],
        cwd=settings.BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(json.dumps(plan).encode())
    process.stdin.close()
    return process


@pytest.mark.slow
def test_killed_in_the_midst_of_load_nothing_is_lost_and_nothing_doubled(
    live_company: Company, broker: MosquittoBroker, environment: dict[str, str]
) -> None:
    keys = [f"v{n}" for n in range(10)]
    machines = [make_machine(live_company.tenant_id, f"M{n}", keys) for n in range(4)]
    broker.set_devices({m.username: m.password_hash for m in machines})
    messages = 4_000
    with running_connectors(environment) as first:
        wait_until_running(live_company)
        fleet = _fleet(broker, machines, messages=messages)
        wait_for(lambda: count_stored() > 2_000, "load")
        os.kill(first.pid, signal.SIGKILL)
        first.wait(5)
    at_kill = count_stored()
    want = len(machines) * messages * 5
    assert at_kill < want, "it was killed after the load"
    with running_connectors(environment):
        # The lease of the dead process runs out first; then its successor inherits the session.
        wait_for(lambda: count_stored() >= want, f"{want} samples", 60)
        assert fleet.wait(30) == 0
        time.sleep(1.0)
        assert count_stored() == want
        ids = [point_id for m in machines for point_id in m.point_ids.values()]
        rows = stored(ids)
        # (point, time) is unique in the store; each point's values must count 0.5, 1.5, 2.5 … without a gap.
        for point_id in ids:
            values = [value for point, _ts, value, _q, _f in rows if point == point_id]
            assert values == [n + 0.5 for n in range(messages * 5 // len(keys))]


@pytest.mark.slow
def test_two_processes_share_connections_and_one_takes_over(
    live_company: Company, broker: MosquittoBroker, environment: dict[str, str], tmp_path: Path
) -> None:
    with tenant_scope(live_company.tenant_id):
        rows = [
            create_connection(
                kind="mqtt",
                name=f"C{n}",
                options={
                    "url": f"mqtt://127.0.0.1:{broker.port}", "topics": [f"c{n}/#"],
                    "username": "forgeline", "password": broker.service_password,
                },
            )
            for n in range(5)
        ]  # fmt: skip

    def owners() -> list[int]:
        shares: dict[str, int] = {}
        for lease in Lease.objects.all():
            shares[lease.owner] = shares.get(lease.owner, 0) + 1
        return sorted(shares.values())

    with running_connectors(environment) as first:
        wait_for(lambda: owners() == [6], "one process to own everything")
        with running_connectors(environment) as second:
            wait_for(lambda: owners() == [3, 3], "both to own their share", 30)
            os.kill(second.pid, signal.SIGKILL)
            killed = time.monotonic()
            second.wait(5)
            with tenant_scope(live_company.tenant_id):
                wait_for(
                    lambda: (
                        len({lease.owner for lease in Lease.objects.all()}) == 1
                        and all(is_running(row.pk) for row in rows)
                    ),
                    "the first to take over", 20,
                )  # fmt: skip
            assert time.monotonic() - killed < 15
        assert first.poll() is None


def test_the_trial_broker_carries_values_too(
    live_company: Company, child_environment: dict[str, str], tmp_path: Path
) -> None:
    machine = make_machine(live_company.tenant_id, "Press", ["power_kw"])
    with (
        TrialBroker(tmp_path / "trial") as broker,
        running_connectors(child_environment | {"FORGELINE_MQTT_URL": broker.url}),
    ):
        client = publisher(broker.port, machine.username, machine.password)

        def is_stored() -> bool:
            publish(client, f"t/{machine.username}/telemetry", {"ts": now_ms(), "values": {"power_kw": 1}})
            return bool(stored(list(machine.point_ids.values())))

        wait_for(is_stored, "a value by the trial broker", 20)
        client.disconnect()
        client.loop_stop()

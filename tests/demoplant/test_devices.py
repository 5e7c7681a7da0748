"""MQTT devices against a real broker: payloads, a broker that goes away, what survives a restart."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from demoplant.catalogue import build_plant
from demoplant.clock import ReplayClock
from demoplant.devices import MqttDevice
from demoplant.settings import Settings, read_settings
from demoplant.signals import Play
from tests.demoplant.broker import MOSQUITTO, Broker, running_broker

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not on this machine")

START_MS = 1_780_000_000_000
MACHINES = build_plant()


class Listener:
    """A subscriber with a session of its own: nothing is lost while the broker restarts."""

    def __init__(self, port: int) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id="listener", clean_session=False
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("t/#", qos=1)
        self._client.on_message = lambda _c, _u, message: self.got.append(
            (message.topic, json.loads(message.payload))
        )
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def until(condition: Callable[[], bool], within_s: float = 15.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running_broker(tmp_path) as broker:
        yield broker


@pytest.fixture
def listener(broker: Broker) -> Iterator[Listener]:
    listener = Listener(broker.port)
    time.sleep(0.3)
    yield listener
    listener.close()


@pytest.fixture
def settings(broker: Broker, tmp_path: Path) -> Settings:
    return read_settings(
        {
            "FORGELINE_API_KEY": "fl_test",
            "FORGELINE_MQTT": f"mqtt://127.0.0.1:{broker.port}",
            "FORGELINE_VAR": str(tmp_path / "var"),
        }
    )


def device_of(key: str, settings: Settings) -> MqttDevice:
    machine = next(machine for machine in MACHINES if key in machine.via)
    return MqttDevice(key, machine, Play(ReplayClock(), START_MS), settings)


def test_a_device_publishes_under_its_own_user(settings: Settings, listener: Listener) -> None:
    device = device_of("compressor-1", settings)
    device.open("user-7", "secret")
    assert device.publish(START_MS)
    assert not device.publish(START_MS + 1000), "its points are due every five seconds"
    until(lambda: len(listener.got) == 1)
    device.close()
    topic, payload = listener.got[0]
    assert topic == "t/user-7/telemetry"
    assert payload["ts"] == START_MS
    assert set(payload["values"]) == {point.key for point in device.points}
    assert isinstance(payload["values"]["state"], int)
    assert isinstance(payload["values"]["discharge_pressure"], float)


def test_a_gap_leaves_its_key_out(settings: Settings, listener: Listener) -> None:
    device = device_of("compressor-2-vibration", settings)
    device.open("user-8", "secret")
    assert device.publish(START_MS + 2000)
    assert not device.publish(START_MS + 300_000), "the sensor is silent in this minute"
    device.close()
    until(lambda: len(listener.got) == 1)


def test_nothing_is_lost_while_the_broker_is_away(
    settings: Settings, listener: Listener, broker: Broker
) -> None:
    device = device_of("compressor-1-vibration", settings)
    device.open("user-9", "secret")
    device.publish(START_MS)
    until(lambda: len(listener.got) == 1)
    broker.stop()
    for tick in range(1, 41):
        device.publish(START_MS + tick * 2000)
    assert device.waiting == 40
    broker.start()
    until(lambda: device.waiting == 0)
    until(lambda: len({payload["ts"] for _, payload in listener.got}) == 41)
    device.close()


def test_what_was_not_acknowledged_survives_a_restart(
    settings: Settings, listener: Listener, broker: Broker
) -> None:
    device = device_of("compressor-1-vibration", settings)
    device.open("user-9", "secret")
    device.publish(START_MS)
    until(lambda: device.waiting == 0)
    broker.stop()
    for tick in range(1, 6):
        device.publish(START_MS + tick * 2000)
    begun = time.monotonic()
    device.close()
    assert time.monotonic() - begun < 3
    broker.start()
    again = device_of("compressor-1-vibration", settings)
    again.open("user-9", "secret")
    until(
        lambda: (
            {payload["ts"] for _, payload in listener.got} >= {START_MS + tick * 2000 for tick in range(6)}
        )
    )
    until(lambda: again.waiting == 0)
    again.close()
    assert not (settings.folder / "outbox" / "compressor-1-vibration.jsonl").exists()


def test_a_refused_device_keeps_its_messages_and_says_that_it_is_refused(tmp_path: Path) -> None:
    with running_broker(tmp_path, is_open=False) as broker:
        settings = read_settings(
            {
                "FORGELINE_API_KEY": "fl_test",
                "FORGELINE_MQTT": f"mqtt://127.0.0.1:{broker.port}",
                "FORGELINE_VAR": str(tmp_path / "var"),
            }
        )
        device = device_of("compressor-1-vibration", settings)
        assert device.refused_since is None
        device.open("stranger", "guess")
        until(lambda: device.refused_since is not None)
        device.publish(START_MS)
        assert device.waiting == 1
        device.close(0.0)
        kept = (settings.folder / "outbox" / "compressor-1-vibration.jsonl").read_text().splitlines()
        assert [json.loads(line)["ts"] for line in kept] == [START_MS]

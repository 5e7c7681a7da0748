"""Both brokers with real clients: who gets in, who may write where, who is cut and who stays."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from forgeline.base.mqtt_password import hash_password
from forgeline.embedded import broker as broker_module
from forgeline.embedded.broker import Broker, MosquittoBroker, TrialBroker, find_mosquitto, make_broker
from forgeline.embedded.credentials import SERVICE_USER, read_credentials
from forgeline.embedded.service import ServiceError
from tests.embedded.processes import wait_for

needs_mosquitto = pytest.mark.skipif(
    find_mosquitto() is None, reason="there is no mosquitto; `apt-get install mosquitto` brings it"
)
BROKERS = [pytest.param(MosquittoBroker, marks=needs_mosquitto), TrialBroker]


class Client(mqtt.Client):
    """A client that remembers what it was told."""

    def __init__(self, user: str, *, version: MQTTProtocolVersion, transport: str = "tcp") -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=f"test-{user}-{version}",
            protocol=version,
            transport=transport,
        )
        self.heard: list[tuple[str, bytes]] = []
        self.refusal = ""
        self.cuts = 0
        self.on_message = lambda _c, _u, message: self.heard.append((message.topic, message.payload))
        self.on_connect = self._connected
        self.on_disconnect = self._disconnected

    def _connected(
        self, _client: object, _data: object, _flags: object, code: object, _props: object
    ) -> None:
        self.refusal = "" if code == 0 else str(code)

    def listen(self, topic: str) -> None:
        """Subscribe, and wait until the broker has taken it."""
        taken: list[int] = []
        self.on_subscribe = lambda *_: taken.append(1)
        self.subscribe(topic, qos=1)
        wait_for(lambda: bool(taken), "the subscription")

    def _disconnected(self, *_: object) -> None:
        self.cuts += 1


@contextmanager
def signed_in(
    port: int,
    user: str,
    password: str,
    *,
    version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv311,
    transport: str = "tcp",
) -> Iterator[Client]:
    """A client whose CONNACK has come; ``refusal`` says whether it was let in."""
    client = Client(user, version=version, transport=transport)
    client.username_pw_set(user, password)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        wait_for(lambda: client.is_connected() or bool(client.refusal), "an answer of the broker")
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def passes_a_message(broker: Broker, port: int, **how: object) -> bool:
    with signed_in(port, SERVICE_USER, broker.service_password, **how) as client:  # type: ignore[arg-type]
        if client.refusal:
            return False
        client.listen("t/#")
        client.publish("t/press/power", b"1", qos=1).wait_for_publish(10)
        wait_for(lambda: ("t/press/power", b"1") in client.heard, "the message")
    return True


@pytest.mark.parametrize("kind", BROKERS)
def test_the_platform_signs_in_with_mqtt_3_and_5(kind: type[Broker], tmp_path: Path) -> None:
    with kind(tmp_path / "broker") as broker:
        parts = urlsplit(broker.url)
        assert (parts.username, parts.password, parts.port) == (
            SERVICE_USER,
            broker.service_password,
            broker.port,
        )
        assert passes_a_message(broker, broker.port, version=MQTTProtocolVersion.MQTTv311)
        port5 = broker.mqtt5_port if isinstance(broker, TrialBroker) else broker.port
        assert passes_a_message(broker, port5, version=MQTTProtocolVersion.MQTTv5)


@pytest.mark.parametrize("kind", BROKERS)
def test_a_killed_broker_comes_back_on_its_port(kind: type[Broker], tmp_path: Path) -> None:
    with kind(tmp_path / "broker") as broker:
        port = broker.port
        assert broker.process is not None
        broker.process.send_signal(signal.SIGKILL)
        wait_for(lambda: not broker.is_running, "the broker to die")
        broker.start()
        assert broker.port == port
        assert broker.is_ready()


def test_the_trial_broker_says_what_it_cannot_and_how_to_get_mosquitto(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forgeline.embedded.broker.find_mosquitto", lambda: None)
    facts = make_broker(tmp_path).capabilities
    assert (facts.has_topic_rules, facts.keeps_queues_on_disk) == (False, False)
    assert "topic rules" in facts.remark
    assert "in memory" in facts.remark
    assert "apt install mosquitto" in facts.remark
    assert "\n" not in facts.remark


@needs_mosquitto
def test_mosquitto_speaks_websockets(tmp_path: Path) -> None:
    with MosquittoBroker(tmp_path / "broker") as broker:
        assert passes_a_message(broker, broker.websocket_port, transport="websockets")


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[MosquittoBroker]:
    """mosquitto with the devices press and oven."""
    if find_mosquitto() is None:
        pytest.skip("there is no mosquitto; `apt-get install mosquitto` brings it")
    with MosquittoBroker(tmp_path / "broker") as broker:
        broker.set_devices({name: hash_password(f"{name}-word") for name in ("press", "oven")})
        yield broker


def let_in(broker: MosquittoBroker, user: str, password: str) -> bool:
    with signed_in(broker.port, user, password) as client:
        return not client.refusal


def test_strangers_and_wrong_passwords_stay_outside(mosquitto: MosquittoBroker) -> None:
    wait_for(lambda: let_in(mosquitto, "press", "press-word"), "the reload")
    assert not let_in(mosquitto, "press", "oven-word")
    assert not let_in(mosquitto, "nobody-knows", "press-word")
    assert not let_in(mosquitto, SERVICE_USER, "")


def test_a_device_writes_beneath_its_own_name_and_hears_no_other(mosquitto: MosquittoBroker) -> None:
    wait_for(lambda: let_in(mosquitto, "press", "press-word"), "the reload")
    with (
        signed_in(mosquitto.port, SERVICE_USER, mosquitto.service_password) as platform,
        signed_in(mosquitto.port, "press", "press-word") as press,
        signed_in(mosquitto.port, "oven", "oven-word") as oven,
    ):
        platform.listen("#")
        press.listen("#")
        oven.publish("t/press/forged", b"1", qos=1).wait_for_publish(10)
        oven.publish("t/oven/temperature", b"2", qos=1).wait_for_publish(10)
        wait_for(lambda: ("t/oven/temperature", b"2") in platform.heard, "the oven's own value")
        assert [topic for topic, _ in platform.heard] == ["t/oven/temperature"]
        # A refused publish does not cut the device either: it goes on where it may.
        assert oven.cuts == 0
        assert press.heard == []


def test_a_revoked_device_is_cut_at_once_and_its_neighbour_stays(mosquitto: MosquittoBroker) -> None:
    wait_for(lambda: let_in(mosquitto, "press", "press-word"), "the reload")
    hashes = read_credentials(mosquitto.credentials)
    with (
        signed_in(mosquitto.port, "press", "press-word") as press,
        signed_in(mosquitto.port, "oven", "oven-word") as oven,
    ):
        begun = time.monotonic()
        mosquitto.set_devices({"oven": hashes["oven"]})
        wait_for(lambda: press.cuts > 0, "the revoked device to be cut")
        assert time.monotonic() - begun < 5
        assert oven.is_connected()
        assert oven.cuts == 0
    assert not let_in(mosquitto, "press", "press-word")


def test_a_new_password_of_the_platform_is_taken_at_the_next_start(
    tmp_path: Path, mosquitto: MosquittoBroker
) -> None:
    """As after a restore: the file on disk is of another time than the secret."""
    mosquitto.stop()
    with MosquittoBroker(mosquitto.folder, service_password="another") as again:
        assert again.is_ready()
        assert let_in(again, "press", "press-word")
        assert not let_in(again, SERVICE_USER, mosquitto.service_password)


@needs_mosquitto
def test_a_revoked_device_does_not_come_back_with_a_restarted_broker(mosquitto: MosquittoBroker) -> None:
    """The file is written by another process: the broker's own memory must not undo that."""
    from forgeline.embedded.credentials import write_credentials

    hashes = read_credentials(mosquitto.credentials)
    del hashes["press"]
    write_credentials(mosquitto.credentials, hashes)
    assert mosquitto.process is not None
    mosquitto.process.kill()
    wait_for(lambda: not mosquitto.is_running, "the broker to die")
    mosquitto.start()
    assert not let_in(mosquitto, "press", "press-word")
    assert let_in(mosquitto, "oven", "oven-word")


@needs_mosquitto
def test_reloading_right_after_the_start_does_not_end_it(tmp_path: Path) -> None:
    for attempt in range(10):
        with MosquittoBroker(tmp_path / str(attempt)) as broker:
            broker.reload()
            assert broker.is_ready()
            assert broker.is_running


@needs_mosquitto
def test_the_network_is_let_in_by_mosquitto_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_broker(tmp_path).capabilities.has_device_users
    monkeypatch.setattr(broker_module, "find_mosquitto", lambda: None)
    assert isinstance(make_broker(tmp_path), TrialBroker)
    with pytest.raises(ServiceError, match=r"FORGELINE_MQTT_BIND=192\.0\.2\.1 needs mosquitto"):
        make_broker(tmp_path, bind="192.0.2.1")

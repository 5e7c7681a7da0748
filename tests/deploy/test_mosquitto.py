"""The production broker: our configuration and watcher around a real mosquitto, with real certificates."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from forgeline.embedded.service import free_port
from tests.deploy.compose import ROOT
from tests.deploy.test_secrets import make_secrets

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
pytestmark = [
    pytest.mark.skipif(
        MOSQUITTO is None, reason="there is no mosquitto; `apt-get install mosquitto` brings it"
    ),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="make-secrets needs openssl"),
]
DEPLOY = ROOT / "platform/deploy/mosquitto"
ACL = "user forgeline\ntopic readwrite #\ntopic read $SYS/#\n\npattern write t/%u/#\n"


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = 10.0) -> None:
    """Wait until the condition holds, or fail saying what was waited for."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s for: {what}"
        time.sleep(0.02)


def hashed(user: str, password: str) -> str:
    """Return a line of mosquitto's password file."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return f"{user}:$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n"


@dataclass
class Broker:
    """A running broker, its two ports and the folder that the platform would write."""

    process: subprocess.Popen[bytes]
    inner_port: int
    tls_port: int
    credentials: Path
    ca: Path

    def write(self, **passwords: str) -> None:
        """Replace the credentials as the platform does: whole files, by renaming."""
        lines = "".join(hashed(user, password) for user, password in passwords.items())
        for name, text in (("passwords", lines), ("acl", ACL)):
            fresh = self.credentials / f".{name}"
            fresh.write_text(text)
            fresh.rename(self.credentials / name)


class Client:
    """An MQTT client that remembers what happened to it."""

    def __init__(self, user: str, password: str) -> None:
        self.connected: int | None = None
        self.is_cut = False
        self.received: list[tuple[str, bytes]] = []
        self.mqtt = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.mqtt.username_pw_set(user, password)
        self.mqtt.on_connect = self._connected
        self.mqtt.on_disconnect = self._disconnected
        self.mqtt.on_message = lambda _c, _u, message: self.received.append((message.topic, message.payload))

    def _connected(self, *arguments: object) -> None:
        self.connected = arguments[3].value  # type: ignore[attr-defined]

    def _disconnected(self, *_arguments: object) -> None:
        self.is_cut = True

    def enter(self, port: int, ca: Path | None = None) -> bool:
        """Connect; tells whether the broker let us in."""
        if ca:
            self.mqtt.tls_set_context(ssl.create_default_context(cafile=str(ca)))
        self.mqtt.connect("localhost", port)
        self.mqtt.loop_start()
        wait_for(lambda: self.connected is not None, "an answer to CONNECT")
        return self.connected == 0

    def leave(self) -> None:
        """Disconnect and stop the thread."""
        self.mqtt.disconnect()
        self.mqtt.loop_stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """mosquitto under run.sh, with the production configuration on free ports."""
    make_secrets("localhost", tmp_path / "secrets")
    for folder in ("credentials", "run", "data"):
        (tmp_path / folder).mkdir()
    inner_port, tls_port = free_port(), free_port()
    text = (DEPLOY / "mosquitto.conf").read_text()
    for production, here in {
        "listener 1883": f"listener {inner_port} 127.0.0.1",
        "listener 8883": f"listener {tls_port} 127.0.0.1",
        "/run/secrets/": f"{tmp_path}/secrets/",
        "/run/mosquitto/": f"{tmp_path}/run/",
        "/mosquitto/data/": f"{tmp_path}/data/",
    }.items():
        assert production in text
        text = text.replace(production, here)
    if os.geteuid() == 0:
        text += (
            "user root\n"  # in its container it starts as nobody special; here it would drop to another user
        )
    (tmp_path / "mosquitto.conf").write_text(text)
    environment = os.environ | {
        "CREDENTIALS": str(tmp_path / "credentials"),
        "RUNTIME": str(tmp_path / "run"),
        "CONFIG": str(tmp_path / "mosquitto.conf"),
        "INTERVAL": "0.2",
        "PATH": f"{Path(MOSQUITTO or '').parent}:{os.environ['PATH']}",
    }
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", DEPLOY / "run.sh"], env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_for(lambda: is_listening(inner_port) or process.poll() is not None, "the broker's port")
        assert process.poll() is None, (tmp_path / "log").read_text()
        yield Broker(process, inner_port, tls_port, tmp_path / "credentials", tmp_path / "secrets/mqtt_ca")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def is_listening(port: int) -> bool:
    """Tell whether somebody listens on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until_let_in(broker: Broker, user: str, password: str) -> None:
    """Wait until the watcher has reloaded the broker and this user gets in."""

    def is_let_in() -> bool:
        client = Client(user, password)
        entered = client.enter(broker.inner_port)
        client.leave()
        return entered

    wait_for(is_let_in, f"{user} being let in")


def test_without_credentials_nobody_is_let_in(broker: Broker) -> None:
    press = Client("press", "secret")
    assert not press.enter(broker.inner_port)
    press.leave()


def test_a_new_device_gets_in_and_a_revoked_one_is_cut_without_a_restart(broker: Broker) -> None:
    broker.write(forgeline="platform", press="press-secret", lathe="lathe-secret")
    wait_until_let_in(broker, "press", "press-secret")
    platform = Client("forgeline", "platform")
    press, lathe = Client("press", "press-secret"), Client("lathe", "lathe-secret")
    assert platform.enter(broker.inner_port)
    assert press.enter(broker.tls_port, broker.ca)
    assert lathe.enter(broker.tls_port, broker.ca)

    broker.write(forgeline="platform", lathe="lathe-secret")
    wait_for(lambda: press.is_cut, "the revoked device being cut", timeout_s=5)
    assert not platform.is_cut
    assert not lathe.is_cut
    again = Client("press", "press-secret")
    assert not again.enter(broker.tls_port, broker.ca)
    for client in (platform, press, lathe, again):
        client.leave()


def test_a_device_publishes_under_its_own_subtree_only(broker: Broker) -> None:
    broker.write(forgeline="platform", press="press-secret")
    wait_until_let_in(broker, "press", "press-secret")
    platform = Client("forgeline", "platform")
    assert platform.enter(broker.inner_port)
    platform.mqtt.subscribe("t/#", qos=1)
    press = Client("press", "press-secret")
    assert press.enter(broker.tls_port, broker.ca)
    for topic in ("t/lathe/stolen", "forgeline/inner", "t/press/temperature"):
        press.mqtt.publish(topic, b"1", qos=1).wait_for_publish(5)
    wait_for(lambda: bool(platform.received), "the message of the device")
    assert platform.received == [("t/press/temperature", b"1")]
    assert not press.is_cut, "one message on a foreign topic is refused; the device stays"
    platform.leave()
    press.leave()


def test_it_stops_in_order(broker: Broker) -> None:
    # Answering a client, it is past its start, in which it does not yet heed signals.
    stranger = Client("nobody", "nothing")
    stranger.enter(broker.inner_port)
    stranger.leave()
    broker.process.terminate()
    assert broker.process.wait(10) == 0
    assert not is_listening(broker.inner_port)

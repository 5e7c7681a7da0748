"""An MQTT broker on loopback: mosquitto where it is on the PATH, else the trial broker from a wheel.

Both are real servers over TCP. Not here: who may sign in (credentials), what is published (connectors).
"""

from __future__ import annotations

import secrets
import shutil
import signal
import socket
import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from forgeline.embedded.credentials import (
    PASSWORDS,
    RULES,
    SERVICE_USER,
    kept_hash,
    read_credentials,
    write_credentials,
)
from forgeline.embedded.service import Service, ServiceError, free_port
from forgeline.embedded.subscription import make_session, sign_in_packet

MAX_PACKET_BYTES = 1_114_112
"""A payload of 1 MiB and its topic."""


@dataclass(frozen=True, slots=True)
class BrokerCapabilities:
    """What a broker can, as facts."""

    name: str
    has_topic_rules: bool
    has_device_users: bool
    keeps_queues_on_disk: bool
    has_shared_subscriptions: bool
    speaks_mqtt5: bool
    has_websockets: bool
    remark: str = ""
    """One line on what it cannot do and what helps."""


class Broker(Service):
    """A broker with the platform's own user, and devices' users where it knows them."""

    name = "broker"
    capabilities: BrokerCapabilities

    def __init__(self, folder: Path, *, port: int | None = None, service_password: str | None = None) -> None:
        super().__init__(folder, port=port)
        self.service_password = service_password or secrets.token_urlsafe(24)

    @property
    def url(self) -> str:
        """URL for the platform itself."""
        return f"mqtt://{SERVICE_USER}:{self.service_password}@127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        """URL for devices, without a user."""
        return f"mqtt://127.0.0.1:{self.port}"

    @abstractmethod
    def set_devices(self, hashes: Mapping[str, str]) -> None:
        """Let exactly these users in (name → mosquitto's hash); whoever is gone is cut."""

    def start(self) -> Self:
        """Start, and see to it that what devices publish is kept from the first message on."""
        was_running = self.is_running
        super().start()
        if not was_running:
            self.keep_messages()
        return self

    def keep_messages(self) -> None:
        """Make the platform's own session where the broker has none."""
        try:
            make_session(self.port, SERVICE_USER, self.service_password)
        except OSError as error:
            raise self._failed() from error

    def is_ready(self) -> bool:
        """Sign in as the platform: mosquitto listens before it minds SIGHUP, which would end it."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                probe.sendall(sign_in_packet(SERVICE_USER, self.service_password))
                return probe.recv(4) == b"\x20\x02\x00\x00"
        except OSError:
            return False


class MosquittoBroker(Broker):
    """mosquitto with a configuration, a data folder and a port of its own."""

    MAX_QUEUED_MESSAGES = 1_000_000
    MAX_QUEUED_BYTES = 512 * 1024 * 1024
    """What waits for the platform beyond these is discarded, though the device has its acknowledgement: mosquitto
    knows no other way. It is counted, and shown with the connection."""
    TELLS_EVERY_S = 10

    capabilities = BrokerCapabilities(
        name="mosquitto",
        has_topic_rules=True,
        has_device_users=True,
        keeps_queues_on_disk=True,
        has_shared_subscriptions=True,
        speaks_mqtt5=True,
        has_websockets=True,
    )

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        service_password: str | None = None,
        bind: str = "127.0.0.1",
    ) -> None:
        super().__init__(folder, port=port, service_password=service_password)
        self.bind = bind
        self.websocket_port = 0

    @property
    def credentials(self) -> Path:
        return self.folder / "credentials"

    @property
    def pid_file(self) -> Path:
        return self.folder / "mosquitto.pid"

    def prepare(self) -> None:
        super().prepare()
        self.websocket_port = free_port(self.websocket_port or None)
        # The devices of last time until the database is asked; the platform's own password may be new.
        known = read_credentials(self.credentials)
        known.pop(SERVICE_USER, None)
        self.set_devices(known)
        config = self.folder / "mosquitto.conf"
        config.write_text(
            f"per_listener_settings false\nallow_anonymous false\n"
            f"password_file {self.credentials / PASSWORDS}\nacl_file {self.credentials / RULES}\n"
            # As root mosquitto drops to another user, who could not read the files; loopback needs no such drop.
            f"user root\n"
            f"listener {self.port} {self.bind}\n"
            f"listener {self.websocket_port} 127.0.0.1\nprotocol websockets\n"
            f"persistence true\npersistence_location {self.folder}/\nautosave_interval 30\n"
            "persistent_client_expiration 14d\n"
            # The acknowledgement follows the commit: many messages are in flight. Not 0 for the queue: 2.0 takes
            # that for full and cuts a device for one message on a foreign topic.
            f"max_inflight_messages 0\nmax_queued_messages {self.MAX_QUEUED_MESSAGES}\n"
            f"max_queued_bytes {self.MAX_QUEUED_BYTES}\nsys_interval {self.TELLS_EVERY_S}\n"
            f"max_packet_size {MAX_PACKET_BYTES}\nmax_keepalive 600\nset_tcp_nodelay true\n"
            "log_dest stdout\nlog_type error\nlog_type warning\nlog_type notice\nconnection_messages false\n",
            encoding="utf-8",
        )

    def start(self) -> Self:
        # A number of last time may have gone to another program, which a reload would end.
        self.pid_file.unlink(missing_ok=True)
        super().start()
        if self.process is not None:
            # mosquitto writes one itself only as a daemon.
            self.pid_file.write_text(str(self.process.pid), encoding="ascii")
            # To disk at once: a broker killed before its own first round would forget the session.
            self.process.send_signal(signal.SIGUSR1)
        return self

    def command(self) -> Sequence[str]:
        return [find_mosquitto() or "mosquitto", "-c", str(self.folder / "mosquitto.conf")]

    def set_devices(self, hashes: Mapping[str, str]) -> None:
        everyone = {**hashes, SERVICE_USER: kept_hash(self.credentials, SERVICE_USER, self.service_password)}
        if write_credentials(self.credentials, everyone):
            self.reload()

    def reload(self) -> None:
        """Have mosquitto read its files again (SIGHUP): other connections stay, a removed user's are cut."""
        if self.is_running and self.process is not None:
            self.process.send_signal(signal.SIGHUP)


_RUN_TRIAL_BROKER = (
    "import logging, sys; logging.disable(); "
    "from iotcore.iotcore import IotCoreBroker; IotCoreBroker(config_path=sys.argv[1]).run_forever()"
)
# The words after -c keep the working folder off sys.path, so that nothing in it shadows the wheel.
_ISOLATED = ("-I", "-c", _RUN_TRIAL_BROKER)


class TrialBroker(Broker):
    """rumqttd from the wheel ``iotcore``: enough to try Forgeline, not to trust a network with.

    It knows no users that come and go, so on loopback it lets everybody in, and says so.
    """

    capabilities = BrokerCapabilities(
        name="trial broker",
        has_topic_rules=False,
        has_device_users=False,
        keeps_queues_on_disk=False,
        has_shared_subscriptions=False,
        speaks_mqtt5=True,
        has_websockets=False,
        remark="The trial broker checks no device passwords, has no topic rules for each device and keeps its queues "
        "in memory only; for mosquitto: apt install mosquitto, then start again.",
    )

    def __init__(self, folder: Path, *, port: int | None = None, service_password: str | None = None) -> None:
        super().__init__(folder, port=port, service_password=service_password)
        self.mqtt5_port = 0

    @property
    def url(self) -> str:
        """It knows no shared subscriptions, tells nothing of itself, and has MQTT 5 only on a port of its own."""
        return f"{super().url}?version=3.1.1&shared=0&status=0"

    def prepare(self) -> None:
        super().prepare()
        self.mqtt5_port = free_port(self.mqtt5_port or None)
        listeners = "".join(
            f"""
[{version}.1]
name = "{version}"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[{version}.1.connections]
connection_timeout_ms = 60000
max_payload_size = {MAX_PACKET_BYTES}
max_inflight_count = 500
dynamic_filters = true
"""
            for version, port in (("v4", self.port), ("v5", self.mqtt5_port))
        )
        # What waits beyond segment size x count is dropped by the broker in silence: the bound is generous.
        (self.folder / "broker.toml").write_text(
            "id = 0\n[router]\nid = 0\nmax_connections = 10010\nmax_outgoing_packet_count = 200\n"
            f"max_segment_size = 104857600\nmax_segment_count = 10\n{listeners}",
            encoding="utf-8",
        )

    def command(self) -> Sequence[str]:
        return [sys.executable, *_ISOLATED, str(self.folder / "broker.toml")]

    def set_devices(self, hashes: Mapping[str, str]) -> None:
        """Nothing to do: the trial broker checks no users."""


def find_mosquitto() -> str | None:
    """Return the path of mosquitto; Debian keeps it in /usr/sbin, which an ordinary user's PATH leaves out."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def make_broker(
    folder: Path, *, port: int | None = None, service_password: str | None = None, bind: str = "127.0.0.1"
) -> Broker:
    """Return the better broker that this machine has, not started.

    **Raises** ServiceError where the network is to be let in and only the trial broker is there: it checks nobody.
    """
    if find_mosquitto():
        return MosquittoBroker(folder, port=port, service_password=service_password, bind=bind)
    if bind != "127.0.0.1":
        raise ServiceError(
            f"FORGELINE_MQTT_BIND={bind} needs mosquitto, because the trial broker lets everybody in; "
            "apt install mosquitto, or leave it out."
        )
    return TrialBroker(folder, port=port, service_password=service_password)

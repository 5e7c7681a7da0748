"""MQTT devices: each with its own credential and connection, publishing with QoS 1 and losing nothing.

Not here: which values (catalogue), where the credential comes from (seed).
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from demoplant.model import COUNTER, GAUGE, MachineSpec, PointSpec
from demoplant.settings import Settings
from demoplant.signals import Play

log = logging.getLogger("demoplant.mqtt")

MOST_WAITING = 20_000
"""Messages that one device keeps while the broker is away: 11 hours at one every two seconds."""


class MqttDevice:
    """One device. paho sends unacknowledged messages again after a reconnect; ``close`` writes the rest to disk."""

    def __init__(self, key: str, machine: MachineSpec, play: Play, settings: Settings) -> None:
        self.key = key
        self.machine = machine
        self.points = tuple(machine.point(name) for name in machine.via[key])
        self.dropped = 0
        self.acknowledged = 0
        self.refused_since: float | None = None
        """Monotonic time since which the broker refuses this device's credential."""
        self._play = play
        self._settings = settings
        self._path = settings.folder / "outbox" / f"{key}.jsonl"
        self._client: mqtt.Client | None = None
        self._topic = ""
        self._lock = threading.Lock()
        self._waiting: dict[int, bytes] = {}
        self._early: set[int] = set()

    @property
    def waiting(self) -> int:
        """Messages that the broker has not acknowledged."""
        return len(self._waiting)

    def open(self, username: str, password: str) -> None:
        """Connect in the background, again and again until it works; first comes what the last run could not send.

        An open device stays as it is.
        """
        if self._client is not None:
            return
        self._topic = f"t/{username}/telemetry"
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=username, clean_session=False, protocol=mqtt.MQTTv311
        )
        client.username_pw_set(username, password)
        if self._settings.mqtt_tls:
            client.tls_set()
        client.max_queued_messages_set(MOST_WAITING)
        client.max_inflight_messages_set(50)
        client.reconnect_delay_set(1, 10)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        self._client = client
        self.refused_since = None
        client.connect_async(self._settings.mqtt_host, self._settings.mqtt_port, keepalive=30)
        client.loop_start()
        for payload in self._read_outbox():
            self._send(client, payload)

    def publish(self, tick_ms: int) -> bool:
        """Publish the values that are due at this tick; say whether there were any."""
        due = [point for point in self.points if tick_ms // 1000 % point.every_s == 0]
        client = self._client
        if not due or client is None:
            return False
        at = np.array([tick_ms], dtype=np.int64)
        values = {point.key: told(point, float(point.values(at, self._play)[0])) for point in due}
        values = {key: value for key, value in values.items() if value is not None}
        if not values:
            return False
        self._send(client, json.dumps({"ts": tick_ms, "values": values}, separators=(",", ":")).encode())
        return True

    def close(self, within_s: float = 1.0) -> None:
        """Wait a moment for acknowledgements, disconnect, and keep on disk what is still unacknowledged."""
        client = self._client
        if client is None:
            return
        deadline = time.monotonic() + within_s
        while self._waiting and client.is_connected() and time.monotonic() < deadline:
            time.sleep(0.02)
        client.disconnect()
        client.loop_stop()
        self._client = None
        with self._lock:
            self._write_outbox(list(self._waiting.values()))
            self._waiting.clear()

    def _send(self, client: mqtt.Client, payload: bytes) -> None:
        info = client.publish(self._topic, payload, qos=1)
        if info.rc == mqtt.MQTT_ERR_QUEUE_SIZE:
            self.dropped += 1
            if self.dropped == 1:
                log.warning(
                    "device %s: %d messages wait for the broker; newer ones are dropped",
                    self.key,
                    MOST_WAITING,
                )
            return
        with self._lock:
            # The acknowledgement may have come before publish() returned.
            if info.mid in self._early:
                self._early.discard(info.mid)
            else:
                self._waiting[info.mid] = payload

    def _on_publish(self, _client: Any, _userdata: Any, mid: int, _reason: Any, _properties: Any) -> None:
        with self._lock:
            self.acknowledged += 1
            if self._waiting.pop(mid, None) is None:
                self._early.add(mid)

    def _on_connect(self, _client: Any, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            if self.refused_since is None:
                self.refused_since = time.monotonic()
                log.info("device %s: the broker says %s; trying again", self.key, reason)
            return
        self.refused_since = None
        log.info("device %s: connected, %d messages waiting", self.key, self.waiting)

    def _on_disconnect(
        self, _client: Any, _userdata: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        if reason.is_failure and self.refused_since is None:
            log.info("device %s: connection lost (%s); messages are kept", self.key, reason)

    def _read_outbox(self) -> list[bytes]:
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        self._path.unlink()
        return [line for line in lines if line.endswith(b"}")]

    def _write_outbox(self, payloads: list[bytes]) -> None:
        kept = self._read_outbox() + payloads
        if not kept:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(f"{self._path}.new")
        with fresh.open("wb") as file:
            file.write(b"\n".join(kept) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        log.info("device %s: %d messages kept for the next start", self.key, len(kept))


def told(point: PointSpec, value: float) -> float | int | bool | None:
    """Return a value as a device says it: measurements as numbers, codes and pieces as whole ones, None in a gap."""
    if value != value:
        return None
    if point.kind == GAUGE or (point.kind == COUNTER and point.decimals):
        return value
    return int(value)

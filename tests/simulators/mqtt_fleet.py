"""A fleet of MQTT 3.1.1 devices in one process, lean enough not to be what is measured.

Each device has its own connection and credential, publishes with QoS 1, keeps what is not acknowledged and sends it
again after a reconnect, as a good device does. Not here: what the messages mean (the caller renders them).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

CONNACK, PUBACK, PINGRESP = 0x20, 0x40, 0xD0
KEEPALIVE_S = 60
PACE_S = 0.05


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack(">H", len(raw)) + raw


def _remaining(length: int) -> bytes:
    out = bytearray()
    while True:
        length, digit = divmod(length, 128)
        out.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(out)


def connect_packet(client_id: str, username: str, password: str, *, clean: bool = True) -> bytes:
    """Render a CONNECT (MQTT 3.1.1, section 3.1)."""
    flags = 0xC0 | (0x02 if clean else 0)
    body = _text("MQTT") + bytes([4, flags]) + struct.pack(">H", KEEPALIVE_S)
    body += _text(client_id) + _text(username) + _text(password)
    return b"\x10" + _remaining(len(body)) + body


def publish_packet(topic: bytes, packet_id: int, payload: bytes) -> bytes:
    """Render a PUBLISH with QoS 1; ``topic`` has its length in front already."""
    return (
        b"\x32" + _remaining(len(topic) + 2 + len(payload)) + topic + struct.pack(">H", packet_id) + payload
    )


@dataclass
class Device(asyncio.Protocol):
    """One device: a connection, a window of unacknowledged messages, a source of payloads."""

    username: str
    password: str
    topic: str
    payloads: Iterator[bytes]
    window: int = 200
    client_id: str = ""
    """Its user's name where nothing is said."""
    is_paced: bool = False
    """Send only when ``pump`` is called, not whenever an acknowledgement makes room."""
    on_change: Callable[[], None] = lambda: None
    sent: int = 0
    acknowledged: int = 0
    connects: int = 0
    acknowledged_at_loss: list[int] = field(default_factory=list)
    """How many messages were acknowledged whenever the connection went."""
    exhausted: bool = False
    transport: asyncio.Transport | None = None
    is_ready: bool = False
    _held: dict[int, bytes] = field(default_factory=dict)
    _ids: Any = field(default_factory=lambda: count(0))
    _buffer: bytearray = field(default_factory=bytearray)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    refused: int = 0

    def __post_init__(self) -> None:
        self._topic = _text(self.topic)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.lost.clear()
        self._buffer.clear()
        transport.write(connect_packet(self.client_id or self.username, self.username, self.password))  # type: ignore[attr-defined]

    def connection_lost(self, exc: Exception | None) -> None:
        if self.is_ready:
            self.acknowledged_at_loss.append(self.acknowledged)
        self.is_ready = False
        self.transport = None
        self.lost.set()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        at, end = 0, len(buffer)
        while end - at >= 2:
            size = buffer[at + 1]
            if end - at < 2 + size:
                break
            kind = buffer[at] & 0xF0
            if kind == PUBACK:
                packet_id = buffer[at + 2] << 8 | buffer[at + 3]
                if self._held.pop(packet_id, None) is not None:
                    self.acknowledged += 1
            elif kind == CONNACK:
                self._connected(buffer[at + 3])
            at += 2 + size
        del buffer[:at]
        if not self.is_paced:
            self.pump()
        self.on_change()

    def _connected(self, code: int) -> None:
        if code:
            self.refused = code
            assert self.transport is not None
            self.transport.close()
            return
        self.connects += 1
        self.is_ready = True
        for packet in self._held.values():
            # DUP is set: the broker may have seen it before the connection went.
            self._write(bytes([packet[0] | 0x08]) + packet[1:])

    def _write(self, packet: bytes) -> None:
        if self.transport is not None:
            self.transport.write(packet)

    def pump(self, limit: int | None = None) -> int:
        """Send until the window is full or the source is dry (or ``limit`` messages); returns how many went."""
        if not self.is_ready:
            return 0
        out = []
        held = self._held
        while len(held) < self.window and (limit is None or len(out) < limit):
            payload = next(self.payloads, None)
            if payload is None:
                self.exhausted = True
                break
            packet_id = next(self._ids) % 65535 + 1
            packet = publish_packet(self._topic, packet_id, payload)
            held[packet_id] = packet
            out.append(packet)
        if out:
            self._write(b"".join(out))
            self.sent += len(out)
        return len(out)

    @property
    def is_done(self) -> bool:
        return self.exhausted and not self._held

    async def stay_connected(self, host: str, port: int) -> None:
        """Connect, and again whenever the connection goes, until cancelled. Raises when credentials are refused."""
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(OSError):
                await loop.create_connection(lambda: self, host, port)
                await self.lost.wait()
            if self.refused:
                raise PermissionError(f"the broker refused {self.username} (code {self.refused})")
            await asyncio.sleep(0.2)


async def run_fleet(
    devices: list[Device], host: str, port: int, *, timeout_s: float, rate: float | None = None
) -> float:
    """Run devices until all that they have is acknowledged; returns the seconds from first to last message.

    With a ``rate`` (messages/s in all) they send by the clock, and SIGTERM ends what they have.
    **Raises** TimeoutError with how far it came.
    """
    done = asyncio.Event()

    def check() -> None:
        if all(device.is_done for device in devices):
            done.set()

    for device in devices:
        device.on_change = check
    tasks = [asyncio.create_task(device.stay_connected(host, port)) for device in devices]
    if rate is not None:
        tasks.append(asyncio.create_task(_pace(devices, rate)))
    started = time.perf_counter()
    try:
        await asyncio.wait_for(done.wait(), timeout_s)
    except TimeoutError:
        states = sum(device.acknowledged for device in devices), sum(device.sent for device in devices)
        raise TimeoutError(
            f"{states[0]} of {states[1]} messages were acknowledged in {timeout_s} s"
        ) from None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for device in devices:
            if device.transport is not None:
                # This end is no loss.
                device.is_ready = False
                device.transport.close()
    return time.perf_counter() - started


async def _pace(devices: list[Device], rate: float) -> None:
    """Have each device send its share by the clock. What a lost connection or a full window held up is not made up."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    due, before = 0.0, time.perf_counter()
    while not ended.is_set():
        await asyncio.sleep(PACE_S)
        now = time.perf_counter()
        due = min(due + (now - before) * rate / len(devices), rate / len(devices))
        before = now
        for device in devices:
            device.pump(int(due))
        due -= int(due)
    for device in devices:
        device.exhausted = True
        device.on_change()


def render(
    *, keys: list[str], values: int, messages: int, start_ms: int | None, step_ms: int
) -> Iterator[bytes]:
    """Yield payloads ``{"ts": ms, "values": {…}}`` that walk through ``keys``, ``values`` at a time.

    The value of a key is its round number, so that a check of the store sees what is missing. Without ``start_ms`` a
    message bears the time at which it is sent.
    """
    groups = [keys[at : at + values] for at in range(0, len(keys), values)]
    for number in range(messages):
        round_number, group = divmod(number, len(groups))
        body = ",".join(f'"{key}":{round_number}.5' for key in groups[group])
        at_ms = time.time_ns() // 1_000_000 if start_ms is None else start_ms + round_number * step_ms
        yield f'{{"ts":{at_ms},"values":{{{body}}}}}'.encode()


def main() -> None:
    """Run a fleet as a process of its own: a JSON plan on standard input, a JSON result on standard output.

    Plan: host, port, timeout_s, window, devices [{username, password, topic, keys}], values, messages (a device),
    start_ms, step_ms, and rate (messages/s in all, until SIGTERM; absent: as fast as acknowledged).
    """
    plan = json.load(sys.stdin)
    devices = [
        Device(
            username=device["username"],
            password=device["password"],
            topic=device["topic"],
            window=plan.get("window", 200),
            payloads=render(
                keys=device["keys"],
                values=plan["values"],
                messages=plan["messages"],
                start_ms=plan["start_ms"],
                step_ms=plan["step_ms"],
            ),
        )
        for device in plan["devices"]
    ]
    if "rate" in plan:
        for device in devices:
            device.is_paced = True
    seconds = asyncio.run(
        run_fleet(devices, plan["host"], plan["port"], timeout_s=plan["timeout_s"], rate=plan.get("rate"))
    )
    json.dump(
        {
            "seconds": seconds,
            "sent": sum(device.sent for device in devices),
            "acknowledged": sum(device.acknowledged for device in devices),
            "connects": sum(device.connects for device in devices),
            "devices": [
                {"sent": device.sent, "acknowledged_at_loss": device.acknowledged_at_loss}
                for device in devices
            ],
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()

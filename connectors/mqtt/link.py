"""One connection to a broker in a thread of its own: paho's protocol, our loop. Not here: what messages mean (driver).

paho is driven by its public loop_read, loop_write and loop_misc; it never reconnects by itself, because the supervisor
does. Acknowledgements come from other threads and are sent here, many in one write.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from connectors.contract import ConnectorError, mark
from connectors.mqtt.faults import refused, subscription_refused, translate
from connectors.mqtt.options import MqttOptions
from connectors.mqtt.tls import make_context
from connectors.mqtt.wire import BufferedSocket

CONNECT_TIMEOUT_S = 10.0
_TICK_S = 0.5
_STALLED_S = 0.01
_READS_A_TURN = 500
HELD_BYTES = 64 * 1024 * 1024
"""Nothing more is read while messages of this size wait: as many as may be under way could have a megabyte each."""
_PUBACK = struct.Struct(">BBH")
_DISCONNECT = b"\xe0\x00"
"""A normal end in both versions (MQTT 5, 3.14.2.1): the broker keeps the session and sends no last will."""
_FAREWELL_S = 1.5


@dataclass(frozen=True, slots=True)
class Message:
    """What is kept of a message. paho's own drags locks and property tables along: 5 kB each, for 65,535 of them."""

    topic: bytes
    payload: bytes
    mid: int
    """Its packet number; 0 for QoS 0, which wants no answer."""
    is_retained: bool


OnMessage = Callable[[Message], bool]
"""Takes a message; False: it could not be taken now, hand it over again."""


class _Client(mqtt.Client):
    """paho, reading and writing through our buffer, and with a shorter way for PUBLISH."""

    wire: BufferedSocket | None = None
    on_publish_packet: Callable[[Message], None]

    def _create_socket(self) -> Any:
        sock = super()._create_socket()
        if self.transport == "websockets":
            self.wire = None
            return sock
        self.wire = BufferedSocket(sock)
        return self.wire

    def _handle_publish(self) -> MQTTErrorCode:
        """Take a PUBLISH apart (MQTT 5, 3.3) without paho's objects for each: half of the time a message costs.

        Its properties are stepped over: we announce no topic aliases, and nothing else in them says what a value is.
        """
        packet, command = self._in_packet["packet"], self._in_packet["command"]
        qos = command >> 1 & 3
        at = 2 + (packet[0] << 8 | packet[1]) if len(packet) > 1 else 0
        end = len(packet)
        if qos > 1 or not 2 < at <= end - (2 if qos else 0):
            return super()._handle_publish()
        topic, mid = bytes(packet[2:at]), 0
        if qos:
            mid = packet[at] << 8 | packet[at + 1]
            at += 2
        if self._protocol == mqtt.MQTTv5:
            if at >= end or packet[at] > 127:
                return super()._handle_publish()
            at += 1 + packet[at]
        self.on_publish_packet(Message(topic, bytes(packet[at:]), mid, bool(command & 1)))
        return MQTTErrorCode.MQTT_ERR_SUCCESS


class Link:
    """``start``, then ``wait`` ends with the fault that ended the connection; ``close`` ends it in order."""

    def __init__(
        self,
        options: MqttOptions,
        *,
        client_id: str,
        on_message: OnMessage,
        on_ready: Callable[[bool], None],
        on_end: Callable[[ConnectorError | None], None],
        is_clean: bool = False,
        held_limit: int | None = None,
        former_filters: Sequence[str] = (),
        passing_filters: Sequence[str] = (),
    ) -> None:
        """``on_ready`` gets whether the broker had kept a session; ``on_end`` is called once, by the thread.

        ``former_filters`` may stand in a kept session and are given up. ``passing_filters`` are heard while we listen
        (QoS 0, the last value at once) and nothing is kept of them for us; a broker may refuse them.
        """
        self._options = options
        self._client_id = client_id
        self._on_message = on_message
        self._on_ready = on_ready
        self._on_end = on_end
        self._is_clean = is_clean
        self._held: deque[Message] = deque()
        self.held_bytes = 0
        self._former_filters = list(former_filters)
        self._passing_filters = list(passing_filters)
        self._held_limit = held_limit or options.receive_maximum
        self._acks: deque[Sequence[int]] = deque()
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_out.setblocking(False)
        self._wake_in.setblocking(False)
        self._poller = select.poll()
        self._poller.register(self._wake_out, select.POLLIN)
        self._mask = 0
        self._closing = threading.Event()
        self._fault: ConnectorError | None = None
        self._has_session = False
        self._client = self._make_client()
        self._thread = threading.Thread(target=self._run, name=f"mqtt-{client_id}", daemon=True)

    # --- from other threads ---

    def start(self) -> None:
        self._thread.start()

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Send PUBACK for messages of this very connection, in the order in which they came (MQTT-4.6.0-2)."""
        self._acks.append(mids)
        self._wake()

    def close(self) -> None:
        """Say goodbye to the broker and end the thread soon; ``join`` waits for it."""
        self._closing.set()
        self._wake()

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)

    def _wake(self) -> None:
        try:
            self._wake_in.send(b"\0")
        except (BlockingIOError, OSError):
            # Full: it wakes anyhow. Closed: there is nothing left to wake.
            return

    # --- the client ---

    def _make_client(self) -> _Client:
        options = self._options
        is_5 = options.version == "5"
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if is_5 else self._is_clean,
            protocol=mqtt.MQTTv5 if is_5 else mqtt.MQTTv311,
            transport="websockets" if options.is_websocket else "tcp",
            manual_ack=True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        if options.username:
            client.username_pw_set(options.username, options.password or None)
        if options.is_tls:
            client.tls_set_context(make_context(options))
        if options.is_websocket:
            client.ws_set_options(path=options.parts.path or "/mqtt")
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._disconnected
        client.on_message = self._message
        client.on_publish_packet = self._take
        return client

    def _connect(self) -> None:
        options = self._options
        extra: dict[str, Any] = {}
        if options.version == "5":
            properties = Properties(PacketTypes.CONNECT)
            properties.ReceiveMaximum = options.receive_maximum
            properties.SessionExpiryInterval = 0 if self._is_clean else options.session_expiry_s
            properties.MaximumPacketSize = options.max_payload_kb * 1024 + 65_536 + 1024
            extra = {"clean_start": self._is_clean, "properties": properties}
        self._client.connect(options.parts.hostname or "", options.port, options.keepalive_s, **extra)

    def _connected(
        self, client: Any, _data: Any, flags: mqtt.ConnectFlags, code: ReasonCode, _props: Any
    ) -> None:
        if code.is_failure:
            self._fault = refused(code)
            return
        options = self._options
        if flags.session_present and self._former_filters:
            client.unsubscribe(self._former_filters)
        if options.version == "5":
            # 1: what was kept for us comes by the session; retained messages only for a new subscription.
            wanted = SubscribeOptions(qos=options.qos, retainHandling=0 if self._is_clean else 1)
            passing = SubscribeOptions(qos=0, retainHandling=0)
            subscriptions = [(topic, wanted) for topic in options.filters]
            client.subscribe([*subscriptions, *((topic, passing) for topic in self._passing_filters)])
        else:
            subscriptions = [(topic, options.qos) for topic in options.filters]
            client.subscribe([*subscriptions, *((topic, 0) for topic in self._passing_filters)])
        self._has_session = flags.session_present

    def _subscribed(self, _client: Any, _data: Any, _mid: int, codes: list[ReasonCode], _props: Any) -> None:
        # The codes stand in the order of what was asked for; what only passes by may be refused.
        failed = [str(code) for code in codes[: len(self._options.filters)] if code.is_failure]
        if failed:
            self._fault = subscription_refused(self._options.filters, failed)
            return
        self._on_ready(self._has_session)

    def _disconnected(self, _client: Any, _data: Any, _flags: Any, code: ReasonCode, _props: Any) -> None:
        if self._fault is None and not self._closing.is_set():
            self._fault = ConnectorError(
                mark("The broker ended the connection (%(reason)s).") % {"reason": code},
                key="mqtt.disconnected",
                data={"reason": str(code)},
            )

    def _message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        """What our shorter way left to paho."""
        mid = message.mid if message.qos else 0
        self._take(Message(message.topic.encode(), bytes(message.payload), mid, message.retain))

    def _take(self, message: Message) -> None:
        if self._held or not self._on_message(message):
            self._held.append(message)
            self.held_bytes += len(message.payload)

    # --- the loop ---

    def _run(self) -> None:
        fault: ConnectorError | None = None
        try:
            self._connect()
            while self._fault is None and self._turn():
                pass
            fault = self._fault
            if fault is None and not self._closing.is_set():
                fault = ConnectorError(mark("The connection to the broker was lost."), key="mqtt.lost")
        except (OSError, ValueError, mqtt.WebsocketConnectionError) as error:
            fault = translate(error, self._options)
        finally:
            self._part()
            self._on_end(fault)

    def _part(self) -> None:
        """Send the acknowledgements and the goodbye that are due, if the connection still stands."""
        try:
            if self._client.socket() is not None:
                self._send_acks()
                if self._client.wire is not None:
                    self._client.wire.send(_DISCONNECT)
                    self._client.wire.finish(_FAREWELL_S)
                else:
                    self._client.disconnect()
                    self._client.loop_write()
        except (OSError, ValueError):
            # It is gone; the broker finds out by itself.
            return
        finally:
            sock = self._client.socket()
            if sock is not None:
                sock.close()
            self._wake_in.close()
            self._wake_out.close()

    def _turn(self) -> bool:
        """One round: wait, read, acknowledge, write. False when the connection is over."""
        client, wire = self._client, self._client.wire
        sock = client.socket()
        if sock is None or self._closing.is_set():
            return False
        self._offer_held()
        may_read = self._may_read()
        has_pending = may_read and bool(getattr(sock, "pending", lambda: 0)())
        wants_write = client.want_write() or (wire is not None and wire.wants_write)
        timeout_s = 0.0 if has_pending else (_STALLED_S if self._held else _TICK_S)
        events = self._wait(sock, may_read, wants_write, timeout_s)
        if may_read and (events & ~select.POLLOUT or has_pending) and not self._read(sock):
            return False
        self._send_acks()
        if (client.want_write() or events & select.POLLOUT) and client.loop_write():
            return False
        if wire is not None:
            wire.flush()
        return not client.loop_misc()

    def _wait(self, sock: Any, may_read: bool, wants_write: bool, timeout_s: float) -> int:
        """Wait for the socket or a wake; return the socket's events. By poll: select knows no descriptor from 1,024 on,
        and hundreds of connections have three each.
        """
        mask = (select.POLLIN if may_read else 0) | (select.POLLOUT if wants_write else 0)
        if mask != self._mask:
            if mask:
                self._poller.register(sock, mask)
            else:
                # Told nothing at all: its end would else be reported again and again while we may not read it.
                self._poller.unregister(sock)
            self._mask = mask
        found = 0
        for descriptor, events in self._poller.poll(timeout_s * 1000):
            if descriptor == self._wake_out.fileno():
                self._drain_wakes()
            else:
                found = events
        return found

    def _read(self, sock: Any) -> bool:
        pending = getattr(sock, "pending", lambda: 0)
        for _ in range(_READS_A_TURN):
            if self._client.loop_read():
                return False
            if not self._may_read() or not pending():
                return True
        return True

    def _may_read(self) -> bool:
        return len(self._held) < self._held_limit and self.held_bytes < HELD_BYTES

    def _offer_held(self) -> None:
        held = self._held
        while held and self._on_message(held[0]):
            self.held_bytes -= len(held.popleft().payload)

    def _drain_wakes(self) -> None:
        try:
            self._wake_out.recv(4096)
        except BlockingIOError:
            return

    def _send_acks(self) -> None:
        """PUBACK without reason or properties is four bytes in both versions (MQTT 5, 3.4.2.1): packed here in one
        piece, where paho would take a dozen steps for each.
        """
        wire = self._client.wire
        while self._acks:
            mids = self._acks.popleft()
            if wire is not None:
                wire.send(b"".join([_PUBACK.pack(0x40, 2, mid) for mid in mids]))
            else:
                for mid in mids:
                    self._client.ack(mid, 1)

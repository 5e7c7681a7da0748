"""The MQTT driver: messages become blocks, receipts acknowledgements. Not here: sockets (link), JSON (decode)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any, ClassVar

from connectors.contract import (
    BindingSpec,
    CheckStep,
    ConnectorError,
    ConnectorSpec,
    Driver,
    Outlet,
    PermanentError,
    ReadingBlock,
    Undecodable,
    mark,
)  # fmt: skip
from connectors.mqtt import manifest
from connectors.mqtt.check import check
from connectors.mqtt.decode import Decoded, DecodeError, Decoder
from connectors.mqtt.link import Link, Message
from connectors.mqtt.mapping import Mapping
from connectors.mqtt.names import Naming, name_by_topic, name_by_user
from connectors.mqtt.options import MqttOptions
from connectors.mqtt.presets import PRESETS

DROPPED = "dropped"
WATCHED = {
    "$SYS/broker/publish/messages/dropped": DROPPED,
    "$SYS/broker/store/messages/count": "kept",
    "$SYS/broker/store/messages/bytes": "kept_bytes",
}
"""What mosquitto tells of itself, since it was started → what we call it. Dropped counts for whomever it was: the
platform's full queue as well as a device that reads too slowly. **Source** mosquitto(8), broker status."""
_KEPT_BYTES = 2_000
_PART_S = 3.0

log = logging.getLogger(__name__)


class MqttDriver(Driver):
    """Delivers the messages of one subscription; each is acknowledged once its readings are durable."""

    spec: ClassVar[ConnectorSpec] = manifest.SPEC
    options: MqttOptions

    def __init__(self, options: MqttOptions, *, connection_id: int, client_id: str) -> None:
        super().__init__(options, connection_id=connection_id, client_id=options.client_id or client_id)
        self.is_platform = False
        self.former_filters: Sequence[str] = options.former_filters
        self.passing_filters: Sequence[str] = ()
        self._decoder = Decoder(Naming(name_by_topic), _mapping_of(options))
        self._limit_bytes = options.max_payload_kb * 1024
        self._link: Link | None = None
        self._generation = 0

    async def run(self, outlet: Outlet, bindings: Sequence[BindingSpec]) -> None:
        """Deliver blocks until cancelled or the connection ends. **Raises** ConnectorError, PermanentError."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[ConnectorError | None] = loop.create_future()
        self._generation += 1

        def end(fault: ConnectorError | None) -> None:
            if not ended.done():
                ended.set_result(fault)

        def ready(has_session: bool) -> None:
            outlet.report("connected", session_kept=has_session)

        link = Link(
            self.options,
            client_id=self.client_id,
            on_message=self._taker(outlet, self._generation),
            on_ready=lambda kept: _on_loop(loop, ready, kept),
            on_end=lambda fault: _on_loop(loop, end, fault),
            former_filters=self.former_filters,
            passing_filters=self.passing_filters,
        )
        self._link = link
        link.start()
        try:
            fault = await ended
        finally:
            self._link = None
            link.close()
            await asyncio.shield(asyncio.to_thread(link.join, _PART_S))
        if fault is None:
            fault = ConnectorError(mark("The connection to the broker was lost."), key="mqtt.lost")
        if self.is_platform and isinstance(fault, PermanentError):
            # Our own broker learns its users from files that are written while it runs: the next try may pass.
            raise ConnectorError(fault.message, key=fault.key, data=fault.data)
        raise fault

    def settle(self, receipts: Sequence[Any]) -> None:
        """Acknowledge. A receipt of an earlier connection is void: the broker sends that message again, and its
        number may stand for another one by now.
        """
        link = self._link
        if link is not None:
            mids = [mid for generation, mid in receipts if generation == self._generation]
            if mids:
                link.acknowledge(mids)

    async def check(self) -> list[CheckStep]:
        """Try the options without touching the session."""
        return await check(self.options, self.client_id, self._decoder)

    # --- in the link's thread ---

    def _decode(self, topic: str, payload: bytes) -> Decoded:
        """Decode; what nobody foresaw is refused too. Were it raised, the link would break, the broker send the
        message again, and so for ever.
        """
        try:
            return self._decoder.decode(topic, payload)
        except DecodeError:
            raise
        except Exception as error:
            log.exception("a message on %s could not be decoded for an unforeseen reason", topic)
            raise DecodeError(
                "mqtt.unreadable", mark("The message cannot be read; the log of the connectors says why.")
            ) from error

    def _taker(self, outlet: Outlet, generation: int) -> Any:
        limit = self._limit_bytes
        is_platform = self.is_platform

        def take(message: Message) -> bool:
            received_us = time.time_ns() // 1000
            receipt = (generation, message.mid) if message.mid else None
            try:
                topic = message.topic.decode()
            except UnicodeDecodeError:
                topic = ""
            try:
                if not topic:
                    raise DecodeError("mqtt.bad_topic", mark("The topic is no UTF-8."))
                if len(message.payload) > limit:
                    raise DecodeError(
                        "mqtt.too_large", mark("The payload is larger than the connection takes.")
                    )
                decoded = self._decode(topic, message.payload)
                if message.is_retained and None in decoded.ts_us:
                    # Nobody knows how old it is.
                    raise DecodeError("mqtt.retained_without_time", mark("A retained message bears no time."))
            except DecodeError as error:
                device = topic.split("/", 2)[1] if is_platform and topic.count("/") else ""
                outlet.refuse(
                    Undecodable(
                        received_us, topic, message.payload[:_KEPT_BYTES], error.reason, error.detail, device
                    ),
                    receipt,
                )
                return True
            return outlet.offer(
                ReadingBlock(
                    decoded.addresses, decoded.values, decoded.ts_us, received_us, decoded.quality,
                    receipt=receipt,
                )
            )  # fmt: skip

        return take


class PlatformDriver(MqttDriver):
    """The platform's own broker: the topic bears the user for whom the broker vouches."""

    def __init__(
        self,
        options: MqttOptions,
        *,
        connection_id: int,
        client_id: str,
        former_filters: Sequence[str] = (),
        watches_broker: bool = False,
        dropped_before: int = 0,
    ) -> None:
        """``watches_broker``: listen to what the broker tells of itself; of several members one does.

        ``dropped_before``: its count when it was last told of.
        """
        super().__init__(options, connection_id=connection_id, client_id=client_id)
        self.is_platform = True
        self.former_filters = former_filters
        self.passing_filters = list(WATCHED) if watches_broker else ()
        self._decoder = Decoder(Naming(name_by_user))
        self._dropped = dropped_before

    def _taker(self, outlet: Outlet, generation: int) -> Any:
        take = super()._taker(outlet, generation)
        if not self.passing_filters:
            return take

        def take_or_note(message: Message) -> bool:
            if message.topic.startswith(b"$SYS/"):
                self._note(outlet, message)
                return True
            return bool(take(message))

        return take_or_note

    def _note(self, outlet: Outlet, message: Message) -> None:
        """Keep what the broker counts, and tell when it has dropped messages."""
        name = WATCHED.get(message.topic.decode(errors="replace"))
        if name is None or not message.payload.isdigit():
            return
        count = int(message.payload)
        outlet.measure(name, count)
        if name != DROPPED:
            return
        # Less than before: the broker was started again and counts from nothing.
        fresh = count - self._dropped if count >= self._dropped else count
        if fresh:
            outlet.report("broker_dropped", count=fresh, total=count)
        self._dropped = count


def _mapping_of(options: MqttOptions) -> Mapping | None:
    if options.layout == "json":
        return None
    return Mapping.parse(options.mapping if options.layout == "mapping" else PRESETS[options.layout])


def _on_loop(loop: asyncio.AbstractEventLoop, call: Any, argument: Any) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call, argument)

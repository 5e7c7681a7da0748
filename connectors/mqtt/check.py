"""Test before save: reach, sign in, subscribe, see a message. Touches neither session nor messages of the real one."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

from connectors.contract import CheckStep, ConnectorError, mark
from connectors.mqtt.decode import DecodeError, Decoder
from connectors.mqtt.link import CONNECT_TIMEOUT_S, Link, Message
from connectors.mqtt.options import MqttOptions

_MESSAGE_WITHIN_S = 3.0
_SHOWN = 10


async def check(options: MqttOptions, client_id: str, decoder: Decoder) -> list[CheckStep]:
    """Return what was tried and how it ended; never raises for a failed step."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[ConnectorError | None] = loop.create_future()
    seen: asyncio.Future[tuple[str, bytes]] = loop.create_future()

    def resolve(future: asyncio.Future[Any], value: Any) -> None:
        if not future.done():
            future.set_result(value)

    def take(message: Message) -> bool:
        loop.call_soon_threadsafe(resolve, seen, (message.topic.decode(errors="replace"), message.payload))
        return True

    def tell(fault: ConnectorError | None) -> None:
        loop.call_soon_threadsafe(resolve, ready, fault)

    # A member of the real group would take messages away from the others.
    alone = dataclasses.replace(options, shared_group="", qos=0)
    try:
        link = Link(
            alone,
            client_id=f"{client_id}-check",
            on_message=take,
            on_ready=lambda _kept: tell(None),
            on_end=tell,
            is_clean=True,
        )
    except ConnectorError as error:
        return [CheckStep(mark("Sign in"), False, error.message)]
    link.start()
    try:
        fault = await asyncio.wait_for(ready, CONNECT_TIMEOUT_S + 2)
        if fault is not None:
            return [CheckStep(mark("Sign in and subscribe"), False, fault.message, {"key": fault.key})]
        steps = [CheckStep(mark("Sign in and subscribe"), True, mark("The broker accepted user and topics."))]
        return [*steps, await _see_message(seen, decoder)]
    except TimeoutError:
        return [CheckStep(mark("Sign in and subscribe"), False, mark("The broker does not answer."))]
    finally:
        link.close()
        await asyncio.to_thread(link.join, 3.0)


async def _see_message(seen: asyncio.Future[tuple[str, bytes]], decoder: Decoder) -> CheckStep:
    name = mark("Receive a message")
    try:
        topic, payload = await asyncio.wait_for(seen, _MESSAGE_WITHIN_S)
    except TimeoutError:
        return CheckStep(name, True, mark("None came within three seconds; that may be right."))
    shown: dict[str, Any] = {"topic": topic, "payload": payload[:500].decode(errors="replace")}
    try:
        decoded = decoder.decode(topic, payload)
    except DecodeError as error:
        return CheckStep(name, False, error.detail, {**shown, "key": error.reason})
    values = dict(zip(decoded.addresses[:_SHOWN], decoded.values[:_SHOWN], strict=True))
    return CheckStep(name, True, mark("It was understood."), {**shown, "values": values})

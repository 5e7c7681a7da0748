"""One Redis subscription a process, shared by all of its sockets. Not here: the sockets (consumers)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from typing import Protocol

import redis.asyncio as aioredis
from django.conf import settings
from redis.exceptions import RedisError

from forgeline.realtime.publish import CHANNEL

CONFIRMED_WITHIN_S = 1.0

_log = logging.getLogger(__name__)


class Listener(Protocol):
    """Something that takes frames without waiting."""

    def take(self, topic: str, frame: bytes) -> None: ...

    def told_of_gap(self) -> None:
        """The subscription was away: frames may be missing, read the store."""


class Hub:
    """Fan frames out from Redis to the listeners of one event loop."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Listener]] = defaultdict(set)
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._confirmed: set[str] = set()
        """What Redis has said that it passes on."""
        self._waiting: list[tuple[Listener, set[str], asyncio.Future[None]]] = []
        self._is_away = False

    async def listen(self, listener: Listener, topics: set[str]) -> None:
        """Add a listener to topics; when this returns, nothing that is published from now on is missed.

        A Redis that takes its time, or is away, is not waited for: the listener is told of the gap once it answers.
        """
        for topic in topics:
            self._listeners[topic].add(listener)
        self._changed.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())
        missing = topics - self._confirmed
        if missing and not self._is_away:
            confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((listener, missing, confirmed))
            await asyncio.wait({confirmed}, timeout=CONFIRMED_WITHIN_S)
            if not confirmed.done():
                confirmed.cancel()

    def leave(self, listener: Listener, topics: set[str]) -> None:
        """Take a listener off topics."""
        for topic in topics:
            held = self._listeners.get(topic)
            if held is not None:
                held.discard(listener)
                if not held:
                    del self._listeners[topic]
        for entry in [each for each in self._waiting if each[0] is listener and each[1] & topics]:
            self._waiting.remove(entry)
            entry[2].cancel()
        self._changed.set()

    async def _run(self) -> None:
        delay = 0.2
        while self._listeners:
            try:
                client = aioredis.Redis.from_url(
                    settings.REDIS_URL, socket_connect_timeout=2.0, health_check_interval=15
                )
                async with client, client.pubsub() as pubsub:
                    await self._follow(pubsub)
                    return
            except (RedisError, OSError) as error:
                if not self._is_away:
                    _log.warning("live values stand still: Redis is away (%s)", error)
                self._is_away = True
                await asyncio.sleep(delay)
                delay = min(delay * 2, 5.0)

    async def _follow(self, pubsub: aioredis.client.PubSub) -> None:
        subscribed: set[str] = set()
        reader: asyncio.Task[None] | None = None
        try:
            while self._listeners:
                self._changed.clear()
                wanted = set(self._listeners)
                self._confirmed &= wanted
                if wanted - subscribed:
                    await pubsub.subscribe(*(CHANNEL + topic for topic in wanted - subscribed))
                if subscribed - wanted:
                    await pubsub.unsubscribe(*(CHANNEL + topic for topic in subscribed - wanted))
                subscribed = wanted
                reader = reader or asyncio.create_task(self._read(pubsub))
                waiter = asyncio.create_task(self._changed.wait())
                await asyncio.wait({reader, waiter}, return_when=asyncio.FIRST_COMPLETED)
                waiter.cancel()
                if reader.done():
                    reader.result()
        finally:
            self._confirmed.clear()
            if reader is not None:
                reader.cancel()
                with contextlib.suppress(asyncio.CancelledError, RedisError, OSError):
                    await reader

    async def _read(self, pubsub: aioredis.client.PubSub) -> None:
        while True:
            message = await pubsub.get_message(timeout=None)
            if message is None:
                continue
            topic = message["channel"].decode().removeprefix(CHANNEL)
            if message["type"] == "subscribe":
                self._note_confirmed(topic)
            if message["type"] != "message":
                continue
            for listener in tuple(self._listeners.get(topic, ())):
                listener.take(topic, message["data"])

    def _note_confirmed(self, topic: str) -> None:
        self._confirmed.add(topic)
        if self._is_away:
            self._is_away = False
            _log.info("live values move again")
            for listener in set().union(*self._listeners.values()):
                listener.told_of_gap()
        for entry in list(self._waiting):
            listener, missing, confirmed = entry
            missing.discard(topic)
            if missing:
                continue
            self._waiting.remove(entry)
            if confirmed.cancelled():
                listener.told_of_gap()
            elif not confirmed.done():
                confirmed.set_result(None)


_HUBS: dict[asyncio.AbstractEventLoop, Hub] = {}


def hub() -> Hub:
    """Return the hub of the running event loop."""
    loop = asyncio.get_running_loop()
    for known in [known for known in _HUBS if known.is_closed()]:
        del _HUBS[known]
    return _HUBS.setdefault(loop, Hub())

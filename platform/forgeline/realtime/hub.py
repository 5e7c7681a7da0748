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

    def listen(self, listener: Listener, topics: set[str]) -> None:
        """Add a listener to topics; Redis is asked within a few milliseconds."""
        for topic in topics:
            self._listeners[topic].add(listener)
        self._changed.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def leave(self, listener: Listener, topics: set[str]) -> None:
        """Take a listener off topics."""
        for topic in topics:
            held = self._listeners.get(topic)
            if held is not None:
                held.discard(listener)
                if not held:
                    del self._listeners[topic]
        self._changed.set()

    async def _run(self) -> None:
        delay = 0.2
        was_away = False
        while self._listeners:
            try:
                client = aioredis.Redis.from_url(
                    settings.REDIS_URL, socket_connect_timeout=2.0, health_check_interval=15
                )
                async with client, client.pubsub() as pubsub:
                    await self._follow(pubsub, tell_gap=was_away)
                    return
            except (RedisError, OSError) as error:
                if not was_away:
                    _log.warning("live values stand still: Redis is away (%s)", error)
                was_away = True
                await asyncio.sleep(delay)
                delay = min(delay * 2, 5.0)

    async def _follow(self, pubsub: aioredis.client.PubSub, *, tell_gap: bool) -> None:
        subscribed: set[str] = set()
        reader: asyncio.Task[None] | None = None
        try:
            while self._listeners:
                self._changed.clear()
                wanted = set(self._listeners)
                if wanted - subscribed:
                    await pubsub.subscribe(*(CHANNEL + topic for topic in wanted - subscribed))
                if subscribed - wanted:
                    await pubsub.unsubscribe(*(CHANNEL + topic for topic in subscribed - wanted))
                subscribed = wanted
                if tell_gap:
                    tell_gap = False
                    _log.info("live values move again")
                    for listener in set().union(*self._listeners.values()):
                        listener.told_of_gap()
                reader = reader or asyncio.create_task(self._read(pubsub))
                waiter = asyncio.create_task(self._changed.wait())
                await asyncio.wait({reader, waiter}, return_when=asyncio.FIRST_COMPLETED)
                waiter.cancel()
                if reader.done():
                    reader.result()
        finally:
            if reader is not None:
                reader.cancel()
                with contextlib.suppress(asyncio.CancelledError, RedisError, OSError):
                    await reader

    async def _read(self, pubsub: aioredis.client.PubSub) -> None:
        while True:
            message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=None)
            if message is None or message["type"] != "message":
                continue
            topic = message["channel"].decode().removeprefix(CHANNEL)
            for listener in tuple(self._listeners.get(topic, ())):
                listener.take(topic, message["data"])


_HUBS: dict[asyncio.AbstractEventLoop, Hub] = {}


def hub() -> Hub:
    """Return the hub of the running event loop."""
    loop = asyncio.get_running_loop()
    for known in [known for known in _HUBS if known.is_closed()]:
        del _HUBS[known]
    return _HUBS.setdefault(loop, Hub())

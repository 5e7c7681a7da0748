"""The live socket: a page subscribes to topics and gets frames; a slow one gets merged frames, never a queue."""

from __future__ import annotations

import asyncio
import contextlib
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import msgspec
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.auth import get_user
from prometheus_client import Counter, Gauge

from forgeline.identity.policy import Actor, actor_scope
from forgeline.identity.queries import find_actor_by_key
from forgeline.identity.seats import find_seat
from forgeline.realtime.entrance import key_in
from forgeline.realtime.hub import hub
from forgeline.realtime.topics import may_listen

if TYPE_CHECKING:
    from django.http import HttpRequest

MAX_TOPICS = 500
UNAUTHENTICATED = 4401
TOO_MANY = 4413
ASKED_AGAIN_S = 5.0
"""How long a socket outlives the session, the key or the membership that opened it."""

SOCKETS = Gauge("forgeline_live_sockets", "Open live sockets of this process.", multiprocess_mode="livesum")
MERGED = Counter("forgeline_live_merged_total", "Frames merged into a waiting one because a socket was slow.")

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """What a page sends."""

    op: str
    topics: list[str] = []


_request = msgspec.json.Decoder(Request)


class LiveConsumer(AsyncWebsocketConsumer):
    """``/ws/live/``: ``{"op": "subscribe", "topics": ["asset.42"]}`` → frames ``{"topic": …, "t": "samples", "p": …}``.

    Opened by the session of a person or by an API key in a header. A topic that the caller may not hear, or may not
    hear any more, is answered with ``{"t": "refused"}`` and nothing else.
    """

    async def connect(self) -> None:
        self.topics: set[str] = set()
        self._waiting: dict[str, bytes] = {}
        self._ready = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self.actor = await self._find_actor()
        await self.accept()
        if self.actor is None:
            await self.close(code=UNAUTHENTICATED)
            return
        SOCKETS.inc()
        self._sender = asyncio.create_task(self._send_frames())
        self._watch = asyncio.create_task(self._ask_again())

    async def disconnect(self, code: int) -> None:
        if self._sender is None or self._watch is None:
            return
        SOCKETS.dec()
        hub().leave(self, self.topics)
        for task in (self._sender, self._watch):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._sender is None:
            return
        try:
            request = _request.decode(text_data or b"")
        except msgspec.DecodeError:
            await self._tell({"t": "error", "key": "realtime.not_understood"})
            return
        if request.op == "subscribe":
            await self._subscribe(set(request.topics))
        elif request.op == "unsubscribe":
            leaving = self.topics & set(request.topics)
            hub().leave(self, leaving)
            self.topics -= leaving
        elif request.op == "ping":
            await self._tell({"t": "pong"})
        else:
            await self._tell({"t": "error", "key": "realtime.not_understood"})

    async def _subscribe(self, wanted: set[str]) -> None:
        wanted -= self.topics
        if len(self.topics) + len(wanted) > MAX_TOPICS:
            await self.close(code=TOO_MANY)
            return
        allowed = await self._filter_allowed(wanted)
        for topic in sorted(wanted - allowed):
            await self._tell({"topic": topic, "t": "refused"})
        hub().listen(self, allowed)
        self.topics |= allowed
        await self._tell({"t": "subscribed", "topics": sorted(allowed)})

    def take(self, topic: str, frame: bytes) -> None:
        """Called by the hub: keep one frame a topic; samples that wait already are merged point by point."""
        waiting = self._waiting.get(topic)
        if waiting is not None:
            MERGED.inc()
            frame = merge(waiting, frame)
        self._waiting[topic] = frame
        self._ready.set()

    def told_of_gap(self) -> None:
        self._waiting["gap"] = _encode({"t": "gap"})
        self._ready.set()

    async def _send_frames(self) -> None:
        while True:
            await self._ready.wait()
            self._ready.clear()
            frames, self._waiting = self._waiting, {}
            for frame in frames.values():
                await self.send(text_data=frame.decode())

    async def _ask_again(self) -> None:
        """Close the socket of whoever may not come in any more; take back what a changed role may not hear."""
        while True:
            await asyncio.sleep(ASKED_AGAIN_S)
            actor = await self._find_actor()
            if actor is None:
                await self.close(code=UNAUTHENTICATED)
                return
            if actor == self.actor:
                continue
            self.actor = actor
            lost = self.topics - await self._filter_allowed(set(self.topics))
            hub().leave(self, lost)
            self.topics -= lost
            for topic in sorted(lost):
                await self._tell({"topic": topic, "t": "refused"})

    async def _tell(self, message: dict[str, Any]) -> None:
        await self.send(text_data=_encode(message).decode())

    @database_sync_to_async
    def _find_actor(self) -> Actor | None:
        key = key_in(self.scope)
        if key:
            return find_actor_by_key(key)
        # Read anew: the session of the scope is as it was when the socket was opened.
        store = import_module(settings.SESSION_ENGINE).SessionStore
        session = store(session_key=self.scope["session"].session_key)
        user = get_user(cast("HttpRequest", SimpleNamespace(session=session)))
        if not user.is_authenticated:
            return None
        seat = find_seat(user, session)
        # A page of a company that its reader may not come to any more has nothing to hear in another.
        return None if seat.has_ended else seat.actor

    @database_sync_to_async
    def _filter_allowed(self, wanted: set[str]) -> set[str]:
        assert self.actor is not None
        with actor_scope(self.actor):
            return {topic for topic in wanted if may_listen(self.actor, topic)}


def merge(older: bytes, newer: bytes) -> bytes:
    """Merge two frames of one topic: for samples the newest of each point, for anything else the newer frame."""
    first, second = _decode(older), _decode(newer)
    if first.get("t") != "samples" or second.get("t") != "samples":
        return newer
    points = {row[0]: row for row in first["p"]}
    for row in second["p"]:
        known = points.get(row[0])
        if known is None or row[1] >= known[1]:
            points[row[0]] = row
    return _encode({**second, "p": list(points.values())})

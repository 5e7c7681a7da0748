"""The live socket: a page subscribes to topics and gets frames; a slow one gets merged frames, never a queue.

A program that must miss nothing follows topics instead (following).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import msgspec
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.auth import get_user
from django.db import Error as DatabaseError
from prometheus_client import Counter, Gauge

from forgeline.base.errors import ForgelineError
from forgeline.identity.policy import Actor, actor_scope
from forgeline.identity.queries import find_actor_by_key
from forgeline.identity.seats import find_seat
from forgeline.realtime.entrance import key_in
from forgeline.realtime.following import Follower, NoRoomError
from forgeline.realtime.hub import hub
from forgeline.realtime.topics import expand, feed_name_of, is_only_followed, may_listen

if TYPE_CHECKING:
    from django.http import HttpRequest

MAX_TOPICS = 500
UNAUTHENTICATED = 4401
TOO_MANY = 4413
ASKED_AGAIN_S = 5.0
"""How long a socket outlives the session, the key or the membership that opened it."""

SOCKETS = Gauge("forgeline_live_sockets", "Open live sockets of this process.", multiprocess_mode="livesum")
MERGED = Counter("forgeline_live_merged_total", "Frames merged into a waiting one because a socket was slow.")

_log = logging.getLogger(__name__)
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """What a page or a program sends. ``snapshot`` and ``resume`` (a token) make a subscription one that follows."""

    op: str
    topics: list[str] = []
    snapshot: bool = False
    resume: str = ""


_request = msgspec.json.Decoder(Request)


class LiveConsumer(AsyncWebsocketConsumer):
    """``/ws/live/``: ``{"op": "subscribe", "topics": ["asset.42"]}`` → frames ``{"topic": …, "t": "samples", "p": …}``.

    Opened by the session of a person or by an API key in a header. A topic that the caller may not hear, or may not
    hear any more, is answered with ``{"t": "refused"}`` and nothing else. With ``snapshot`` or ``resume`` the topics
    are followed: each change once at least, in the order of the log, with a token to go on from.
    """

    async def connect(self) -> None:
        self.topics: set[str] = set()
        self._follower: Follower | None = None
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
        if self._follower is not None:
            await self._follower.close()
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
        assert self.actor is not None
        topics = {expand(topic, self.actor.tenant_id) for topic in request.topics}
        if request.op == "subscribe":
            await self._subscribe(topics, request)
        elif request.op == "unsubscribe":
            self._leave(topics)
        elif request.op == "ping":
            await self._tell({"t": "pong"})
        else:
            await self._tell({"t": "error", "key": "realtime.not_understood"})

    async def _subscribe(self, wanted: set[str], request: Request) -> None:
        wanted -= self.topics | self._followed
        if len(self.topics) + len(self._followed) + len(wanted) > MAX_TOPICS:
            await self.close(code=TOO_MANY)
            return
        allowed = await self._filter_allowed(wanted)
        for topic in sorted(wanted - allowed):
            await self._tell({"topic": topic, "t": "refused"})
        follows_all = request.snapshot or bool(request.resume)
        followed = {
            topic for topic in allowed if feed_name_of(topic) and (follows_all or is_only_followed(topic))
        }
        plain = allowed - followed
        self.topics |= plain
        await hub().listen(self, plain)
        if plain or not followed:
            await self._tell({"t": "subscribed", "topics": sorted(plain)})
        if followed:
            await self._follow(followed, request)

    @property
    def _followed(self) -> set[str]:
        return set() if self._follower is None else self._follower.topics

    async def _follow(self, topics: set[str], request: Request) -> None:
        assert self.actor is not None
        try:
            if self._follower is None:
                self._follower = Follower(self.actor, self._tell)
            await self._follower.add(topics, wants_snapshot=request.snapshot, resume=request.resume)
        except NoRoomError:
            await self._tell({"t": "error", "key": "realtime.too_many_followers", "topics": sorted(topics)})
        except ForgelineError as error:
            await self._tell({"t": "error", "key": error.key, "title": str(error), "topics": sorted(topics)})
        except DatabaseError:
            await self._tell({"t": "error", "key": "base.unavailable", "topics": sorted(topics)})

    def _leave(self, topics: set[str]) -> None:
        plain = self.topics & topics
        hub().leave(self, plain)
        self.topics -= plain
        if self._follower is not None:
            self._follower.drop(topics)

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
            try:
                for frame in frames.values():
                    await self.send(text_data=frame.decode())
            except OSError:
                # The page has gone, and the server says so here before it says it to disconnect().
                return

    async def _ask_again(self) -> None:
        """Close the socket of whoever may not come in any more; take back what a changed role may not hear."""
        while True:
            await asyncio.sleep(ASKED_AGAIN_S)
            try:
                if not await self._is_still_let_in():
                    return
            except OSError:
                # As in _send_frames: the page has gone.
                return
            except DatabaseError as error:
                _log.warning("a live socket could not be asked for its rights; it is asked again (%s)", error)

    async def _is_still_let_in(self) -> bool:
        actor = await self._find_actor()
        if actor is None:
            await self.close(code=UNAUTHENTICATED)
            return False
        if actor == self.actor:
            return True
        self.actor = actor
        if self._follower is not None:
            self._follower.actor = actor
        held = self.topics | self._followed
        lost = held - await self._filter_allowed(held)
        self._leave(lost)
        for topic in sorted(lost):
            await self._tell({"topic": topic, "t": "refused"})
        return True

    async def _tell(self, message: Mapping[str, Any]) -> None:
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

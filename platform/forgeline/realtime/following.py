"""Following topics without a gap: a snapshot, then what the logs say, from a token too. Not here: what is in the logs.

A plain subscription is a courtesy: frames by Redis, merged for the slow. A follower reads the store: a message by
Redis only says that it may be worth it, and without one it looks every two seconds (decision 0014).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, TypeVar

from django.db import Error as DatabaseError, close_old_connections
from prometheus_client import Counter, Gauge

from forgeline.base.errors import ForgelineError
from forgeline.identity.policy import Actor, actor_scope
from forgeline.realtime.hub import hub
from forgeline.realtime.tokens import Token, find_token, read_store, write_token
from forgeline.realtime.topics import News, Position, feed_name_of, get_feed, pulse_of

RESUME_S = 3600.0
"""A token is good for so long; who was away longer, or is so far behind, is told of a gap and gets a snapshot."""
MAX_FOLLOWERS = 50
"""Of one process: each reads the store after a commit, at most ten times a second."""
EVERY_S = 0.1
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
TOKEN_EVERY_S = 15.0
THREADS = 4

FOLLOWERS = Gauge("forgeline_live_followers", "Sockets that follow the log.", multiprocess_mode="livesum")
REFUSED = Counter("forgeline_live_followers_refused_total", "Sockets that found no room to follow the log.")
RESUMED = Counter("forgeline_live_resumed_total", "Sockets that went on from a token.")
GAPS = Counter("forgeline_live_gaps_total", "Followers that could not be told all, by why.", ["why"])

_log = logging.getLogger(__name__)
_count = 0

Answer = TypeVar("Answer")
Tell = Callable[[Mapping[str, Any]], Awaitable[None]]


class NoRoomError(Exception):
    """This process has as many followers as it bears."""


@cache
def _threads() -> ThreadPoolExecutor:
    # Their own: one follower that catches up must not hold up every other socket's questions.
    return ThreadPoolExecutor(THREADS, thread_name_prefix="live-feed")


class Follower:
    """The followed topics of one socket, and where it stands in their logs."""

    def __init__(self, actor: Actor, tell: Tell) -> None:
        global _count
        if _count >= MAX_FOLLOWERS:
            REFUSED.inc()
            raise NoRoomError
        _count += 1
        FOLLOWERS.inc()
        self.actor = actor
        self.topics: set[str] = set()
        self._tell = tell
        self._positions: dict[str, Position] = {}
        self._current_at = time.time()
        """When everything had been told."""
        self._told_at = 0.0
        self._pulses: set[str] = set()
        self._woken = asyncio.Event()
        self._turn = asyncio.Lock()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop following."""
        global _count
        _count -= 1
        FOLLOWERS.dec()
        hub().leave(self, self._pulses)
        self._task.cancel()
        # It may have ended before, because the other side had gone while a frame was on its way.
        await asyncio.gather(self._task, return_exceptions=True)

    def take(self, topic: str, frame: bytes) -> None:
        """Called by the hub: there may be news."""
        self._woken.set()

    def told_of_gap(self) -> None:
        """Called by the hub after Redis was away; the log has everything."""
        self._woken.set()

    async def add(self, topics: set[str], *, wants_snapshot: bool, resume: str) -> None:
        """Follow some more topics: from a token, from a snapshot, or from now on; frames go out before it returns.

        **Raises** DatabaseError while the store is away, ConflictError where a snapshot would be too much.
        """
        async with self._turn:
            token = find_token(resume) if resume else None
            why = await self._in_thread(partial(_fault_of, token, resume))
            if why:
                GAPS.labels(why).inc()
                token, wants_snapshot = None, True
            by_feed: dict[str, set[str]] = {}
            for topic in topics:
                by_feed.setdefault(feed_name_of(topic) or "", set()).add(topic)
            frames: list[dict[str, Any]] = []
            for name, those in by_feed.items():
                if token is not None and name in token.positions:
                    begin = token.positions[name]
                else:
                    begin, shown = await self._in_thread(partial(_begin, name, those, wants_snapshot))
                    frames += shown
                self._positions[name] = min(begin, self._positions.get(name, begin))
            self.topics |= topics
            answer: dict[str, Any] = {"t": "subscribed", "topics": sorted(topics)}
            if resume:
                answer["resumed"] = not why
                RESUMED.inc(not why)
            await self._tell(answer)
            if why:
                await self._tell({"t": "gap", "topics": sorted(topics), "why": why})
            if token is not None:
                self._current_at = min(self._current_at, token.at_s)
            await self._send(frames, with_token=True)
        pulses = {pulse_of(name, self.actor.tenant_id) for name in self._positions}
        fresh, self._pulses = pulses - self._pulses, self._pulses | pulses
        await hub().listen(self, fresh)
        self._woken.set()

    def drop(self, topics: set[str]) -> None:
        """Follow some topics no longer."""
        self.topics -= topics

    async def _run(self) -> None:
        pause, is_away = LONGEST_PAUSE_S, False
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), pause)
                pause = FIRST_PAUSE_S
            self._woken.clear()
            try:
                has_more = await self._round()
            except (DatabaseError, ForgelineError) as error:
                if not is_away:
                    _log.warning("followers of the log wait: the store is away (%s)", error)
                is_away, has_more = True, False
            else:
                is_away = False
            if has_more:
                self._woken.set()
            else:
                # What was announced may wait for an older transaction: look again soon, then less and less often.
                pause = min(pause * 2, LONGEST_PAUSE_S)
                await asyncio.sleep(EVERY_S)

    async def _round(self) -> bool:
        """Tell what the logs have said since; return whether more waits."""
        async with self._turn:
            asked = time.time()
            frames: list[dict[str, Any]] = []
            has_more = False
            for name in list(self._positions):
                topics = {topic for topic in self.topics if feed_name_of(topic) == name}
                if not topics:
                    del self._positions[name]
                    continue
                news = await self._in_thread(partial(_read, name, topics, self._positions[name]))
                frames += news.frames
                self._positions[name] = news.position
                has_more = has_more or not news.is_all
            if not has_more:
                self._current_at = asked
            elif time.time() - self._current_at > RESUME_S:
                frames += await self._leap()
                has_more = False
            await self._send(frames, with_token=time.monotonic() - self._told_at > TOKEN_EVERY_S)
            return has_more

    async def _leap(self) -> list[dict[str, Any]]:
        """Give up what is too far behind: a gap, and the state as it is now."""
        GAPS.labels("too_slow").inc()
        frames: list[dict[str, Any]] = [{"t": "gap", "topics": sorted(self.topics), "why": "too_slow"}]
        for name in self._positions:
            topics = {topic for topic in self.topics if feed_name_of(topic) == name}
            self._positions[name], shown = await self._in_thread(partial(_begin, name, topics, True))
            frames += shown
        self._current_at = time.time()
        return frames

    async def _send(self, frames: list[dict[str, Any]], *, with_token: bool) -> None:
        """Send frames of topics that are still followed; the last carries the token that stands for all of them."""
        frames = [frame for frame in frames if frame.get("topic", "") in self.topics or "topic" not in frame]
        if not frames:
            if not with_token or not self._positions:
                return
            frames = [{"t": "token"}]
        token = write_token(read_store(), int(self._current_at), self._positions)
        for at, frame in enumerate(frames, start=1):
            await self._tell(frame if at < len(frames) else {**frame, "token": token})
        self._told_at = time.monotonic()

    async def _in_thread(self, ask: Callable[[], Answer]) -> Answer:
        actor = self.actor

        def run() -> Answer:
            close_old_connections()
            try:
                with actor_scope(actor):
                    return ask()
            finally:
                close_old_connections()

        return await asyncio.get_running_loop().run_in_executor(_threads(), run)


def _fault_of(token: Token | None, text: str) -> str:
    """Say why a token cannot be gone on from, or ''. It also makes this process know its store."""
    store = read_store()
    if not text:
        return ""
    if token is None:
        return "unknown_token"
    if token.store != store:
        return "other_store"
    if time.time() - token.at_s > RESUME_S:
        return "too_long_ago"
    for name, position in token.positions.items():
        try:
            end = get_feed(name).find_end()
        except KeyError:
            return "unknown_token"
        if position.xid > end.xid:
            return "other_store"
    return ""


def _begin(name: str, topics: set[str], wants_snapshot: bool) -> tuple[Position, list[dict[str, Any]]]:
    feed = get_feed(name)
    return feed.take_snapshot(topics) if wants_snapshot else (feed.find_end(), [])


def _read(name: str, topics: set[str], position: Position) -> News:
    return get_feed(name).read_after(topics, position)

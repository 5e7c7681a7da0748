"""The live socket: a state, then every change, in order, also across lost connections.

At least once: after a break something may come a second time; a sample is told by its point and time, an entry of the
alarm journal by its id.
"""

from __future__ import annotations

import json
import logging
import random
import ssl
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, cast

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from forgeline_client.errors import ApiError, ClientError, NotAuthenticatedError
from forgeline_client.models import Alarm, JournalEntry

log = logging.getLogger("forgeline_client.live")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 15.0
SILENCE_S = 60.0
"""A followed socket says something every 15 s; one that is silent for so long is dead."""
UNAUTHENTICATED = 4401

ReadGap = Callable[[Sequence[int], int, int], list[list[Any]]]


@dataclass(frozen=True, slots=True)
class Samples:
    """Rows ``[point_id, ts_ms, value, quality, flags]`` of one topic; a snapshot has each point's newest."""

    topic: str
    rows: list[list[Any]]
    is_snapshot: bool = False


@dataclass(frozen=True, slots=True)
class Alarms:
    """What happened to alarms, and each of them as it is now; a snapshot has what is open, without entries."""

    topic: str
    alarms: list[Alarm]
    entries: list[JournalEntry] = field(default_factory=list)
    is_snapshot: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """Something could not be told. With ``points``: read them over ``[from_ms, to_ms)``; else a snapshot follows."""

    topics: list[str]
    why: str
    points: list[int] = field(default_factory=list)
    from_ms: int = 0
    to_ms: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """The key may not hear a topic, or may not any more."""

    topic: str


Event = Samples | Alarms | Gap | Refused


class Live:
    """Iterate over it. ``token`` says how far it came: keep it once what came has been worked off, to go on later."""

    def __init__(
        self, url: str, key: str, topics: Collection[str], *, resume: str = "", verify: Any = True,
        read_gap: ReadGap | None = None,
    ) -> None:  # fmt: skip
        self.token = resume
        self._address = f"ws{url.rstrip('/').removesuffix('/api/v1').removeprefix('http')}/ws/live/"
        self._key = key
        self._topics = sorted(topics)
        self._verify = verify
        self._read_gap = read_gap
        self._socket: ClientConnection | None = None
        self._closed = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the iteration; from another thread too."""
        self._closed.set()
        if self._socket is not None:
            self._socket.close()

    def __iter__(self) -> Iterator[Event]:
        """Yield what comes until it is closed. **Raises** NotAuthenticatedError where the key opens nothing."""
        pause_s = FIRST_PAUSE_S
        while not self._closed.is_set():
            try:
                for event in self._hear():
                    pause_s = FIRST_PAUSE_S
                    yield event
            except (OSError, ConnectionClosed, InvalidHandshake, TimeoutError) as error:
                if self._closed.is_set():
                    return
                if isinstance(error, InvalidStatus) and error.response.status_code in {401, 403}:
                    body = {"title": "The key opens no socket."}
                    raise NotAuthenticatedError(error.response.status_code, body) from None
                log.info("the live socket is lost (%s); trying again", str(error) or type(error).__name__)
            self._closed.wait(pause_s * (0.75 + random.random() / 2))
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _hear(self) -> Iterator[Event]:
        with self._open() as socket:
            self._socket = socket
            how = {"resume": self.token} if self.token else {"snapshot": True}
            socket.send(json.dumps({"op": "subscribe", "topics": self._topics, **how}))
            while True:
                try:
                    frame = json.loads(socket.recv(timeout=SILENCE_S))
                except ConnectionClosed as closed:
                    if closed.rcvd is not None and closed.rcvd.code == UNAUTHENTICATED:
                        raise NotAuthenticatedError(
                            401, {"title": "The key opens no socket any more."}
                        ) from None
                    raise
                yield from self._events_of(frame)
                # Only now: whoever stops in between gets these again, not less.
                self.token = frame.get("token", self.token)

    def _open(self) -> AbstractContextManager[ClientConnection]:
        context = None
        if self._address.startswith("wss"):
            context = (
                self._verify if isinstance(self._verify, ssl.SSLContext) else ssl.create_default_context()
            )
            if self._verify is False:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return connect(
            self._address, additional_headers={"Authorization": f"Bearer {self._key}"}, ssl=context,
            proxy=None, max_size=2**24, open_timeout=10,
        )  # fmt: skip

    def _events_of(self, frame: dict[str, Any]) -> Iterator[Event]:
        word, topic = frame["t"], str(frame.get("topic", ""))
        if word in {"samples", "snapshot"} and "p" in frame:
            yield Samples(topic, frame["p"], word == "snapshot")
        elif word in {"alarms", "snapshot"} and "alarms" in frame:
            alarms = cast("list[Alarm]", frame["alarms"])
            yield Alarms(
                topic, alarms, cast("list[JournalEntry]", frame.get("entries", [])), word == "snapshot"
            )
        elif word == "gap":
            yield from self._fill(frame)
        elif word == "refused":
            yield Refused(topic)
        elif word == "error":
            if frame["key"] == "base.unavailable":
                raise TimeoutError("Forgeline's store is away")
            raise ApiError(0, frame) if "key" in frame else ClientError(str(frame))

    def _fill(self, frame: dict[str, Any]) -> Iterator[Event]:
        topics = [frame["topic"]] if "topic" in frame else list(frame.get("topics", []))
        points = [int(point) for point in frame.get("points", [])]
        gap = Gap(topics, str(frame.get("why", "")), points, frame.get("from_ms", 0), frame.get("to_ms", 0))
        if points and self._read_gap is not None:
            yield Samples(topics[0], self._read_gap(points, gap.from_ms, gap.to_ms))
        else:
            yield gap

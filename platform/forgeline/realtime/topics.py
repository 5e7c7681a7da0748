"""The registry of topics: each area registers its own with a check of who may listen, and what follows them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

TopicCheck = Callable[[Any, str], bool]
"""``check(actor, ident)``, called inside the actor's tenant scope."""


class Position(NamedTuple):
    """A place in a log whose rows carry the transaction that wrote them: everything before it has been told."""

    xid: int
    seq: int


@dataclass(frozen=True, slots=True)
class News:
    """What a log has said after a position, as frames ready to be sent, and where to go on."""

    frames: list[dict[str, Any]]
    position: Position
    is_all: bool
    """Nothing more waits in the log."""


class Feed(Protocol):
    """Topics that can be followed without a gap: by a snapshot, and by what a log says after it.

    Every method is called in a thread, inside the actor's tenant scope.
    """

    def take_snapshot(self, topics: Collection[str]) -> tuple[Position, list[dict[str, Any]]]:
        """Return the state of each topic, and a position at or before it: what follows repeats, but leaves out nothing.

        **Raises** ConflictError where it would be too much.
        """

    def find_end(self) -> Position:
        """Return the position behind everything that is certain by now."""

    def read_after(self, topics: Collection[str], position: Position) -> News:
        """Return what came after a position, some of it when it is much."""


_CHECKS: dict[str, TopicCheck] = {}
_FEEDS: dict[str, Feed] = {}
_FEED_OF: dict[str, str] = {}
_PULSES: dict[str, str] = {}
_ONLY_FOLLOWED: set[str] = set()


def register_topic(kind: str, check: TopicCheck) -> None:
    """Register a kind of topic (``asset`` in ``asset.42``). Registering another check for it is a fault."""
    if _CHECKS.get(kind, check) is not check:
        raise ValueError(f"the topic {kind} has a check already")
    _CHECKS[kind] = check


def register_feed(
    name: str, feed: Feed, *, kinds: Collection[str], pulse: str, only_followed: Collection[str] = ()
) -> None:
    """Register what follows some kinds of topics.

    ``pulse``: the kind of the message, ``<pulse>.<tenant>``, after which there may be news. ``only_followed``: kinds
    to which nobody publishes; whoever subscribes to one follows it.
    """
    for kind in kinds:
        if _FEED_OF.setdefault(kind, name) != name:
            raise ValueError(f"the topic {kind} has a feed already")
    _FEEDS[name] = feed
    _PULSES[name] = pulse
    _ONLY_FOLLOWED.update(only_followed)


def may_listen(actor: Any, topic: str) -> bool:
    """Say whether the actor may hear a topic; an unknown kind is heard by nobody."""
    kind, _, ident = topic.partition(".")
    check = _CHECKS.get(kind)
    return check is not None and bool(ident) and check(actor, ident)


def expand(topic: str, tenant_id: int) -> str:
    """Return the full name: ``alarms`` is short for ``alarms.<tenant>``."""
    return topic if "." in topic else f"{topic}.{tenant_id}"


def feed_name_of(topic: str) -> str | None:
    """Return the name of the feed that follows a topic, if any does."""
    return _FEED_OF.get(topic.partition(".")[0])


def is_only_followed(topic: str) -> bool:
    """Say whether nobody publishes to this kind of topic, so that it can but be followed."""
    return topic.partition(".")[0] in _ONLY_FOLLOWED


def get_feed(name: str) -> Feed:
    """Return a feed by its name."""
    return _FEEDS[name]


def pulse_of(name: str, tenant_id: int) -> str:
    """Return the topic that tells of a feed's news."""
    return f"{_PULSES[name]}.{tenant_id}"


def list_kinds() -> list[str]:
    """Return the registered kinds; the stranger tests go through them."""
    return sorted(_CHECKS)

"""What a topic says of who sent it: the device, and the beginning of its keys. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_TOPICS_KEPT = 50_000
_OWN_LEVELS = ("", "telemetry", "data")


@dataclass(frozen=True, slots=True)
class Name:
    """``device`` and ``prefix`` for an object's keys; ``parent`` and ``leaf`` for a bare value."""

    device: str
    prefix: str
    parent: str
    leaf: str


def name_by_topic(topic: str) -> Name:
    """A device is its topic; a bare value is the last level's, of the device above it."""
    parent, _, leaf = topic.rpartition("/")
    return Name(topic, "", parent or topic, leaf)


def name_by_user(topic: str) -> Name:
    """The platform's own broker: ``t/<user>/…``, where the broker vouches for the user.

    ``t/<user>`` and ``t/<user>/telemetry`` carry the device's own keys; deeper levels stand before the key.
    """
    levels = topic.split("/", 2)
    user = levels[1] if len(levels) > 1 else ""
    rest = levels[2] if len(levels) > 2 else ""
    prefix = "" if rest in _OWN_LEVELS else rest.removeprefix("telemetry/") + "/"
    return Name(user, prefix, user, prefix[:-1] or rest or "value")


class Naming:
    """A way of naming with a memory: topics repeat."""

    def __init__(self, rule: Callable[[str], Name]) -> None:
        self._rule = rule
        self._known: dict[str, Name] = {}

    def name(self, topic: str) -> Name:
        """Return what the topic says."""
        found = self._known.get(topic)
        if found is None:
            if len(self._known) >= _TOPICS_KEPT:
                self._known.clear()
            found = self._known[topic] = self._rule(topic)
        return found

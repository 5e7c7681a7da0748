"""The registry of topics: each area registers its own with a check of who may listen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

TopicCheck = Callable[[Any, str], bool]
"""``check(actor, ident)``, called inside the actor's tenant scope."""

_CHECKS: dict[str, TopicCheck] = {}


def register_topic(kind: str, check: TopicCheck) -> None:
    """Register a kind of topic (``asset`` in ``asset.42``). Registering another check for it is a fault."""
    if _CHECKS.get(kind, check) is not check:
        raise ValueError(f"the topic {kind} has a check already")
    _CHECKS[kind] = check


def may_listen(actor: Any, topic: str) -> bool:
    """Say whether the actor may hear a topic; an unknown kind is heard by nobody."""
    kind, _, ident = topic.partition(".")
    check = _CHECKS.get(kind)
    return check is not None and bool(ident) and check(actor, ident)


def list_kinds() -> list[str]:
    """Return the registered kinds; the stranger tests go through them."""
    return sorted(_CHECKS)

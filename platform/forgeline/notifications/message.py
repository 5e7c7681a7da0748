"""The message that an area announces, and how urgent it is. Pure. Not here: who gets it (routing), how it reads
(composing)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

PRIORITIES: Final = ("low", "medium", "high", "critical")
"""From the least to the most urgent."""

MAX_TITLE = 300
MAX_BODY = 4000


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that people should hear of."""

    subject: str
    """``alarm:42``: one thing; later messages with the same subject belong to it."""
    kind: str
    """``alarm.raised``, ``alarm.cleared``, …"""
    priority: str
    """critical | high | medium | low"""
    site_id: int | None
    title: dict[str, str]
    """By language: ``{"en": …, "zh-hans": …}``."""
    body: dict[str, str]
    path: str
    """The page in Forgeline, such as ``/alarms/42/``."""
    happened_at: datetime
    needs_answer: bool
    """Escalate until settled."""


def rank(priority: str) -> int:
    """Return 0 for low … 3 for critical. **Raises** ValueError for a word that is none."""
    return PRIORITIES.index(priority)


def list_faults(message: Message) -> list[str]:
    """Say everything that keeps a message from being announced: faults of the caller, in plain English."""
    faults = []
    if not message.subject or len(message.subject) > 120 or ":" not in message.subject:
        faults.append("subject must be `prefix:id`, at most 120 letters")
    if not message.kind or len(message.kind) > 60:
        faults.append("kind must have 1 to 60 letters")
    if message.priority not in PRIORITIES:
        faults.append(f"priority must be one of {', '.join(PRIORITIES)}")
    if not any(text.strip() for text in message.title.values()):
        faults.append("title needs at least one language")
    if message.path and (not message.path.startswith("/") or message.path.startswith("//")):
        faults.append("path must begin with one /")
    if len(message.path) > 300:
        faults.append("path may have at most 300 letters")
    if message.happened_at.tzinfo is None:
        faults.append("happened_at needs a zone")
    return faults


def text_in(texts: Mapping[str, str], language: str) -> str:
    """Return the text in a language, else in English, else in whatever there is, else ''."""
    for word in (language.lower(), "en"):
        if texts.get(word):
            return texts[word]
    return next((text for text in texts.values() if text), "")


def matches_kind(kind: str, patterns: list[str]) -> bool:
    """Say whether a kind is wanted: ``alarm.raised`` by itself, by ``alarm.*`` or by an empty list."""
    if not patterns:
        return True
    return any(
        kind == pattern or (pattern.endswith(".*") and kind.startswith(pattern[:-1])) for pattern in patterns
    )

"""The letter that goes out: everything a sender needs, nothing of a table. Not here: how it is worded (composing)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Letter:
    """One message in one language, ready for any sender."""

    key: str
    """The same for each try of a delivery: receivers may drop what they have seen."""
    title: str
    lines: Sequence[str]
    """Paragraphs of plain text."""
    links: Sequence[tuple[str, str]]
    """(words, absolute address); the first is the main one."""
    priority: str
    language: str
    thread: str = ""
    """What groups letters of one subject in a mailbox."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What a program reads (the generic webhook)."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a letter goes. ``address`` and ``secret`` are open text and must not be logged."""

    via: str
    address: str = field(repr=False)
    secret: str = field(default="", repr=False)

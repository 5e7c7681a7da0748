"""Notices that other rooms put on every page of a company while something holds there.

Not here: what the operator announces (announcements), what a page says once (Django's messages).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from forgeline.identity.policy import Actor


@dataclass(frozen=True, slots=True)
class PageNotice:
    """A sentence above the content of each page; nobody puts it away."""

    text: str
    tone: str = "warn"
    """warn | bad"""
    path: str = ""
    """Where one does something about it; '' for whoever cannot."""
    button: str = ""


_sources: list[Callable[[Actor], PageNotice | None]] = []


def register_notice(source: Callable[[Actor], PageNotice | None]) -> None:
    """Take a function that says what stands on the pages of an actor; it is asked with each page: be quick."""
    _sources.append(source)


def list_notices(actor: Actor) -> list[PageNotice]:
    """Return what stands on the pages of an actor."""
    return [notice for source in _sources if (notice := source(actor)) is not None]

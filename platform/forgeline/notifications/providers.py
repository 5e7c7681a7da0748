"""What lies above this room and is handed down by conf: answers, the plant's calendar, the plants themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

Answer = Callable[[str, int | None, str], None]
"""``answer(subject, user_id or None, the person's name)``; called in the tenant's scope."""
CalendarProvider = Callable[[int, datetime], tuple[str | None, bool]]
"""``(site_id, at) -> (name of the shift that runs or None, whether the day is a holiday)``"""


@dataclass(frozen=True, slots=True)
class Place:
    """A plant as far as messages need it."""

    name: str
    zone: str
    names: Mapping[str, str] = field(default_factory=dict)
    """By language, where it has others."""

    def title_in(self, language: str) -> str:
        """Return the name in a language, else the plant's own."""
        return self.names.get(language.lower()) or self.name


PlacesProvider = Callable[[], Mapping[int, Place]]
"""Plants of the tenant in scope, by id."""

ShiftsProvider = Callable[[int], Mapping[str, str]]
"""Shifts of a plant: name → what the reader's language calls it."""

_ANSWERS: dict[str, Answer] = {}
_providers: dict[str, Callable] = {}


def register_answer(prefix: str, answer: Answer) -> None:
    """Say what the link in a message does for subjects ``<prefix>:…``. Another one for the same prefix is a fault."""
    if _ANSWERS.get(prefix, answer) is not answer:
        raise ValueError(f"subjects {prefix}: have an answer already")
    _ANSWERS[prefix] = answer


def find_answer(subject: str) -> Answer | None:
    """Return what answers a subject, or None."""
    return _ANSWERS.get(subject.partition(":")[0])


def register_calendar(provider: CalendarProvider) -> None:
    """Hand in the plant's calendar."""
    _providers["calendar"] = provider


def register_places(provider: PlacesProvider) -> None:
    """Hand in the plants."""
    _providers["places"] = provider


def register_shifts(provider: ShiftsProvider) -> None:
    """Hand in the names of a plant's shifts."""
    _providers["shifts"] = provider


def list_shift_names(site_id: int | None) -> Mapping[str, str]:
    """Return the shifts of a plant, name → title; {} where there are none, or no plant."""
    provider = _providers.get("shifts")
    names: Mapping[str, str] = provider(site_id) if provider is not None and site_id is not None else {}
    return names


def read_calendar(site_id: int | None, at: datetime) -> tuple[str | None, bool]:
    """Return the shift that runs at a plant and whether the day is a holiday; (None, False) where nobody knows."""
    provider = _providers.get("calendar")
    if provider is None or site_id is None:
        return None, False
    shift, is_holiday = provider(site_id, at)
    return shift, is_holiday


def list_places() -> Mapping[int, Place]:
    """Return the plants of the tenant in scope, by id."""
    provider = _providers.get("places")
    places: Mapping[int, Place] = provider() if provider is not None else {}
    return places

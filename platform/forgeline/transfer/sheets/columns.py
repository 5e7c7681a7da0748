"""What a table's columns are called, mean and take. Not here: what is done with a row (the kinds)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

Parse = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``parse`` raises ValueError with the sentence for who filled the cell."""

    key: str
    title: Any
    help: Any
    example: Any = ""
    is_needed: bool = False
    parse: Parse = str

    def headings(self) -> set[str]:
        """Return the words by which the column is known: its key, and its title in every language."""
        words = {self.key}
        for language, _name in settings.LANGUAGES:
            with translation.override(language):
                words.add(str(self.title).casefold())
        return words


def number(word: str) -> float:
    """A number, with a point or (where there is no point) one comma for its fraction."""
    try:
        value = float(word.replace(",", ".") if word.count(",") == 1 and "." not in word else word)
    except ValueError:
        raise ValueError(_("Write a number, such as 12.5.")) from None
    if not isfinite(value):
        raise ValueError(_("Write a number, such as 12.5."))
    return value


def whole(low: int, high: int) -> Parse:
    """A whole number within bounds."""

    def parse(word: str) -> int:
        value = number(word)
        if not value.is_integer() or not low <= value <= high:
            raise ValueError(_("Write a whole number from %(low)d to %(high)d.") % {"low": low, "high": high})
        return int(value)

    return parse


def flag(word: str) -> bool:
    """Yes or no, in either language."""
    lowered = word.casefold()
    if lowered in {"yes", "y", "true", "1", "x", "是", "√"}:
        return True
    if lowered in {"no", "n", "false", "0", "否"}:
        return False
    raise ValueError(_("Write yes or no."))


def choice(known: Callable[[], Mapping[str, Any]]) -> Parse:
    """A key of ``known``, or its title in any language."""

    def parse(word: str) -> str:
        choices = known()
        lowered = word.casefold()
        for language, _name in settings.LANGUAGES:
            with translation.override(language):
                for key, title in choices.items():
                    if lowered in {str(key).casefold(), str(title).casefold()}:
                        return str(key)
        listed = ", ".join(_worded(str(key), str(title)) for key, title in list(choices.items())[:30])
        raise ValueError(_("There is no such choice; there are: %(known)s.") % {"known": listed})

    return parse


def _worded(key: str, title: str) -> str:
    """Return a choice as a cell takes it, with what it means."""
    return (
        key if title.casefold() == key.casefold() else _("%(key)s (%(title)s)") % {"key": key, "title": title}
    )


def text(most: int) -> Parse:
    """Words, not too many of them."""

    def parse(word: str) -> str:
        if len(word) > most:
            raise ValueError(
                _("At most %(most)d characters; it has %(has)d.") % {"most": most, "has": len(word)}
            )
        if "\x00" in word:
            raise ValueError(_("This holds a character that cannot be stored."))
        return word

    return parse

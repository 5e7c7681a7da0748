"""The sentences of drivers and processes in the reader's language. Not here: the sentences.

Drivers know no language: their sentences are English, and where numbers or names are filled in, either the pattern
travels along (``data["sentence"]``) or it is recognised here by the catalogue's own message ids.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import get_language, gettext, gettext as _
from django.utils.translation.trans_real import catalog

_PLACEHOLDER = re.compile(r"%\(([A-Za-z_]\w*)\)[sd]")
_SHORTEST = 8
"""A pattern of fewer letters of its own would recognise anything."""


def translate_sentence(text: str, data: Mapping[str, Any] | None = None) -> str:
    """Return a driver's sentence in the active language; as it is where the catalogue doesn't know it."""
    if not text:
        return ""
    pattern = (data or {}).get("sentence")
    if isinstance(pattern, str) and data is not None:
        try:
            return gettext(pattern) % data
        except (KeyError, TypeError, ValueError):
            return text
    translated = gettext(text)
    if translated != text or (get_language() or "en").startswith("en"):
        return translated
    for expression, message in _patterns(get_language() or "en"):
        found = expression.fullmatch(text)
        if found:
            values = found.groupdict()
            return _PLACEHOLDER.sub(lambda hole: values.get(hole[1], ""), gettext(message))  # noqa: B023
    return text


def step_name(name: str) -> str:
    """Return the word for a step of a test; a driver may also name it by a marked sentence."""
    words = {
        "reach": _("Reach the server"),
        "security": _("Security policy"),
        "own_certificate": _("Our certificate"),
        "own_certificate_accepted": _("Our certificate at the server"),
        "certificate": _("The server's certificate"),
        "sign_in": _("Sign in"),
        "session": _("Open a session"),
        "read": _("Read"),
    }
    return words.get(name) or translate_sentence(name)


@functools.lru_cache(maxsize=4)
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Return an expression for every message id of the active catalogue that has named placeholders."""
    patterns = []
    for message in catalog()._catalog.keys():  # type: ignore[attr-defined]  # noqa: SIM118 - it has keys, and isn't iterable
        if not isinstance(message, str) or not _PLACEHOLDER.search(message):
            continue
        expression, literal, at = "", "", 0
        names: set[str] = set()
        for hole in _PLACEHOLDER.finditer(message):
            name = hole[1]
            text = message[at : hole.start()].replace("%%", "%")
            literal += text
            expression += re.escape(text) + (f"(?P={name})" if name in names else f"(?P<{name}>.*?)")
            names.add(name)
            at = hole.end()
        tail = message[at:].replace("%%", "%")
        if len((literal + tail).strip()) >= _SHORTEST:
            patterns.append((re.compile(expression + re.escape(tail), re.DOTALL), message))
    return patterns

"""The sentences of drivers and processes in the reader's language. Not here: the sentences.

Drivers know no language: their sentences are English, and where numbers or names are filled in, either the pattern
travels along (``data["sentence"]``) or it is recognised here by the catalogue's own message ids.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import get_language, gettext
from django.utils.translation.trans_real import catalog

_PLACEHOLDER = re.compile(r"%\((\w+)\)([sd])")


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
            return _PLACEHOLDER.sub(lambda match, found=found: found[match[1]], gettext(message))
    return text


@functools.lru_cache(maxsize=4)
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Return an expression for every message id of the active catalogue that has named placeholders."""
    patterns = []
    for message in catalog():
        if not isinstance(message, str) or not _PLACEHOLDER.search(message):
            continue
        parts = _PLACEHOLDER.split(message)
        # split yields text, name, conversion, text, name, conversion, …
        names: set[str] = set()
        expression = ""
        for number, part in enumerate(parts):
            if number % 3 == 0:
                expression += re.escape(part)
            elif number % 3 == 1:
                expression += f"(?P={part})" if part in names else f"(?P<{part}>.*?)"
                names.add(part)
        literal = "".join(parts[::3])
        if len(literal.strip()) >= 12:
            patterns.append((re.compile(expression, re.DOTALL), message))
    return patterns

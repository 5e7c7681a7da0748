"""What a decoded value becomes for a kind of point: a number, a text, or a reason why neither. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from forgeline.telemetry.sample import PointKind, Quality

MAX_TEXT = 4_000
"""As long as the store takes; a longer one is refused before it takes room in the pipeline."""

NO_VALUE = "connectors.no_value"
WRONG_TYPE = "connectors.wrong_type"
TOO_LARGE = "connectors.number_too_large"
TEXT_TOO_LONG = "connectors.text_too_long"

_WORDS = {"on": 1.0, "off": 0.0, "true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "open": 1.0, "closed": 0.0}
_DISCRETE = (PointKind.STATE, PointKind.BOOLEAN)


class ValueRefusedError(ValueError):
    """The value fits the point in no way; the argument is the dotted reason."""


def convert(
    value: Any, kind: int, quality: int, codes: Mapping[str, float] | None = None
) -> tuple[float, str | None]:
    """Return (number, text): NaN and the text for a text point, the number and None for any other.

    Meters send numbers as text, and switches send ON and OFF: both are read where the point's kind says what is meant.
    ``codes`` maps the words of a state point to its codes. **Raises** ValueRefusedError.
    """
    if value is None:
        if quality == Quality.BAD:
            return math.nan, None
        raise ValueRefusedError(NO_VALUE)
    if kind == PointKind.TEXT:
        return math.nan, _text(value)
    if isinstance(value, bool | int | float):
        try:
            return float(value), None
        except OverflowError:
            raise ValueRefusedError(TOO_LARGE) from None
    if isinstance(value, str):
        return _number(value.strip(), kind, codes), None
    raise ValueRefusedError(WRONG_TYPE)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        value = repr(value)
    if not isinstance(value, str):
        raise ValueRefusedError(WRONG_TYPE)
    if len(value) > MAX_TEXT:
        raise ValueRefusedError(TEXT_TOO_LONG)
    return value


def _number(word: str, kind: int, codes: Mapping[str, float] | None) -> float:
    folded = word.casefold()
    if codes and folded in codes:
        return codes[folded]
    if kind in _DISCRETE and folded in _WORDS:
        return _WORDS[folded]
    # float() also reads "nan", "infinity" and "1_000", none of which a meter means.
    if not word or len(word) > 40 or not (word[0] in "+-." or word[0].isdigit()) or "_" in word:
        raise ValueRefusedError(WRONG_TYPE)
    try:
        number = float(word)
    except ValueError:
        raise ValueRefusedError(WRONG_TYPE) from None
    if not math.isfinite(number):
        raise ValueRefusedError(TOO_LARGE if word[-1].isdigit() else WRONG_TYPE)
    return number

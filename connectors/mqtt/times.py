"""Times as meters write them → microseconds since the epoch, UTC. Pure.

**Time** a number is seconds, milliseconds, microseconds or nanoseconds by its size (1e11 seconds are the year 5138,
1e11 milliseconds were 1973); text is ISO 8601, ``2024-05-06 12:00:00`` or ``20240506120000``. A text without a zone is
read in the zone that the mapping names, and refused without one: a guess would be hours off.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from connectors.contract import mark
from forgeline.telemetry.sample import MAX_EXACT_INTEGER

_FACTORS = {"s": 1_000_000.0, "ms": 1_000.0, "us": 1.0, "ns": 0.001}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TimeFormatError(ValueError):
    """This cannot be read as a time; the argument says why."""


def read_time(value: Any, *, unit: str = "auto", zone: str = "") -> int:
    """Return microseconds since the Unix epoch. **Raises** TimeFormatError."""
    if type(value) is int and unit == "ms":
        us = value * 1000
    elif isinstance(value, bool):
        raise TimeFormatError(mark("true and false are no times"))
    elif isinstance(value, int | float):
        us = _from_number(
            float(value) if not isinstance(value, int) or abs(value) < 2**70 else math.inf, unit
        )
    elif isinstance(value, str):
        us = _from_text(value.strip(), unit, zone)
    else:
        raise TimeFormatError(mark("the time is neither a number nor a text"))
    if not -MAX_EXACT_INTEGER < us < MAX_EXACT_INTEGER:
        raise TimeFormatError(mark("this time is beyond any calendar"))
    return us


def _from_number(number: float, unit: str) -> int:
    if not math.isfinite(number):
        raise TimeFormatError(mark("this time is not finite"))
    if unit in _FACTORS:
        return round(number * _FACTORS[unit])
    size = abs(number)
    for limit, name in ((1e11, "s"), (1e14, "ms"), (1e17, "us")):
        if size < limit:
            return round(number * _FACTORS[name])
    return round(number * _FACTORS["ns"])


def _from_text(text: str, unit: str, zone: str) -> int:
    # isdigit alone also takes ² and ٣, which float() does not all take.
    if text.isascii() and text.isdigit() and len(text) == 14:
        text = f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}:{text[10:12]}:{text[12:]}"
    elif text.isascii() and text.replace(".", "", 1).isdigit():
        return _from_number(float(text), unit)
    try:
        at = datetime.fromisoformat(text.replace("/", "-"))
    except ValueError:
        raise TimeFormatError(
            mark("%(text)s is no time that is known here") % {"text": repr(text[:40])}
        ) from None
    if at.tzinfo is None:
        if not zone:
            raise TimeFormatError(
                mark("%(text)s has no time zone; name one in the mapping") % {"text": repr(text[:40])}
            )
        at = at.replace(tzinfo=_zone(zone))
    try:
        delta = at.astimezone(UTC) - _EPOCH
    except OverflowError:
        raise TimeFormatError(mark("this time is beyond any calendar")) from None
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    return ZoneInfo(name)

"""Columns of words become columns of numbers: times, values, qualities. Whole columns at once; no Django, no clock.

Not here: which point a word means (points), how a file is cut (blocks).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

NO_TIME = np.iinfo(np.int64).min
_WHOLE = r"^-?\d{1,18}$"
_NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?$"
_ISO = r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?$"
_ZONED = r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$"
_LOOSE = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[ T]+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,9}))?)?)?\s*"
    r"(Z|[+-]\d{2}:?\d{2})?"
)
_QUALITIES = {"": 0, "good": 0, "uncertain": 1, "bad": 2, "0": 0, "1": 1, "2": 2, "好": 0, "存疑": 1, "坏": 2}
_TRUTHS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "是": 1.0, "否": 0.0}


def parse_times(column: Any, zone: str) -> tuple[NDArray[np.int64], bool]:
    """Return microseconds since 1970 (NO_TIME for what is no time), and whether a time without a zone was among them.

    ``column`` is an Arrow array of timestamps, numbers (seconds, milliseconds or microseconds since 1970, by their
    size) or words. ``zone`` is that of times without one ('' reads them as UTC).
    """
    kind = column.type
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us", tz=kind.tz), safe=False)
        if kind.tz is None and zone:
            column = _localize(column, zone)
        return _integers(column), kind.tz is None
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _scaled(column), False
    words = pc.utf8_trim_whitespace(column.cast(pa.string()))
    out = np.full(len(words), NO_TIME, np.int64)
    left = np.ones(len(words), np.bool_)
    is_naive = False
    for pattern in (_WHOLE, _NUMBER, _ZONED, _ISO):
        mask = _matches(words, pattern) & left
        if not mask.any():
            continue
        chosen = words.filter(pa.array(mask))
        try:
            if pattern is _WHOLE or pattern is _NUMBER:
                found = _scaled(chosen.cast(pa.int64() if pattern is _WHOLE else pa.float64()))
            elif pattern is _ZONED:
                found = _integers(chosen.cast(pa.timestamp("us", tz="UTC")))
            else:
                naive = chosen.cast(pa.timestamp("us"))
                found = _integers(_localize(naive, zone) if zone else naive)
                is_naive = True
        except pa.ArrowInvalid:
            continue  # one of them is no date, such as 30 February: each by itself
        out[mask] = found
        left &= ~mask
    for row in np.flatnonzero(left).tolist():
        out[row], naive_row = _parse_loose(words[row].as_py() or "", zone)
        is_naive |= naive_row
    return out, is_naive


def _localize(column: Any, zone: str) -> Any:
    return pc.assume_timezone(column, zone, ambiguous="earliest", nonexistent="latest")


def _parse_loose(word: str, zone: str) -> tuple[int, bool]:
    found = _LOOSE.fullmatch(word)
    if found is None:
        return NO_TIME, False
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    try:
        at = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))  # noqa: DTZ001  # zone follows
        if offset is None:
            at = at.replace(tzinfo=ZoneInfo(zone) if zone else UTC)
        elif offset == "Z":
            at = at.replace(tzinfo=UTC)
        else:
            sign = -1 if offset[0] == "-" else 1
            delta = timedelta(hours=int(offset[1:3]), minutes=int(offset[-2:]))
            at = at.replace(tzinfo=timezone(sign * delta))
        micro = int((fraction or "0").ljust(6, "0")[:6])
        return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) + micro, offset is None
    except (ValueError, OverflowError):
        return NO_TIME, False


def _integers(column: Any) -> NDArray[np.int64]:
    numbers = column.cast(pa.int64())
    return np.asarray(pc.fill_null(numbers, int(NO_TIME)).to_numpy(zero_copy_only=False), np.int64)


def _scaled(column: Any) -> NDArray[np.int64]:
    """Seconds, milliseconds or microseconds since 1970: each holds the dates that plants have records of."""
    numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    out = np.full(len(numbers), NO_TIME, np.int64)
    size = np.abs(numbers)
    for least, most, factor in ((0, 1e11, 1e6), (1e11, 1e14, 1e3), (1e14, 1e17, 1.0)):
        mask = (size >= least) & (size < most)
        out[mask] = np.rint(numbers[mask] * factor).astype(np.int64)
    if pa.types.is_integer(column.type):
        # Microseconds of today are beyond what a double holds with each of its last digits.
        exact = pc.fill_null(column.cast(pa.int64(), safe=False), 0).to_numpy(zero_copy_only=False)
        mask = (size >= 1e14) & (size < 1e17)
        out[mask] = exact[mask]
    return out


def parse_values(column: Any) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return numbers (NaN for none), which cells are empty, and which hold words that are no number."""
    kind = column.type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
        kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        numbers = np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)
        empty = np.asarray(column.is_null(nan_is_null=True).to_numpy(zero_copy_only=False), np.bool_)
        return numbers, empty, np.zeros(len(numbers), np.bool_)
    words = pc.fill_null(pc.utf8_trim_whitespace(column.cast(pa.string())), "")
    numeric = _matches(words, _NUMBER)
    out = np.full(len(words), np.nan)
    if numeric.any():
        out[numeric] = words.filter(pa.array(numeric)).cast(pa.float64()).to_numpy(zero_copy_only=False)
    empty = np.asarray(pc.equal(words, "").to_numpy(zero_copy_only=False), np.bool_)
    left = ~numeric & ~empty
    for row in np.flatnonzero(left).tolist():
        truth = _TRUTHS.get(words[row].as_py().lower())
        if truth is not None:
            out[row], left[row] = truth, False
    return out, empty, left


def parse_qualities(column: Any) -> NDArray[np.int16]:
    """Return 0 good, 1 uncertain, 2 bad; -1 for what is none of them."""
    words = pc.fill_null(column.cast(pa.string()), "").dictionary_encode()
    known = [_QUALITIES.get(word.strip().lower(), -1) for word in words.dictionary.to_pylist()]
    table = np.array(known or [0], np.int16)
    return (
        table[np.asarray(words.indices.to_numpy(zero_copy_only=False))]
        if len(words)
        else np.zeros(0, np.int16)
    )


def _matches(words: Any, pattern: str) -> NDArray[np.bool_]:
    found = pc.fill_null(pc.match_substring_regex(words, pattern), False)
    return np.asarray(found.to_numpy(zero_copy_only=False), np.bool_)

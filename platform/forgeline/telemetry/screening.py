"""What may enter the store: each row of a batch gets a reason to refuse it, or none. Pure: no table, no clock.

A value outside its point's valid range, or of no measurement at all, is **kept** with quality UNCERTAIN (a GOOD one,
that is): a sensor that runs off its scale is a fact that someone will look for, and an uncertain value enters no
roll-up and no rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from forgeline.telemetry.sample import MAX_EXACT_INTEGER, PointKind, Quality, SampleBatch

MAX_TEXT_LENGTH = 4_000
MAX_SIZE, MIN_SIZE = 1e100, 1e-100
"""No measurement is larger, or nearer to 0: kept as uncertain, since no number holds the sums of an hour of them."""


class Reason(IntEnum):
    """Why a row was refused; ``key`` is what people and programs see."""

    NONE = 0
    UNKNOWN_POINT = 1
    POINT_RETIRED = 2
    CLOCK_SKEW = 3
    TOO_OLD = 4
    NOT_A_NUMBER = 5
    INFINITE = 6
    INTEGER_TOO_LARGE = 7
    INVALID_QUALITY = 8
    NOT_A_STATE = 9
    NOT_A_BOOLEAN = 10
    NO_TEXT = 11
    TEXT_TOO_LONG = 12
    TEXT_NOT_STORABLE = 13
    STATUS_OUT_OF_RANGE = 14

    @property
    def key(self) -> str:
        return f"telemetry.{self.name.lower()}"


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of time: ``oldest_us <= ts <= newest_us``; the older one may differ from row to row."""

    oldest_us: int | NDArray[np.int64]
    newest_us: int


@dataclass(frozen=True, slots=True, eq=False)
class PointFacts:
    """What screening must know of the point of each row. Bounds without a limit are infinite."""

    known: NDArray[np.bool_]
    active: NDArray[np.bool_]
    kind: NDArray[np.int8]
    valid_min: NDArray[np.float64]
    valid_max: NDArray[np.float64]


def screen(
    batch: SampleBatch, facts: PointFacts, limits: Limits
) -> tuple[NDArray[np.int8], NDArray[np.int16]]:
    """Return the reason of each row (0: accepted) and its quality as it is to be stored.

    **Gaps** NaN is null: allowed with quality BAD, and for text points, else refused.
    """
    reasons = np.zeros(len(batch), np.int8)
    value, quality = batch.value, batch.quality
    null = np.isnan(value)
    is_text = facts.kind == PointKind.TEXT
    # The cheapest look first: a batch without fault costs a handful of passes.
    size = np.abs(value)
    _refuse(reasons, np.isinf(value), Reason.INFINITE)
    _refuse(reasons, null & (quality != Quality.BAD) & ~is_text, Reason.NOT_A_NUMBER)
    discrete = facts.kind != PointKind.GAUGE
    if discrete.any():
        # Beyond 2^53 a gauge is just a large number; a count or a code would be another one.
        _refuse(reasons, discrete & (size > MAX_EXACT_INTEGER), Reason.INTEGER_TOO_LARGE)
        _refuse(
            reasons, (facts.kind == PointKind.STATE) & ~null & (value != np.floor(value)), Reason.NOT_A_STATE
        )
        _refuse(
            reasons,
            (facts.kind == PointKind.BOOLEAN) & ~null & (value != 0) & (value != 1),
            Reason.NOT_A_BOOLEAN,
        )
    _refuse(reasons, (quality < Quality.GOOD) | (quality > Quality.BAD), Reason.INVALID_QUALITY)
    _refuse(reasons, (batch.status < 0) | (batch.status > 0xFFFF_FFFF), Reason.STATUS_OUT_OF_RANGE)
    if is_text.any():
        _screen_texts(batch, is_text, reasons)
    _refuse(reasons, batch.ts_us < limits.oldest_us, Reason.TOO_OLD)
    _refuse(reasons, batch.ts_us > limits.newest_us, Reason.CLOCK_SKEW)
    _refuse(reasons, ~facts.active, Reason.POINT_RETIRED)
    _refuse(reasons, ~facts.known, Reason.UNKNOWN_POINT)
    outside = (value < facts.valid_min) | (value > facts.valid_max)
    outside |= (size > MAX_SIZE) | ((size < MIN_SIZE) & (size > 0))
    outside &= (quality == Quality.GOOD) & ~is_text
    if outside.any():
        quality = np.where(outside, np.int16(Quality.UNCERTAIN), quality)
    return reasons, quality


def _refuse(reasons: NDArray[np.int8], rows: NDArray[np.bool_], reason: Reason) -> None:
    """A later reason takes the place of an earlier one, so the most telling is asked last."""
    if rows.any():
        reasons[rows] = reason


def _screen_texts(batch: SampleBatch, is_text: NDArray[np.bool_], reasons: NDArray[np.int8]) -> None:
    for row in np.flatnonzero(is_text).tolist():
        text = None if batch.text is None else batch.text[row]
        if text is None:
            if batch.quality[row] != Quality.BAD:
                reasons[row] = Reason.NO_TEXT
        elif not isinstance(text, str) or "\x00" in text or not _is_encodable(text):
            reasons[row] = Reason.TEXT_NOT_STORABLE
        elif len(text) > MAX_TEXT_LENGTH:
            reasons[row] = Reason.TEXT_TOO_LONG


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        # A lone surrogate from a broken JSON escape.
        return False
    return True


def count_reasons(reasons: NDArray[np.int8]) -> dict[str, int]:
    """Return how many rows were refused for which reason, by key."""
    counts = np.bincount(reasons, minlength=len(Reason))
    return {Reason(code).key: int(n) for code, n in enumerate(counts) if n and code != Reason.NONE}

"""The one clock of the product, in aware UTC and in microseconds. Pure code takes time as an argument instead."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def now() -> datetime:
    """Return the current time as an aware UTC datetime."""
    return datetime.now(UTC)


def now_us() -> int:
    """Return the current time in whole microseconds since the Unix epoch."""
    return time.time_ns() // 1_000


def to_us(at: datetime) -> int:
    """Convert an aware datetime to microseconds since the Unix epoch, exactly.

    **Raises** ValueError for a naive datetime: a time without a zone is a guess.
    """
    if at.tzinfo is None:
        raise ValueError("a naive datetime has no place on the time axis; give it a zone")
    return (at - EPOCH) // _MICROSECOND


def from_us(us: int) -> datetime:
    """Convert microseconds since the Unix epoch to an aware UTC datetime, exactly."""
    return EPOCH + timedelta(microseconds=us)


def in_zone(us: int, zone: str) -> datetime:
    """Return an instant by the wall clock of a zone."""
    return from_us(us).astimezone(ZoneInfo(zone))

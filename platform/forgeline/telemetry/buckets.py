"""Where buckets begin and end: minutes of UTC, full hours and days of the plant's clock. Pure: zones, no tables."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from forgeline.base.clock import from_us, to_us

MINUTE_US = 60_000_000
HOUR_US = 3_600_000_000


@lru_cache(maxsize=100_000)
def day_start_us(on: date, zone: str) -> int:
    """Return the first instant of a date in a zone.

    **Time** where the clock skips midnight (Beirut, Havana) it is the instant of the change.
    """
    # fold=0 reads a skipped midnight by the offset before the change, and takes the earlier of two midnights.
    return to_us(datetime.combine(on, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC))


def day_of(us: int, zone: str) -> date:
    """Return the local date of an instant."""
    return from_us(us).astimezone(ZoneInfo(zone)).date()


def day_borders_us(from_us_: int, to_us_: int, zone: str) -> NDArray[np.int64]:
    """Return the starts of the local days that meet ``[from, to)``, and the end of the last one.

    **Shape** n + 1 borders for n days, ascending; lengths of 23 and 25 hours at a change to and from summer time.
    """
    on = day_of(from_us_, zone)
    borders = [day_start_us(on, zone)]
    while borders[-1] < to_us_ or len(borders) < 2:
        on += timedelta(days=1)
        borders.append(day_start_us(on, zone))
    return np.array(borders, np.int64)


def floor_us(
    us: NDArray[np.int64], width_us: NDArray[np.int64] | int, offset_us: NDArray[np.int64] | int
) -> NDArray[np.int64]:
    """Return the start of the bucket of each instant; ``offset_us`` shifts hours to those of the plant's clock."""
    return (us + offset_us) // width_us * width_us - offset_us

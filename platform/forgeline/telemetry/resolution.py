"""How finely a range is answered. Pure."""

from __future__ import annotations

from forgeline.telemetry.engines.base import FAST_INTERVAL_S, Resolution

MAX_RAW_SAMPLES = 200_000
"""Up to this many expected samples a range is read from raw (and thinned to pairs); a day of 1 Hz is 86,400."""

MAX_BUCKETS = 10_000
"""Up to this many buckets are returned as they are; a year of hours is 8,760."""

WIDTH_S = {Resolution.MINUTE: 60.0, Resolution.HOUR: 3600.0, Resolution.DAY: 86_400.0}


def choose_resolution(
    range_s: float, *, expected_interval_s: float, raw_age_s: float, raw_kept_s: float
) -> Resolution:
    """Return the finest resolution that answers a range without drowning its reader.

    ``raw_age_s`` is how far back the range begins; beyond ``raw_kept_s`` the samples are gone and roll-ups answer.
    """
    is_fast = expected_interval_s <= FAST_INTERVAL_S
    if raw_age_s <= raw_kept_s and range_s / expected_interval_s <= MAX_RAW_SAMPLES:
        return Resolution.RAW
    if is_fast and range_s / WIDTH_S[Resolution.MINUTE] <= MAX_BUCKETS:
        return Resolution.MINUTE
    if range_s / WIDTH_S[Resolution.HOUR] <= MAX_BUCKETS:
        return Resolution.HOUR
    return Resolution.DAY

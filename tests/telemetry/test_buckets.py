"""Where days begin: summer time, skipped midnights, half-hour zones; and how finely a range is answered."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from forgeline.base.clock import to_us
from forgeline.telemetry.buckets import day_borders_us, day_start_us
from forgeline.telemetry.engines.base import Resolution
from forgeline.telemetry.resolution import choose_resolution

HOUR_US = 3_600_000_000
DAY_S = 86_400.0


@pytest.mark.parametrize(
    ("zone", "on", "hours"),
    [
        ("Europe/Berlin", date(2026, 6, 1), 24),
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Asia/Shanghai", date(2026, 3, 29), 24),
        ("America/Havana", date(2026, 3, 8), 23),
        ("Asia/Kolkata", date(2026, 5, 5), 24),
    ],
)
def test_a_day_has_its_hours(zone: str, on: date, hours: int) -> None:
    start = day_start_us(on, zone)
    borders = day_borders_us(start, start + 1, zone)
    assert (np.diff(borders) / HOUR_US).tolist() == [hours]
    assert borders[0] == start


def test_a_skipped_midnight_begins_at_the_change() -> None:
    assert day_start_us(date(2026, 3, 8), "America/Havana") == to_us(datetime(2026, 3, 8, 5, tzinfo=UTC))


@pytest.mark.parametrize(
    ("days", "interval_s", "age_days", "expected"),
    [
        (1, 1.0, 1, Resolution.RAW),
        (3, 1.0, 3, Resolution.MINUTE),
        (30, 1.0, 30, Resolution.HOUR),
        (30, 60.0, 30, Resolution.RAW),
        (365, 60.0, 365, Resolution.HOUR),
        (365, 1.0, 365, Resolution.HOUR),
        (1_000, 1.0, 1_000, Resolution.DAY),
        (1, 1.0, 60, Resolution.MINUTE),
        (1, 60.0, 60, Resolution.HOUR),
    ],
)
def test_a_range_is_answered_as_finely_as_it_can_be_read(
    days: float, interval_s: float, age_days: float, expected: Resolution
) -> None:
    chosen = choose_resolution(
        days * DAY_S, expected_interval_s=interval_s, raw_age_s=age_days * DAY_S, raw_kept_s=30 * DAY_S
    )
    assert chosen is expected

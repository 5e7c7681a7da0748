"""Instants in whole microseconds, exact both ways, and never without a zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies as st

from forgeline.base import clock

_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999


@given(st.integers(_FIRST, _LAST))
def test_microseconds_survive_the_way_there_and_back(us: int) -> None:
    at = clock.from_us(us)
    assert at.tzinfo is UTC
    assert clock.to_us(at) == us


@given(
    st.datetimes(min_value=datetime(1902, 1, 1), max_value=datetime(2200, 1, 1)),  # noqa: DTZ001  # a zone comes below
    st.integers(-14 * 60, 14 * 60),
)
def test_instant_does_not_depend_on_the_zone_it_is_told_in(at: datetime, minutes: int) -> None:
    local = at.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert clock.to_us(local) == clock.to_us(local.astimezone(UTC))


def test_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        clock.to_us(datetime(2026, 1, 31))  # noqa: DTZ001  # the point of the test


def test_wall_clock_knows_summer_time() -> None:
    before, after = (clock.to_us(datetime(2026, 3, 29, hour, 30, tzinfo=UTC)) for hour in (0, 1))
    assert clock.in_zone(before, "Europe/Berlin").hour == 1
    assert clock.in_zone(after, "Europe/Berlin").hour == 3
    assert clock.in_zone(after, "Asia/Shanghai").hour == 9


def test_now_is_aware_and_both_clocks_agree() -> None:
    assert clock.now().tzinfo is UTC
    assert abs(clock.to_us(clock.now()) - clock.now_us()) < 60_000_000

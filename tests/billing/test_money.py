"""Amounts: shares of days add up, tax is of the sum, periods end where the month does."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, strategies as st

from forgeline.billing.money import add_period, share, tax_of, words


@given(price=st.integers(0, 10**9), of_days=st.integers(1, 366), data=st.data())
def test_what_is_used_and_what_is_left_are_the_price(price: int, of_days: int, data: st.DataObject) -> None:
    days = data.draw(st.integers(0, of_days))
    assert abs(share(price, days, of_days) + share(price, of_days - days, of_days) - price) <= 1
    assert share(price, of_days, of_days) == price
    assert share(price, 0, of_days) == 0


def test_days_beyond_the_period_are_refused() -> None:
    for days, of_days in ((31, 30), (-1, 30), (0, 0)):
        with pytest.raises(ValueError, match="days"):
            share(100, days, of_days)


def test_tax_is_of_the_sum_at_each_rate() -> None:
    # Three lines of 0.05 at 19 %: 0.0285 → 0.03, not three times 0.01.
    assert tax_of([(5, 1900)] * 3) == 3
    assert tax_of([(99_900, 600), (-49_950, 600)]) == 2_997
    assert tax_of([(1_000, 600), (1_000, 1900)]) == 60 + 190
    assert tax_of([(-50, 1000)]) == -5
    assert tax_of([]) == 0


@given(first=st.dates(date(2024, 1, 1), date(2030, 12, 31)), anchor=st.integers(1, 31))
def test_a_month_is_as_long_as_a_month(first: date, anchor: int) -> None:
    following = add_period(first, "month", anchor)
    assert following.day == anchor or (following + timedelta(days=1)).day == 1
    assert (following.year * 12 + following.month) - (first.year * 12 + first.month) == 1
    assert add_period(first, "year", anchor).year == first.year + 1


def test_the_anchor_comes_back_after_a_short_month() -> None:
    assert add_period(date(2027, 1, 31), "month", 31) == date(2027, 2, 28)
    assert add_period(date(2027, 2, 28), "month", 31) == date(2027, 3, 31)
    assert add_period(date(2024, 2, 29), "year", 29) == date(2025, 2, 28)


def test_amounts_read_the_same_everywhere() -> None:
    assert words(123_456, "CNY") == "CNY 1,234.56"
    assert words(-5, "EUR") == "EUR -0.05"

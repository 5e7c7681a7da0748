"""Amounts in whole cents: shares of a price by days, and tax. Pure; no float ever holds money."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal


def share(price: int, days: int, of_days: int) -> int:
    """Return ``price`` × days / of_days in cents, halves away from zero. **Raises** ValueError without days."""
    if of_days <= 0 or not 0 <= days <= of_days:
        raise ValueError(f"{days} of {of_days} days")
    return int((Decimal(price) * days / of_days).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def tax_of(lines: Iterable[tuple[int, int]]) -> int:
    """Return the tax on (net, hundredths of a per cent): of the sum at each rate, not of each line."""
    sums: dict[int, int] = {}
    for net, rate in lines:
        sums[rate] = sums.get(rate, 0) + net
    exact = (Decimal(net) * rate / 10_000 for rate, net in sums.items())
    return sum(int(tax.quantize(Decimal(1), rounding=ROUND_HALF_UP)) for tax in exact)


def words(cents: int, currency: str) -> str:
    """``123456, "CNY"`` → ``CNY 1,234.56``: the same in every language, so that it can be searched for."""
    sign = "-" if cents < 0 else ""
    return f"{currency} {sign}{abs(cents) // 100:,}.{abs(cents) % 100:02d}"


def percent(bp: int) -> str:
    """``600`` hundredths of a per cent → ``6 %``."""
    return f"{bp / 100:g} %"


def add_period(first: date, period: str, anchor_day: int) -> date:
    """Return the day on which the next period begins: the anchor's day, or the month's last where it has none."""
    months = 12 if period == "year" else 1
    index = first.year * 12 + first.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(anchor_day, _length(year, month + 1)))


def _length(year: int, month: int) -> int:
    following = date(year + month // 12, month % 12 + 1, 1)
    return (following - date(year, month, 1)).days

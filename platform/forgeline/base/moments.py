"""Times and days that people and programs give: such as every zone can show, and every sum of them can reach.

Not here: the clock (clock).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from django.core.exceptions import ValidationError as FormError
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from rest_framework import serializers

EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""Near its ends the calendar of Python has instants that are none in another zone."""


def _sentence() -> str:
    return _("A time lies between the years 1900 and 9000.")


class MomentField(serializers.DateTimeField):
    """An instant within the calendar, told in UTC. **Raises** ValidationError outside of it."""

    timezone = UTC
    """DRF asks for the zone in force at each value, which is always this one where programs ask."""

    def to_internal_value(self, value: Any) -> datetime:
        try:
            # Whose clock it was is not to be guessed: in Shanghai it would be eight hours off.
            if isinstance(value, str) and (read := parse_datetime(value)) is not None and read.tzinfo is None:
                raise serializers.ValidationError(
                    _("Write the time with its zone, such as 2026-01-31T08:00:00+08:00.")
                )
            at: datetime = super().to_internal_value(value)
        except OverflowError:
            raise serializers.ValidationError(_sentence()) from None
        if not EARLIEST <= at < LATEST:
            raise serializers.ValidationError(_sentence())
        return at


class DayField(serializers.DateField):
    """A day within the calendar. **Raises** ValidationError outside of it."""

    def to_internal_value(self, value: Any) -> date:
        day: date = super().to_internal_value(value)
        if not EARLIEST.date() <= day < LATEST.date():
            raise serializers.ValidationError(_sentence())
        return day


def check_moment(at: datetime | date) -> None:
    """Validate what a form was given."""
    if not EARLIEST.year <= at.year < LATEST.year:
        raise FormError(_sentence())

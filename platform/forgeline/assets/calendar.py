"""When a plant works: shifts by its own clock, days that differ, the production day. Pure: no table, no clock.

Not here: how shifts are kept and changed (services/calendar), public holidays (services/holidays).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from forgeline.base.clock import from_us, to_us

WEEK_MINUTES = 7 * 24 * 60
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ShiftRule:
    """A shift by local wall-clock time; one that ends at or before its start runs into the next day."""

    name: str
    starts_at: time
    ends_at: time
    weekdays: frozenset[int]
    """ISO numbers, 1 = Monday; of the day on which it starts."""
    valid_from: date | None = None
    valid_until: date | None = None
    """The last day on which it starts."""

    @property
    def is_overnight(self) -> bool:
        return self.ends_at <= self.starts_at

    def is_valid_on(self, on: date) -> bool:
        return (self.valid_from is None or self.valid_from <= on) and (
            self.valid_until is None or on <= self.valid_until
        )


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A day that does not follow its weekday: a holiday, or a working day that makes up for one."""

    is_working: bool
    name: str = ""


@dataclass(frozen=True, slots=True)
class ShiftSpan:
    """One shift of one day: ``[from_us, to_us)``, and the production day that it counts for."""

    name: str
    from_us: int
    to_us: int
    on: date


@dataclass(frozen=True, slots=True, eq=False)
class PlantCalendar:
    """A plant's zone, the local time at which its production day begins, its shifts and its special days."""

    zone: str
    day_starts_at: time = time(0)
    shifts: Sequence[ShiftRule] = ()
    days: Mapping[date, SpecialDay] = field(default_factory=dict)

    def production_days(self, ts_us: NDArray[np.int64]) -> NDArray[np.datetime64]:
        """Return the production day of each instant.

        **Shape** a datetime64[D] for each of ``ts_us``. **Time** a production day begins at ``day_starts_at`` by the
        plant's clock and bears that date; it has 23 or 25 hours when the clock changes.
        **Source** ISA-95 (IEC 62264-2) leaves the border to the plant; a night shift belongs to the day it began on.
        """
        if not len(ts_us):
            return np.zeros(0, "datetime64[D]")
        first = from_us(int(ts_us.min())).astimezone(ZoneInfo(self.zone)).date() - _DAY
        last = from_us(int(ts_us.max())).astimezone(ZoneInfo(self.zone)).date() + _DAY
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        borders = np.array([self._instant_us(on, self.day_starts_at) for on in days], np.int64)
        at = np.searchsorted(borders, ts_us, side="right") - 1
        return np.array(days, "datetime64[D]")[at]

    def production_day_of(self, at_us: int) -> date:
        """Return the production day of one instant."""
        day: date = self.production_days(np.array([at_us], np.int64))[0].astype(object)
        return day

    def production_day_span(self, on: date) -> tuple[int, int]:
        """Return ``[from_us, to_us)`` of a production day."""
        return self._instant_us(on, self.day_starts_at), self._instant_us(on + _DAY, self.day_starts_at)

    def is_working_day(self, on: date) -> bool:
        """Say whether any shift begins on this date."""
        return any(True for _ in self._rules_of(on))

    def list_shifts(self, from_us_: int, to_us_: int) -> list[ShiftSpan]:
        """Return the shifts that meet ``[from, to)``, by their start; the first and last may reach beyond it."""
        if to_us_ <= from_us_:
            return []
        zone = ZoneInfo(self.zone)
        on = from_us(from_us_).astimezone(zone).date() - _DAY
        last = from_us(to_us_).astimezone(zone).date()
        found: list[ShiftSpan] = []
        while on <= last:
            found += [span for span in self._spans_of(on) if span.from_us < to_us_ and span.to_us > from_us_]
            on += _DAY
        return sorted(found, key=lambda span: span.from_us)

    def find_shift(self, at_us: int) -> ShiftSpan | None:
        """Return the shift that runs at an instant, or None between shifts."""
        return next(iter(self.list_shifts(at_us, at_us + 1)), None)

    def find_last_shift(self, before_us: int, *, within_days: int = 15) -> ShiftSpan | None:
        """Return the shift that ended last at or before an instant, or None within ``within_days``."""
        spans = self.list_shifts(before_us - within_days * 86_400_000_000, before_us)
        return next((span for span in reversed(spans) if span.to_us <= before_us), None)

    def planned_us(self, from_us_: int, to_us_: int) -> int:
        """Return how much of ``[from, to)`` lies in shifts, in microseconds.

        **Source** planned busy time of ISO 22400-2, §5: what a work unit is planned to be used.
        """
        return sum(
            min(span.to_us, to_us_) - max(span.from_us, from_us_)
            for span in self.list_shifts(from_us_, to_us_)
        )

    def _spans_of(self, on: date) -> Iterator[ShiftSpan]:
        for rule in self._rules_of(on):
            start = self._instant_us(on, rule.starts_at)
            end = self._instant_us(on + _DAY if rule.is_overnight else on, rule.ends_at)
            if end > start:  # a shift within the hour that the clock skips does not happen
                yield ShiftSpan(rule.name, start, end, self.production_day_of(start))

    def _rules_of(self, on: date) -> Iterator[ShiftRule]:
        special = self.days.get(on)
        if special is None:
            weekday = on.isoweekday()
        elif special.is_working:
            weekday = self._ordinary_weekday_before(on)
        else:
            return
        yield from (rule for rule in self.shifts if weekday in rule.weekdays and rule.is_valid_on(on))

    def _ordinary_weekday_before(self, on: date) -> int:
        """A make-up day is worked as the last weekday before it that has shifts: a Saturday as its Friday."""
        if any(on.isoweekday() in rule.weekdays and rule.is_valid_on(on) for rule in self.shifts):
            return on.isoweekday()
        for back in range(1, 7):
            weekday = (on - timedelta(days=back)).isoweekday()
            if any(weekday in rule.weekdays and rule.is_valid_on(on) for rule in self.shifts):
                return weekday
        return on.isoweekday()

    def _instant_us(self, on: date, at: time) -> int:
        # fold=0 reads a skipped time by the offset before the change and takes the earlier of two alike; a border
        # that two shifts share stays one instant, whatever the clock does.
        return to_us(datetime.combine(on, at, tzinfo=ZoneInfo(self.zone)).astimezone(UTC))


def find_overlap(shifts: Sequence[ShiftRule]) -> tuple[ShiftRule, ShiftRule] | None:
    """Return two shifts that run at the same time in some week, or None."""
    for n, one in enumerate(shifts):
        for other in shifts[n + 1 :]:
            if _meet(one, other) and _share_a_minute(one, other):
                return one, other
    return next(((one, one) for one in shifts if _overlaps_itself(one)), None)


def _meet(one: ShiftRule, other: ShiftRule) -> bool:
    """Say whether both are valid at some time; a night beyond the last day counts too."""
    latest = [_DAY + until for until in (one.valid_until, other.valid_until) if until is not None]
    begins = [begin for begin in (one.valid_from, other.valid_from) if begin is not None]
    ends = min(latest, default=date.max)
    return max(begins, default=date.min) < ends


def _share_a_minute(one: ShiftRule, other: ShiftRule) -> bool:
    return any(
        (begin - other_begin) % WEEK_MINUTES < other_length or (other_begin - begin) % WEEK_MINUTES < length
        for begin, length in _weekly(one)
        for other_begin, other_length in _weekly(other)
    )


def _overlaps_itself(one: ShiftRule) -> bool:
    minutes = _weekly(one)
    return any(
        (other - begin) % WEEK_MINUTES < length
        for begin, length in minutes
        for other, _ in minutes
        if other != begin
    )


def _weekly(rule: ShiftRule) -> list[tuple[int, int]]:
    """Return (minute of the week, length in minutes) of each of the rule's days."""
    begin = rule.starts_at.hour * 60 + rule.starts_at.minute
    length = (rule.ends_at.hour * 60 + rule.ends_at.minute - begin) % 1440 or 1440
    return [((day - 1) * 1440 + begin, length) for day in sorted(rule.weekdays)]

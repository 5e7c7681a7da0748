"""Writes about a plant's calendar: shifts, and days that differ from their weekday.

What a plant worked in the past stays as it was: a shift is changed or ended from a day on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from forgeline.assets.calendar import find_overlap
from forgeline.assets.models import CalendarDay, Shift, Site
from forgeline.assets.services.holidays import list_holidays
from forgeline.assets.services.saving import check_names, get_for_change, invalid, require_edit, save
from forgeline.identity.policy import Actor

MAX_SHIFTS = 24
EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
WORKDAYS = (1, 2, 3, 4, 5)

PATTERNS: dict[str, tuple[tuple[str, time, time, tuple[int, ...]], ...]] = {
    "1x8": (("1", time(8), time(16), WORKDAYS),),
    "2x8": (("1", time(6), time(14), WORKDAYS), ("2", time(14), time(22), WORKDAYS)),
    "3x8": (
        ("1", time(6), time(14), EVERY_DAY), ("2", time(14), time(22), EVERY_DAY), ("3", time(22), time(6), EVERY_DAY),
    ),
    "2x12": (("1", time(7), time(19), EVERY_DAY), ("2", time(19), time(7), EVERY_DAY)),
}  # fmt: skip
"""The patterns of most plants: name, begin, end, weekdays; the names are numbers until somebody gives better ones."""


def create_shift(
    *,
    site_id: int,
    name: str,
    starts_at: time,
    ends_at: time,
    weekdays: Sequence[int],
    valid_from: date | None = None,
    valid_until: date | None = None,
    names: dict[str, str] | None = None,
    actor: Actor | None = None,
) -> Shift:
    """Add a shift. **Raises** InvalidInputError by field, for one that overlaps another too."""
    require_edit(actor)
    site = get_for_change(Site, site_id)
    row = Shift(
        site=site, name=name.strip(), names=names or {}, starts_at=starts_at, ends_at=ends_at,
        weekdays=sorted(set(weekdays)), valid_from=valid_from, valid_until=valid_until,
    )  # fmt: skip
    with transaction.atomic():
        return _save_shift(row)


def change_shift(
    *,
    shift_id: int,
    from_on: date,
    name: str,
    starts_at: time,
    ends_at: time,
    weekdays: Sequence[int],
    names: dict[str, str] | None = None,
    actor: Actor | None = None,
) -> Shift:
    """Have a shift be otherwise from a day on; until the day before it stays as it was. Return the one that holds."""
    require_edit(actor)
    row = get_for_change(Shift, shift_id)
    with transaction.atomic():
        if row.valid_from is None or row.valid_from < from_on:
            until = row.valid_until
            row.valid_until = from_on - timedelta(days=1)
            row.save(update_fields=["valid_until"])
            row = Shift(site=row.site, names=row.names, valid_from=from_on, valid_until=until)
        row.name, row.starts_at, row.ends_at = name.strip(), starts_at, ends_at
        row.weekdays, row.names = sorted(set(weekdays)), row.names if names is None else names
        return _save_shift(row)


def end_shift(*, shift_id: int, from_on: date, actor: Actor | None = None) -> None:
    """Work a shift no more from a day on; one that has not begun by then is deleted."""
    require_edit(actor)
    row = get_for_change(Shift, shift_id)
    if row.valid_from is not None and row.valid_from >= from_on:
        row.delete()
    elif row.valid_until is None or row.valid_until >= from_on:
        row.valid_until = from_on - timedelta(days=1)
        row.save(update_fields=["valid_until"])


def use_pattern(*, site_id: int, pattern: str, actor: Actor | None = None) -> list[Shift]:
    """Give a plant without shifts one of the PATTERNS, and let its production day begin with the first shift."""
    require_edit(actor)
    site = get_for_change(Site, site_id)
    if pattern not in PATTERNS:
        raise invalid(
            {"pattern": [_("There are these patterns: %(known)s.") % {"known": ", ".join(PATTERNS)}]}
        )
    if Shift.objects.filter(site=site, valid_until=None).exists():
        raise invalid({"pattern": [_("This plant has shifts; change or end them.")]})
    with transaction.atomic():
        site.day_starts_at = PATTERNS[pattern][0][1]
        site.save(update_fields=["day_starts_at"])
        return [
            create_shift(
                site_id=site_id, name=_("Shift %(number)s") % {"number": name}, starts_at=begin, ends_at=end,
                weekdays=weekdays,
            )
            for name, begin, end, weekdays in PATTERNS[pattern]
        ]  # fmt: skip


def set_day(
    *, site_id: int, on: date, is_working: bool, name: str = "", actor: Actor | None = None
) -> CalendarDay:
    """Say that a day is off, or is worked, whatever its weekday."""
    require_edit(actor)
    site = get_for_change(Site, site_id)
    if not 2000 <= on.year <= 2100:
        raise invalid({"on": [_("Choose a day from 2000 to 2100.")]})
    row = CalendarDay.objects.filter(site=site, on=on).first() or CalendarDay(site=site, on=on)
    row.is_working, row.name = is_working, name.strip()
    return save(row, taken=_("This day is set already."))


def clear_day(*, site_id: int, on: date, actor: Actor | None = None) -> None:
    """Let a day follow its weekday again."""
    require_edit(actor)
    CalendarDay.objects.filter(site=get_for_change(Site, site_id), on=on).delete()


def take_holidays(*, site_id: int, year: int, language: str = "en", actor: Actor | None = None) -> int:
    """Put the public holidays of the plant's country into its calendar; days that are set already stay. Return how
    many were added.
    """
    require_edit(actor)
    site = get_for_change(Site, site_id)
    found = list_holidays(site.country, year, language=language)
    kept = set(CalendarDay.objects.filter(site=site, on__in=list(found)).values_list("on", flat=True))
    rows = [
        CalendarDay(site=site, on=on, is_working=day.is_working, name=day.name[:120])
        for on, day in found.items()
        if on not in kept
    ]
    CalendarDay.objects.bulk_create(rows)
    return len(rows)


def _save_shift(row: Shift) -> Shift:
    check_names(row)
    faults: dict[str, list[str]] = {}
    if not row.weekdays or not set(row.weekdays) <= set(EVERY_DAY):
        faults["weekdays"] = [_("Choose at least one weekday, 1 (Monday) to 7.")]
    if row.valid_from and row.valid_until and row.valid_until < row.valid_from:
        faults["valid_until"] = [_("The last day is before the first.")]
    for name in ("starts_at", "ends_at"):
        if getattr(row, name).second or getattr(row, name).microsecond:
            faults[name] = [_("A shift begins and ends at a full minute.")]
    others = list(Shift.objects.filter(site=row.site).exclude(pk=row.pk))
    if (
        len(others) >= MAX_SHIFTS * 10
        or sum(1 for other in others if other.valid_until is None) >= MAX_SHIFTS
    ):
        faults["name"] = [_("A plant may have %(most)d shifts.") % {"most": MAX_SHIFTS}]
    if faults:
        raise invalid(faults)
    for other in others:
        if find_overlap([row.rule, other.rule]):
            raise invalid({"starts_at": [_("This overlaps %(shift)s.") % {"shift": other.title}]})
    if find_overlap([row.rule]):
        raise invalid({"ends_at": [_("This runs into itself on the next day.")]})
    return save(row, taken=_("There is such a shift."))

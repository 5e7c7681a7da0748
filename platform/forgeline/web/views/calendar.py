"""A plant's calendar by hand: its week as a picture, shifts, special days, public holidays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext as _, gettext_lazy, ngettext, pgettext

from forgeline.assets import queries, services
from forgeline.assets.calendar import PlantCalendar, ShiftSpan
from forgeline.assets.models import Shift, Site
from forgeline.assets.services.holidays import name_country
from forgeline.base import clock
from forgeline.base.errors import ForgelineError, InvalidInputError
from forgeline.base.moments import check_moment
from forgeline.web.access import needs, put_faults, refuse_outside

PATTERN_WORDS = {
    "1x8": gettext_lazy("One shift, Monday to Friday, 08:00–16:00"),
    "2x8": gettext_lazy("Two shifts, Monday to Friday, 06:00–22:00"),
    "3x8": gettext_lazy("Three shifts, every day, round the clock"),
    "2x12": gettext_lazy("Two shifts of twelve hours, every day"),
}
WEEKDAYS = (
    (1, gettext_lazy("Mon")), (2, gettext_lazy("Tue")), (3, gettext_lazy("Wed")), (4, gettext_lazy("Thu")),
    (5, gettext_lazy("Fri")), (6, gettext_lazy("Sat")), (7, gettext_lazy("Sun")),
)  # fmt: skip
_TIME = forms.TimeInput(format="%H:%M", attrs={"type": "time"})
_DATE = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})


class ShiftForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)
    starts_at = forms.TimeField(label=gettext_lazy("Starts at"), widget=_TIME)
    ends_at = forms.TimeField(
        label=gettext_lazy("Ends at"), widget=_TIME,
        help_text=gettext_lazy("At or before its start: on the next day."),
    )  # fmt: skip
    weekdays = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Starts on"), choices=WEEKDAYS, coerce=int, widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip


class DayForm(forms.Form):
    on = forms.DateField(validators=[check_moment], label=gettext_lazy("Day"), widget=_DATE)
    is_working = forms.TypedChoiceField(
        label=gettext_lazy("Is"), coerce=lambda word: word == "yes",
        choices=[("no", gettext_lazy("off")), ("yes", gettext_lazy("worked"))],
    )  # fmt: skip
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120, required=False)


class ProductionDayForm(forms.Form):
    day_starts_at = forms.TimeField(label=gettext_lazy("The production day begins at"), widget=_TIME)


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a shift on one day of the picture, in percent of the day."""

    name: str
    words: str
    left: float
    width: float
    number: int
    """The shift's place in the day's order: its shade."""


@dataclass(frozen=True, slots=True)
class WeekDay:
    on: date
    special: str
    is_today: bool
    blocks: list[Block]


@needs("web.edit")
def calendar(request: HttpRequest, site_id: int) -> HttpResponse:
    """Everything about a plant's working time on one page; each form names what it does."""
    site = queries.get_site(site_id)
    actor = request.actor  # type: ignore[attr-defined]
    if not actor.may_change(f"/{site.pk}/"):
        return refuse_outside(request)
    today = queries.read_calendar(site).production_day_of(clock.now_us())
    deed = request.POST.get("deed", "")
    shift = ShiftForm(request.POST if deed == "shift" else None, initial={"weekdays": [1, 2, 3, 4, 5]})
    day = DayForm(request.POST if deed == "day" else None, initial={"on": today})
    begin = ProductionDayForm(
        request.POST if deed == "begin" else None, initial={"day_starts_at": site.day_starts_at}
    )
    deeds: dict[str, tuple[forms.Form | None, Callable[[], str]]] = {
        "pattern": (None, lambda: _use_pattern(site, request.POST.get("pattern", ""), actor)),
        "shift": (shift, lambda: _add_shift(site, shift.cleaned_data, actor)),
        "end": (None, lambda: _end_shift(site, request.POST.get("shift", ""), today, actor)),
        "day": (day, lambda: _set_day(site, day.cleaned_data, actor)),
        "clear": (None, lambda: _clear_day(site, request.POST.get("on", ""), actor)),
        "holidays": (None, lambda: _take_holidays(site, request.POST.get("year", ""), actor)),
        "begin": (begin, lambda: _set_begin(site, begin.cleaned_data, actor)),
    }
    if request.method == "POST" and deed in deeds and _done(request, *deeds[deed]):
        return redirect("web:calendar", site_id=site.pk)
    has_faults = any(form.errors for form in (shift, day, begin))
    return render(
        request,
        "web/calendar.html",
        {"shift_form": shift, "day_form": day, "begin_form": begin, **_read(site, today)},
        status=422 if has_faults else 200,
    )


def _done(request: HttpRequest, form: forms.Form | None, deed: Callable[[], str]) -> bool:
    if form is not None and not form.is_valid():
        return False
    try:
        messages.success(request, deed())
    except ForgelineError as error:
        if form is None:
            messages.error(request, str(error))
            return True
        put_faults(form, error)
        return False
    return True


def _read(site: Site, today: date) -> dict[str, Any]:
    plan = queries.read_calendar(site)
    shifts = [row for row in queries.list_shifts(site) if row.valid_until is None or row.valid_until >= today]
    special = [row for row in queries.list_special_days(site) if row.on >= today.replace(month=1, day=1)]
    return {
        "site": site,
        "patterns": PATTERN_WORDS.items(),
        "week": _draw_week(plan, today),
        "shifts": [{"row": row, "days": _words_of(row)} for row in shifts],
        "special": special,
        "country": name_country(site.country),
        "years": [today.year, today.year + 1],
        "hours": range(0, 24, 3),
    }


def _words_of(row: Shift) -> str:
    names = dict(WEEKDAYS)
    return pgettext("between names", ", ").join(str(names[number]) for number in row.weekdays)


def _draw_week(plan: PlantCalendar, today: date) -> list[WeekDay]:
    monday = today - timedelta(days=today.isoweekday() - 1)
    order = {name: n for n, name in enumerate(dict.fromkeys(rule.name for rule in plan.shifts))}
    local = PlantCalendar(plan.zone)
    week = []
    for on in (monday + timedelta(days=n) for n in range(7)):
        start, end = local.production_day_span(on)
        blocks = [
            Block(
                span.name,
                words_of_span(span, plan.zone),
                round((max(span.from_us, start) - start) / (end - start) * 100, 3),
                round((min(span.to_us, end) - max(span.from_us, start)) / (end - start) * 100, 3),
                order.get(span.name, 0) % 4,
            )
            for span in plan.list_shifts(start, end)
        ]
        special = plan.days.get(on)
        week.append(WeekDay(on, special.name or _("off") if special else "", on == today, blocks))
    return week


def words_of_span(span: ShiftSpan, zone: str) -> str:
    """Return ``Early 06:00–14:00``."""
    begin, end = clock.in_zone(span.from_us, zone), clock.in_zone(span.to_us, zone)
    return f"{span.name} {begin:%H:%M}–{end:%H:%M}"


def _use_pattern(site: Site, pattern: str, actor: Any) -> str:
    services.use_pattern(site_id=site.pk, pattern=pattern, actor=actor)
    return _("The shifts are made; give them your own names and times.")


def _add_shift(site: Site, given: dict[str, Any], actor: Any) -> str:
    row = services.create_shift(site_id=site.pk, actor=actor, **given)
    return _("%(name)s is added.") % {"name": row.title}


def _end_shift(site: Site, word: str, today: date, actor: Any) -> str:
    rows = {str(row.pk): row for row in queries.list_shifts(site)}
    row = rows.get(word)
    if row is None:
        raise InvalidInputError(_("That shift is gone already."))
    services.end_shift(shift_id=row.pk, from_on=today, actor=actor)
    return _("%(name)s is worked no more from today on; its past stays.") % {"name": row.title}


def _set_day(site: Site, given: dict[str, Any], actor: Any) -> str:
    services.set_day(site_id=site.pk, actor=actor, **given)
    return _("The day is set.")


def _clear_day(site: Site, word: str, actor: Any) -> str:
    try:
        services.clear_day(site_id=site.pk, on=date.fromisoformat(word), actor=actor)
    except ValueError:
        raise InvalidInputError(_("That is no day.")) from None
    return _("The day follows its weekday again.")


def _take_holidays(site: Site, word: str, actor: Any) -> str:
    if not (word.isdecimal() and 2000 <= int(word) <= 2100):
        raise InvalidInputError(_("That is no year."))
    added = services.take_holidays(
        site_id=site.pk, year=int(word), language=(get_language() or "en").lower(), actor=actor
    )
    return ngettext("%(n)d day is added.", "%(n)d days are added.", added) % {"n": added}


def _set_begin(site: Site, given: dict[str, Any], actor: Any) -> str:
    services.update_site(site_id=site.pk, actor=actor, **given)
    return _("The production day is set.")

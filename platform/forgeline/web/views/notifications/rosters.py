"""Rosters: who is on duty when, by the week or by turns, and who stands in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext as _, gettext_lazy, pgettext

from forgeline.base import clock
from forgeline.base.errors import ForgelineError
from forgeline.base.moments import check_moment
from forgeline.notifications import editing, queries
from forgeline.notifications.editing.saving import invalid
from forgeline.notifications.models import Holidays, Pattern, Roster
from forgeline.notifications.providers import list_places, list_shift_names
from forgeline.web.access import needs, put_faults
from forgeline.web.forms import zone_choices
from forgeline.web.views.calendar import WEEKDAYS

EDIT = "notifications.edit"
_TIME = forms.TimeInput(format="%H:%M", attrs={"type": "time"})
_DATE = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
_MOMENT = forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"})
_BLANK = 2


def list_plants() -> list[tuple[int, str]]:
    """Return the plants for a choice, in the reader's language."""
    language = get_language() or "en"
    return [(key, place.title_in(language)) for key, place in list_places().items()]


def _people() -> list[tuple[Any, Any]]:
    return [("", "–"), *((row.pk, str(row)) for row in queries.list_people())]


class RosterForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=120, help_text=gettext_lazy("Such as: electricians on call.")
    )
    pattern = forms.ChoiceField(
        label=gettext_lazy("Pattern"), choices=Pattern.choices, initial=Pattern.WEEKLY
    )
    zone = forms.ChoiceField(label=gettext_lazy("Time zone"), choices=zone_choices)
    site_id = forms.TypedChoiceField(
        label=gettext_lazy("Plant whose shifts and holidays count"), coerce=int, empty_value=None, required=False,
        choices=lambda: [("", gettext_lazy("None")), *list_plants()],
    )  # fmt: skip


class TurnsForm(forms.Form):
    turns_from = forms.DateField(
        validators=[check_moment], label=gettext_lazy("First turn begins on"), widget=_DATE
    )
    turns_at = forms.TimeField(label=gettext_lazy("Turns change at"), widget=_TIME)
    turn_days = forms.IntegerField(label=gettext_lazy("Days of a turn"), min_value=1, max_value=366)


class TurnForm(forms.Form):
    user_id = forms.TypedChoiceField(
        label=gettext_lazy("Person"), coerce=int, empty_value=None, required=False, choices=_people
    )


class TimesForm(TurnForm):
    weekdays = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Begins on"), choices=WEEKDAYS, coerce=int, required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    starts_at = forms.TimeField(label=gettext_lazy("Starts at"), widget=_TIME, required=False)
    ends_at = forms.TimeField(label=gettext_lazy("Ends at"), widget=_TIME, required=False)
    shift = forms.ChoiceField(label=gettext_lazy("Only in the shift"), required=False)
    holidays = forms.ChoiceField(label=gettext_lazy("Holidays"), choices=Holidays.choices, required=False)

    def __init__(self, *args: Any, shifts: list[tuple[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["shift"].choices = shifts  # type: ignore[attr-defined]


class StandInForm(TurnForm):
    starts_at = forms.DateTimeField(
        validators=[check_moment], label=gettext_lazy("Starts at"), widget=_MOMENT, required=False
    )
    ends_at = forms.DateTimeField(
        validators=[check_moment], label=gettext_lazy("Ends at"), widget=_MOMENT, required=False
    )


@needs(EDIT)
def rosters(request: HttpRequest) -> HttpResponse:
    """List the rosters and who is on duty now."""
    duty = queries.read_duty(clock.now())
    rows = [
        {"roster": row, "duty": duty[row.pk], "until": _local(duty[row.pk].until, row.zone)}
        for row in queries.list_rosters()
    ]
    return render(request, "web/notifications_rosters.html", {"rows": rows, "tab": "rosters"})


@needs(EDIT)
def new_roster(request: HttpRequest) -> HttpResponse:
    """Make a roster; people come on its own page."""
    places = list_places()
    first = next(iter(places.items()), None)
    initial = {"zone": first[1].zone, "site_id": first[0]} if first else {"zone": "Asia/Shanghai"}
    form = RosterForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        if given["pattern"] == Pattern.ROTATION:
            given["turns_from"] = clock.now().astimezone(ZoneInfo(given["zone"])).date()
        try:
            row = editing.create_roster(actor=request.actor, **given)  # type: ignore[attr-defined]
        except ForgelineError as error:
            put_faults(form, error)
        else:
            return redirect("web:notify_roster", roster_id=row.pk)
    context = {"form": form, "tab": "rosters"}
    return render(request, "web/notifications_roster.html", context, status=422 if form.errors else 200)


@needs(EDIT)
def roster(request: HttpRequest, roster_id: int) -> HttpResponse:
    """Change a roster with its people, or delete it."""
    actor = request.actor  # type: ignore[attr-defined]
    row = queries.get_roster(roster_id)
    if request.method == "POST" and request.POST.get("deed") == "delete":
        return _delete(request, row)
    form = RosterForm(request.POST or None, initial=_facts(row, "name", "pattern", "zone", "site_id"))
    turns = None
    if row.pattern == Pattern.ROTATION:
        turns = TurnsForm(request.POST or None, initial=_facts(row, "turns_from", "turns_at", "turn_days"))
    entries, stand_ins = _entries(request, row), _stand_ins(request, row)
    parts = [part for part in (form, turns, entries, stand_ins) if part is not None]
    # Each is asked, so that every fault is shown at once.
    faulty = [part for part in parts if not part.is_valid()]
    if request.method == "POST" and not faulty:
        given = {**form.cleaned_data, **(turns.cleaned_data if turns else {})}
        given["entries"] = [_entry(each, row) for each in entries.cleaned_data if each.get("user_id")]
        if given["pattern"] == Pattern.ROTATION and turns is None:
            given["turns_from"] = clock.now().astimezone(ZoneInfo(given["zone"])).date()
        try:
            given["stand_ins"] = [
                _moment(each, row) for each in stand_ins.cleaned_data if each.get("user_id")
            ]
            editing.update_roster(row.pk, actor=actor, **given)
        except ForgelineError as error:
            put_faults(form, error)
        else:
            messages.success(request, _("Saved."))
            return redirect("web:notify_roster", roster_id=row.pk)
    context = {
        "form": form, "turns": turns, "entries": entries, "stand_ins": stand_ins, "row": row, "tab": "rosters",
        "week": draw_week(row), "hours": range(0, 24, 3),
    }  # fmt: skip
    has_faults = request.method == "POST"
    return render(request, "web/notifications_roster.html", context, status=422 if has_faults else 200)


def _delete(request: HttpRequest, row: Roster) -> HttpResponse:
    try:
        editing.delete_roster(row.pk, actor=request.actor)  # type: ignore[attr-defined]
    except ForgelineError as error:
        messages.error(request, str(error))
        return redirect("web:notify_roster", roster_id=row.pk)
    messages.success(request, _("%(name)s is deleted.") % {"name": row.name})
    return redirect("web:notify_rosters")


def _facts(row: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _entries(request: HttpRequest, row: Roster) -> Any:
    if row.pattern == Pattern.ROTATION:
        names, kwargs, kind = ("user_id",), {}, TurnForm
    else:
        names = ("user_id", "weekdays", "starts_at", "ends_at", "shift", "holidays")
        kwargs, kind = {"shifts": _shifts(row)}, TimesForm
    make = forms.formset_factory(kind, extra=_BLANK, max_num=200)
    initial = [_facts(each, *names) for each in row.entries.all()]
    return make(request.POST or None, initial=initial, form_kwargs=kwargs, prefix="entries")


def _shifts(row: Roster) -> list[tuple[str, Any]]:
    """Return the plant's shifts for a choice; one that an entry names and that is worked no more stays visible."""
    known = dict(list_shift_names(row.site_id))
    named = {each.shift: each.shift for each in row.entries.all() if each.shift}
    return [("", "–"), *(named | known).items()]


def _stand_ins(request: HttpRequest, row: Roster) -> Any:
    make = forms.formset_factory(StandInForm, extra=1, max_num=200)
    zone = ZoneInfo(row.zone)
    initial = [
        {
            "user_id": each.user_id,
            "starts_at": each.starts_at.astimezone(zone).replace(tzinfo=None),
            "ends_at": each.ends_at.astimezone(zone).replace(tzinfo=None),
        }
        for each in row.stand_ins.all()
    ]
    return make(request.POST or None, initial=initial, prefix="stand_ins")


def _entry(given: dict[str, Any], row: Roster) -> dict[str, Any]:
    if row.pattern == Pattern.ROTATION:
        return {"user_id": given["user_id"]}
    return {
        **given,
        "starts_at": given.get("starts_at") or time(0),
        "ends_at": given.get("ends_at") or time(0),
        "holidays": given.get("holidays") or Holidays.ANY,
    }


def _moment(given: dict[str, Any], row: Roster) -> dict[str, Any]:
    """A stand-in's times are meant by the roster's clock."""
    zone = ZoneInfo(row.zone)
    if not given.get("starts_at") or not given.get("ends_at"):
        raise invalid(stand_ins=_("A stand-in needs both times."))
    return {
        "user_id": given["user_id"],
        **{name: given[name].replace(tzinfo=zone) for name in ("starts_at", "ends_at")},
    }


def _local(at: datetime | None, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%m-%d %H:%M}" if at is not None else ""


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a person's duty on one day of the picture, in percent of the day."""

    words: str
    left: float
    width: float
    shade: int


@dataclass(frozen=True, slots=True)
class Day:
    on: date
    is_today: bool
    blocks: list[Block]


def draw_week(row: Roster) -> list[Day]:
    """Return who is on duty on this day and the six after it, as bars."""
    zone = ZoneInfo(row.zone)
    today = clock.now().astimezone(zone).date()
    shades: dict[str, int] = {}
    days = []
    for on in (today + timedelta(days=number) for number in range(7)):
        begin = datetime.combine(on, time(0), tzinfo=zone)
        end = datetime.combine(on + timedelta(days=1), time(0), tzinfo=zone)
        whole = end.timestamp() - begin.timestamp()
        blocks = []
        for span in queries.read_spans(row, begin, end):
            if not span.names:
                continue
            words = pgettext("between names", ", ").join(span.names)
            left = (span.begins_at.timestamp() - begin.timestamp()) / whole * 100
            width = (span.ends_at - span.begins_at).total_seconds() / whole * 100
            shade = shades.setdefault(words, len(shades) % 4)
            blocks.append(Block(words, round(left, 3), round(width, 3), shade))
        days.append(Day(on, on == today, blocks))
    return days

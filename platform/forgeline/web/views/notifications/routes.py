"""Routes: which messages are told to whom, in steps."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy

from forgeline.base.errors import ForgelineError
from forgeline.modules.registry import list_messages
from forgeline.notifications import editing, queries
from forgeline.notifications.models import Priority, Route
from forgeline.web.access import needs, put_faults
from forgeline.web.views.notifications.rosters import list_plants

EDIT = "notifications.edit"
_BLANK = 3


class RouteForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    min_priority = forms.ChoiceField(
        label=gettext_lazy("From priority"), choices=Priority.choices, initial=Priority.MEDIUM
    )
    site_id = forms.TypedChoiceField(
        label=gettext_lazy("Plant"), coerce=int, empty_value=None, required=False,
        choices=lambda: [("", gettext_lazy("All plants")), *list_plants()],
    )  # fmt: skip
    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("Kinds of message"), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None chosen: all."),
    )  # fmt: skip
    repeat_minutes = forms.IntegerField(
        label=gettext_lazy("Begin again after (min)"), min_value=0, max_value=1440, initial=30,
        help_text=gettext_lazy("After the last step, while nobody has answered. 0: never."),
    )  # fmt: skip
    tells_end = forms.BooleanField(
        label=gettext_lazy("Also tell when it is answered or over"), required=False, initial=True
    )
    is_enabled = forms.BooleanField(label=gettext_lazy("In use"), required=False, initial=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = list_messages()
        # What the API has put there, a pattern or a kind of tomorrow, is not lost by saving the page.
        others = [kind for kind in (self.initial.get("kinds") or ()) if kind not in known]
        kinds: Any = self.fields["kinds"]
        kinds.choices = [(kind, kind_word(kind)) for kind in (*known, *others)]


def kind_word(kind: str) -> str:
    """Return what a kind of message is called; of a pattern, what all it covers are called."""
    known = list_messages()
    covered = [str(title) for key, title in known.items() if kind.endswith("*") and key.startswith(kind[:-1])]
    return str(known.get(kind) or " · ".join(covered) or kind)


class StepForm(forms.Form):
    after_minutes = forms.IntegerField(
        label=gettext_lazy("After (min)"), min_value=0, max_value=10_080, required=False
    )
    target = forms.ChoiceField(label=gettext_lazy("Tell"), required=False)

    def __init__(self, *args: Any, targets: list[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["target"].choices = targets  # type: ignore[attr-defined]


@needs(EDIT)
def routes(request: HttpRequest) -> HttpResponse:
    """List the routes with their steps."""
    plants = dict(list_plants())
    rows = [
        {
            "route": row,
            "steps": _chain(row),
            "kinds": [kind_word(kind) for kind in row.kinds],
            "plant": plants.get(row.site_id or 0, ""),
        }
        for row in queries.list_routes()
    ]
    return render(request, "web/notifications_routes.html", {"rows": rows, "tab": "routes"})


def _chain(row: Route) -> list[dict[str, Any]]:
    """Return the steps with the sign before each: + for one at the same time, › for a later one."""
    steps = list(row.steps.all())
    signs = [
        "",
        *("+" if one.after_minutes == next_.after_minutes else "›" for one, next_ in pairwise(steps)),
    ]
    return [
        {"sign": sign, "after": step.after_minutes, "to": step.roster or step.user or step.channel}
        for sign, step in zip(signs, steps, strict=False)
    ]


@needs(EDIT)
def route(request: HttpRequest, route_id: int | None = None) -> HttpResponse:
    """Make, change or delete a route with its steps."""
    actor = request.actor  # type: ignore[attr-defined]
    row = queries.get_route(route_id) if route_id is not None else None
    if request.method == "POST" and row is not None and request.POST.get("deed") == "delete":
        editing.delete_route(row.pk, actor=actor)
        messages.success(request, _("%(name)s is deleted.") % {"name": row.name})
        return redirect("web:notify_routes")
    form = RouteForm(request.POST or None, initial=_initial(row))
    steps = _steps(request, row)
    if request.method == "POST" and form.is_valid() and steps.is_valid():
        given = {**form.cleaned_data, "steps": _targets(steps)}
        try:
            if row is None:
                row = editing.create_route(actor=actor, **given)
            else:
                row = editing.update_route(row.pk, actor=actor, **given)
        except ForgelineError as error:
            put_faults(form, error)
        else:
            messages.success(request, _("Saved."))
            return redirect("web:notify_route", route_id=row.pk)
    context = {"form": form, "steps": steps, "row": row, "tab": "routes"}
    has_faults = form.errors or (steps.is_bound and not steps.is_valid())
    return render(request, "web/notifications_route.html", context, status=422 if has_faults else 200)


def _initial(row: Route | None) -> dict[str, Any]:
    if row is None:
        return {}
    names = ("name", "min_priority", "site_id", "repeat_minutes", "tells_end", "is_enabled")
    return {**{name: getattr(row, name) for name in names}, "kinds": list(row.kinds)}


def _steps(request: HttpRequest, row: Route | None) -> Any:
    """Return the rows of steps, some empty ones behind them."""
    known = [
        {
            "after_minutes": step.after_minutes,
            "target": f"r{step.roster_id}" if step.roster_id else f"u{step.user_id}" if step.user_id
            else f"c{step.channel_id}",
        }
        for step in (row.steps.all() if row else [])
    ]  # fmt: skip
    extra = _BLANK if row else _BLANK + 1
    make = forms.formset_factory(StepForm, extra=extra, max_num=20)
    kwargs = {"targets": _choices()}
    return make(request.POST or None, initial=known, form_kwargs=kwargs, prefix="steps")


def _choices() -> list[Any]:
    return [
        ("", "–"),
        (_("Rosters"), [(f"r{row.pk}", row.name) for row in queries.list_rosters()]),
        (_("People"), [(f"u{row.pk}", str(row)) for row in queries.list_people()]),
        (
            _("Channels"),
            [(f"c{row.pk}", f"{row.name} ({row.get_kind_display()})") for row in queries.list_channels()],
        ),
    ]


def _targets(steps: Any) -> list[dict[str, Any]]:
    names = {"r": "roster_id", "u": "user_id", "c": "channel_id"}
    found = []
    for given in steps.cleaned_data:
        target = given.get("target", "")
        if target:
            after = given.get("after_minutes") or 0
            found.append({"after_minutes": after, names[target[0]]: int(target[1:])})
    return found

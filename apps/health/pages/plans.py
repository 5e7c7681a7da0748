"""Maintenance plans: the list with what falls due, a new one, one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from apps.health import wording
from apps.health.models import MaintenancePlan
from apps.health.models.orders import OrderPriority
from apps.health.models.plans import Every, Trigger
from apps.health.pages.frame import MOST_ROWS, Choice, Day, attempt, machine_choices, may, page, whole
from apps.health.queries.store import list_plans, read_alarm_names
from apps.health.rules import PLAN, VIEW
from apps.health.services import defaults, plans as services
from forgeline.assets.models.point import Kind
from forgeline.assets.queries import list_points
from forgeline.assets.services.saving import get

_LINE_HELP = gettext_lazy(
    "One line each. A measured value with its limits: Oil pressure | bar | 2 | 4. With ! in front, a line that is not "
    "OK opens a work order that follows."
)


def _point_choices(asset_id: int | None = None) -> list[tuple[Any, Any]]:
    """Return the points that a plan may follow, by machine; of one machine alone where it is given."""
    points = list_points(asset_id=asset_id).filter(kind__in=(Kind.COUNTER, Kind.GAUGE))
    # Two machines may bear one name.
    groups: dict[tuple[int, str], list[tuple[int, str]]] = {}
    for point in points.select_related("asset"):
        found = groups.setdefault((point.asset_id, point.asset.title), [])
        found.append((point.pk, f"{point.title} ({point.key})"))
    return [("", "–"), *((title, points) for (_pk, title), points in groups.items())]


class PlanForm(forms.Form):
    asset_id = Choice(machine_choices, label=gettext_lazy("Machine"))
    name = forms.CharField(label=gettext_lazy("What is to be done"), max_length=120)
    text = forms.CharField(
        label=gettext_lazy("Details"),
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    trigger = forms.ChoiceField(label=gettext_lazy("Falls due"), choices=Trigger.choices)
    every = forms.FloatField(
        label=gettext_lazy("Every"), required=False, min_value=0,
        help_text=gettext_lazy("Days, weeks or months; running hours; units of the counter."),
    )  # fmt: skip
    every_unit = forms.ChoiceField(
        label=gettext_lazy("Unit of the calendar"), choices=[("", "–"), *Every.choices], required=False
    )
    first_on = Day(label=gettext_lazy("First on"))
    point_id = Choice(
        _point_choices, required=False, label=gettext_lazy("Point"),
        help_text=gettext_lazy("The counter; none: the machine's running time. For a condition, the measured value."),
    )  # fmt: skip
    above = forms.FloatField(label=gettext_lazy("Due above"), required=False)
    below = forms.FloatField(label=gettext_lazy("Due below"), required=False)
    alarm_key = forms.ChoiceField(
        label=gettext_lazy("Alarm"), required=False,
        help_text=gettext_lazy("An alarm rule of the machine; for a condition that is no limit of a point."),
    )  # fmt: skip
    lead_days = forms.IntegerField(
        label=gettext_lazy("Order made days ahead"), min_value=0, max_value=365, initial=3
    )
    priority = forms.ChoiceField(
        label=gettext_lazy("Priority"), choices=OrderPriority.choices, initial="medium"
    )
    checklist = forms.CharField(
        label=gettext_lazy("Checklist"), required=False, max_length=20_000, widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_LINE_HELP,
    )  # fmt: skip
    is_enabled = forms.BooleanField(label=gettext_lazy("In use"), required=False, initial=True)

    def __init__(self, *args: Any, asset_id: int | None = None, **kwargs: Any) -> None:
        """``asset_id``: whose plan it is; without one the machine is still to be chosen."""
        super().__init__(*args, **kwargs)
        self._asset_id = asset_id
        self._alarms = read_alarm_names(None if asset_id is None else [asset_id])
        names: dict[str, list[str]] = {}
        for (_asset, key), name in self._alarms.items():
            if name not in names.setdefault(key, []):
                names[key].append(name)
        known = sorted(((key, " / ".join(each)) for key, each in names.items()), key=lambda pair: pair[1])
        own = self.initial.get("alarm_key")
        # A rule that was taken away since is shown by its key, and can be given up.
        lost = [(own, own)] if own and own not in names else []
        alarms: Any = self.fields["alarm_key"]
        alarms.choices = [("", "–"), *known, *lost]
        if asset_id is not None:
            points: Any = self.fields["point_id"]
            points.choices = lambda: _point_choices(asset_id)

    def clean(self) -> dict[str, Any]:
        """An alarm is one of the machine."""
        given: dict[str, Any] = super().clean() or {}
        key, asset_id = given.get("alarm_key"), self._asset_id or given.get("asset_id")
        if key and asset_id and (asset_id, key) not in self._alarms and key != self.initial.get("alarm_key"):
            self.add_error("alarm_key", _("This machine has no such alarm rule; choose another."))
        return given

    def clean_checklist(self) -> list[dict[str, Any]]:
        return [read_line(line) for line in self.cleaned_data["checklist"].splitlines() if line.strip()]


def read_line(line: str) -> dict[str, Any]:
    """``! Oil pressure | bar | 2 | 4`` → a line of a checklist. **Raises** ValidationError for a limit that is none."""
    follows = line.strip().startswith("!")
    parts = [part.strip() for part in line.strip().removeprefix("!").split("|")]
    out: dict[str, Any] = {"text": parts[0], "opens_follow_up": follows}
    if len(parts) == 1:
        return out
    try:
        bounds = [float(word) if word else None for word in (*parts[2:4], "", "")[:2]]
    except ValueError:
        raise forms.ValidationError(
            _("A limit of “%(line)s” is no number.") % {"line": line.strip()[:80]}
        ) from None
    return {**out, "kind": "value", "unit": parts[1], "low": bounds[0], "high": bounds[1]}


def write_line(line: dict[str, Any]) -> str:
    """The other way round."""
    mark = "! " if line.get("opens_follow_up") else ""
    if line.get("kind") != "value":
        return f"{mark}{line['text']}"
    bounds = ["" if line.get(name) is None else f"{line[name]:g}" for name in ("low", "high")]
    return f"{mark}{line['text']} | {line.get('unit', '')} | {' | '.join(bounds)}"


@page(VIEW)
def plans(request: HttpRequest) -> HttpResponse:
    """Every plan, what falls due first at the top; a POST adopts what a machine's profile proposes."""
    actor = request.actor  # type: ignore[attr-defined]
    if request.method == "POST":
        made: list[MaintenancePlan] = []
        asset_id = whole(request.POST.get("asset")) or 0
        if attempt(request, lambda: made.extend(defaults.adopt_profile_plans(asset_id, actor=actor))):
            said = ngettext("%(n)d plan was made.", "%(n)d plans were made.", len(made)) % {"n": len(made)}
            messages.success(request, said)
        return redirect("health:plans")
    found = list(list_plans()[:MOST_ROWS])
    alarms = read_alarm_names({plan.asset_id for plan in found if plan.alarm_key})
    rows = [
        {
            "plan": plan,
            "rhythm": wording.rhythm(plan, alarms),
            "remark": wording.remark(plan.remark, plan.remark_data),
            "share": round(min(1.0, (plan.used or 0) / plan.every) * 100)
            if plan.every and plan.used is not None
            else None,
        }
        for plan in found
    ]
    context = {"tab": "plans", "rows": rows, "may_plan": may(request, PLAN), "machines": machine_choices()}
    return render(request, "health/plans.html", context)


@page(PLAN)
def new_plan(request: HttpRequest) -> HttpResponse:
    """Make a plan."""
    form = PlanForm(request.POST or None, initial={"asset_id": whole(request.GET.get("asset"))})
    actor = request.actor  # type: ignore[attr-defined]
    if request.method == "POST" and form.is_valid():
        given = _given(form)
        if attempt(request, lambda: services.create_plan(actor=actor, **given), form=form, done=_("Saved.")):
            return redirect("health:plans")
    context = {"form": form, "title": _("New maintenance plan"), "tab": "plans", "back": "health:plans"}
    return render(request, "health/form.html", context, status=422 if form.errors else 200)


@page(PLAN)
def plan(request: HttpRequest, plan_id: int) -> HttpResponse:
    """One plan: changed, its remark confirmed, taken away."""
    row = get(MaintenancePlan, plan_id)
    actor = request.actor  # type: ignore[attr-defined]
    initial = {name: getattr(row, name) for name in PlanForm.base_fields}
    initial["checklist"] = "\n".join(write_line(line) for line in row.checklist)
    form = PlanForm(request.POST if "save" in request.POST else None, initial=initial, asset_id=row.asset_id)
    del form.fields["asset_id"]
    if request.method == "POST":
        if "delete" in request.POST and attempt(request, lambda: services.delete_plan(row.pk, actor=actor)):
            return redirect("health:plans")
        if "confirm" in request.POST:
            attempt(request, lambda: services.confirm_remark(row.pk, actor=actor))
            return redirect("health:plan", plan_id=row.pk)
        if form.is_valid() and attempt(
            request,
            lambda: services.update_plan(row.pk, actor=actor, **_given(form)),
            form=form,
            done=_("Saved."),
        ):
            return redirect("health:plan", plan_id=row.pk)
    rhythm = wording.rhythm(row, read_alarm_names([row.asset_id]))
    context = {
        "form": form, "title": row.title, "tab": "plans", "back": "health:plans", "plan": row, "deletes": True,
        "remark": wording.remark(row.remark, row.remark_data), "rhythm": rhythm,
    }  # fmt: skip
    return render(request, "health/form.html", context, status=422 if form.errors else 200)


def _given(form: PlanForm) -> dict[str, Any]:
    given = dict(form.cleaned_data)
    # What another way of falling due would need says nothing here.
    if given["trigger"] in (Trigger.CALENDAR, Trigger.HOURS):
        given["point_id"] = given["point_id"] if given["trigger"] == Trigger.HOURS else None
    return given

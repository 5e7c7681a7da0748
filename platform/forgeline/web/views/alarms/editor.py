"""The editor of a rule: checked while it is written, tried over stored samples, then published.

A rule that would fire too often is not published before its writer has seen how often (house: nobody is surprised).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext as _
from django.views.decorators.http import require_POST

from forgeline.alarms import services
from forgeline.alarms.definitions import Definition, dump, parse
from forgeline.alarms.models import Rule, Trial
from forgeline.alarms.plan import read_plan
from forgeline.alarms.profiles import list_rules
from forgeline.alarms.trying import jobs
from forgeline.alarms.trying.service import try_rule
from forgeline.alarms.wording import list_remarks, names_of_profile, read_names, say_condition
from forgeline.assets.models import Asset
from forgeline.assets.models.point import Kind
from forgeline.assets.profiles import PROFILES
from forgeline.assets.queries import get_asset, list_points
from forgeline.base.errors import ForgelineError, NotFoundError
from forgeline.base.units import display_unit
from forgeline.web.access import needs, put_faults
from forgeline.web.alarm_forms import FIELDS_OF, RuleForm, initial_of
from forgeline.web.alarm_rows import local
from forgeline.web.views.alarms.live import EDIT, number_of

DAYS = (7, 30, 90)
_TAKEN_FROM_ADDRESS = ("deadband", "on_delay_s", "off_delay_s", "after_s", "limit")
"""What an analysis suggests is put into the form by the link that leads here."""
_HARMLESS = ("alarms.nothing_stored", "alarms.nothing_to_try")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is edited: a rule of a machine or of a profile, new or as it stands."""

    asset: Asset | None
    profile: str
    key: str
    definition: Definition | None
    row: Rule | None
    others: dict[str, Definition]
    points: list[tuple[str, str]]
    faults: tuple[str, ...] = ()
    """Why the rule is not judged as it stands."""

    @property
    def place(self) -> dict[str, Any]:
        """How services are told for what the rule is."""
        return {"asset_id": self.asset.pk if self.asset else None, "profile": self.profile}

    @property
    def title(self) -> str:
        if self.asset is not None:
            return self.asset.title
        return PROFILES[self.profile].name_in(get_language() or "en")


def _subject(request: HttpRequest) -> Subject:
    """Read from the address what is edited. **Raises** NotFoundError."""
    asset_id, key = number_of(request.GET.get("asset", "")), request.GET.get("key", "")[:60]
    profile = request.GET.get("profile", "")
    if asset_id is not None:
        asset = get_asset(asset_id)
        in_force = {rule.key: rule for rule in read_plan(asset_ids=[asset_id])}
        plan = {each: rule.definition for each, rule in in_force.items()}
        points = [
            (point.key, f"{point.title} ({display_unit(point.unit)})" if point.unit else point.title)
            for point in list_points(asset_id=asset_id).exclude(kind=Kind.TEXT)
        ]
        row = Rule.objects.filter(asset=asset, key=key).first()
        faults = in_force[key].faults if key in in_force else ()
        subject = Subject(asset, "", key, plan.get(key), row, plan, points, faults)
    elif profile in PROFILES:
        own = {rule.key: rule for rule in Rule.objects.filter(profile=profile)}
        plan = {**list_rules(profile), **{each: parse(rule.definition) for each, rule in own.items()}}
        language = get_language() or "en"
        points = [
            (
                spec.key,
                f"{spec.name_in(language)} ({display_unit(spec.unit)})"
                if spec.unit
                else spec.name_in(language),
            )
            for spec in PROFILES[profile].points
            if spec.kind != "text"
        ]
        subject = Subject(None, profile, key, plan.get(key), own.get(key), plan, points)
    else:
        raise NotFoundError(_("Say for which machine, or for which profile, the rule is."))
    if key and subject.definition is None:
        raise NotFoundError(_("There is nothing here that you may see."), data={"key": key})
    return subject


def _form(request: HttpRequest, subject: Subject) -> RuleForm:
    language = get_language() or "en"
    initial: dict[str, Any] = {}
    if subject.definition is not None:
        initial = initial_of(subject.definition) | {
            "is_enabled": subject.row.is_enabled if subject.row else True
        }
        initial |= {word: request.GET[word] for word in _TAKEN_FROM_ADDRESS if word in request.GET}
    return RuleForm(
        request.POST if request.method == "POST" else None,
        initial=initial,
        points=subject.points,
        others=[
            (key, definition.name_in(language)) for key, definition in subject.others.items() if key != subject.key
        ],
        has_key=bool(subject.key),
    )  # fmt: skip


@needs(EDIT)
def editor(request: HttpRequest) -> HttpResponse:
    """Show a rule's form; POST publishes it, once its writer knows what it would have done."""
    subject = _subject(request)
    form = _form(request, subject)
    trial: Trial | None = None
    if request.method == "POST" and form.is_valid():
        raw, key = form.definition(), subject.key or form.chosen_key
        try:
            trial = None if "sure" in request.POST else _trial_of(request, subject, key, raw)
            if trial is None or (trial.result is not None and not trial.result["is_noisy"]):
                number = number_of(request.POST.get("number", ""))
                services.publish_rule(
                    raw, key=key, is_enabled=form.cleaned_data["is_enabled"], note=form.cleaned_data["note"],
                    number=number, actor=request.actor, **subject.place,  # type: ignore[attr-defined]
                )  # fmt: skip
                messages.success(request, _("Published; it is judged within seconds."))
                if subject.asset is None:
                    return redirect("web:alarm_profile_rules", profile=subject.profile)
                return redirect("web:alarm_rules")
        except ForgelineError as error:
            put_faults(form, error)
    context = {
        "tab": "rules",
        "subject": subject,
        "form": form,
        "kinds": [
            (kind, [form[name] for name in names if name in form.fields]) for kind, names in FIELDS_OF.items()
        ],
        "all_fields": [form[name] for name in dict.fromkeys(sum(FIELDS_OF.values(), ()))],
        "fields_of": FIELDS_OF,
        "days": DAYS,
        "asks": trial is not None,
        **_trial_context(trial, subject),
    }
    return render(request, "web/alarms/editor.html", context, status=422 if form.errors or trial else 200)


def _trial_of(request: HttpRequest, subject: Subject, key: str, raw: dict[str, Any]) -> Trial | None:
    """Return what the rule would have done: from the trial that was seen, else from a new one of a week.

    None where nothing can be said: no machine has the profile, or nothing was stored yet.
    """
    seen = number_of(request.POST.get("trial", ""))
    if seen is not None:
        trial = Trial.objects.filter(pk=seen, finished_at__isnull=False, error="").first()
        if trial is not None and trial.definition == dump(
            services.check_rule(raw, key=key, **subject.place)[0]
        ):
            return trial
    try:
        return try_rule(raw, key=key, days=DAYS[0], actor=request.actor, **subject.place)  # type: ignore[attr-defined]
    except ForgelineError as error:
        if error.key in _HARMLESS:
            return None
        raise


@require_POST
@needs(EDIT)
def check(request: HttpRequest) -> HttpResponse:
    """Say the rule in words, and every fault of it; asked while it is written."""
    subject = _subject(request)
    form = _form(request, subject)
    faults: list[str] = []
    words = ""
    remarks: list[str] = []
    if form.is_valid():
        try:
            definition, faults = services.check_rule(
                form.definition(), key=subject.key or form.chosen_key, **subject.place
            )
        except ForgelineError as error:
            faults = [str(error)]
        else:
            words, remarks = _say(subject, definition)
    else:
        faults = [str(sentence) for found in form.errors.values() for sentence in found]
    context = {"words": words, "remarks": remarks, "faults": list(dict.fromkeys(faults))}
    return render(request, "web/alarms/parts/checked.html", context)


def _say(subject: Subject, definition: Definition) -> tuple[str, list[str]]:
    if subject.asset is not None:
        name = read_names([(subject.asset.pk, definition)]).of(subject.asset.pk)
    else:
        name = names_of_profile(PROFILES[subject.profile])
    language = get_language() or "en"

    def other(key: str) -> str:
        return subject.others[key].name_in(language) if key in subject.others else key

    return say_condition(definition, name), list_remarks(definition, other)


@require_POST
@needs(EDIT)
def preview(request: HttpRequest) -> HttpResponse:
    """Try the rule over the last days; what takes longer goes on behind the page."""
    subject = _subject(request)
    form = _form(request, subject)
    found, fault = None, ""
    days = number_of(request.POST.get("days", "")) or DAYS[0]
    if not form.is_valid():
        fault = next(iter(form.errors.values()))[0]
    else:
        try:
            found = try_rule(
                form.definition(), key=subject.key or form.chosen_key, days=days, actor=request.actor, **subject.place,  # type: ignore[attr-defined]
            )  # fmt: skip
        except ForgelineError as error:
            fault = str(error)
    return render(request, "web/alarms/parts/trial.html", {**_trial_context(found, subject), "fault": fault})


@needs(EDIT)
def trial(request: HttpRequest, trial_id: int) -> HttpResponse:
    """Say how far a trial is, and what it found."""
    found = jobs.get_trial(trial_id)
    if request.method == "POST":
        jobs.remove(trial_id)
        return render(request, "web/alarms/parts/trial.html", {"fault": _("The trial is taken away.")})
    zone = found.asset.site.zone if found.asset else "UTC"
    return render(request, "web/alarms/parts/trial.html", _context_of(found, zone))


def _trial_context(found: Trial | None, subject: Subject) -> dict[str, Any]:
    if found is None:
        return {"trial": None}
    return _context_of(found, subject.asset.site.zone if subject.asset else "UTC")


def _context_of(found: Trial, zone: str) -> dict[str, Any]:
    """Return what the partial of a trial shows."""
    result = found.result
    if result is None:
        return {"trial": found, "result": None, "fault": found.error}
    days = result["total"]["new"]["days"]
    most = max((day["alarms"] for day in days), default=0)
    machines = [machine for machine in result["machines"] if machine["new"] is not None]
    single = machines[0] if len(machines) == 1 else None
    return {
        "trial": found,
        "result": result,
        "fault": "",
        "bars": [{**day, "share": round(day["alarms"] / most * 100) if most else 0} for day in days],
        "most": most,
        "single": single,
        "alarms": [_span_row(row, zone) for row in (single["alarms"] if single else [])[-12:][::-1]],
        "skipped": [machine for machine in result["machines"] if machine["new"] is None],
    }


def _span_row(row: dict[str, Any], zone: str) -> dict[str, Any]:
    begin = datetime.fromisoformat(row["begin"])
    return {**row, "at": local(begin, zone)}

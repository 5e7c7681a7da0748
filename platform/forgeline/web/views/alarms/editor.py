"""The editor of a rule: checked while it is written, tried over stored samples, then published.

A rule that would fire too often is not published before its writer has seen how often (house: nobody is surprised).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS
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
from forgeline.assets.profiles import PROFILES
from forgeline.assets.queries import get_asset, read_home_zone
from forgeline.base.errors import ForgelineError, NotFoundError
from forgeline.web.access import needs, put_faults
from forgeline.web.alarm_forms import FIELDS_OF, RuleForm, initial_of
from forgeline.web.alarm_points import PointChoice, points_of_machine, points_of_profile
from forgeline.web.alarm_rows import local
from forgeline.web.views.alarms.live import EDIT, number_of

DAYS = (7, 30, 90)
_TAKEN_FROM_ADDRESS = ("deadband", "on_delay_s", "off_delay_s", "after_s", "limit")
"""What an analysis suggests is put into the form by the link that leads here."""
_NOT_JUDGED = ("name", "consequence", "instruction", "operator_bounds")
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
    points: list[PointChoice]
    faults: tuple[str, ...] = ()
    """Why the rule is not judged as it stands."""

    @property
    def place(self) -> dict[str, Any]:
        """How services are told for what the rule is."""
        return {"asset_id": self.asset.pk if self.asset else None, "profile": self.profile}

    @property
    def name(self) -> str:
        return self.definition.name_in(get_language() or "en") if self.definition else ""

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
        row = Rule.objects.filter(asset=asset, key=key).first()
        # Nobody misses the judgement of a rule that is switched off.
        faults = in_force[key].faults if key in in_force and in_force[key].is_enabled else ()
        subject = Subject(asset, "", key, plan.get(key), row, plan, points_of_machine(asset_id), faults)
    elif profile in PROFILES:
        own = {rule.key: rule for rule in Rule.objects.filter(profile=profile)}
        plan = {**list_rules(profile), **{each: parse(rule.definition) for each, rule in own.items()}}
        points = points_of_profile(PROFILES[profile])
        subject = Subject(None, profile, key, plan.get(key), own.get(key), plan, points)
    else:
        raise NotFoundError(_("Say for which machine, or for which profile, the rule is."))
    if key and subject.definition is None:
        raise NotFoundError(_("There is nothing here that you may see."), data={"key": key})
    return subject


def _form(request: HttpRequest, subject: Subject, *, is_draft: bool = False) -> RuleForm:
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
        is_draft=is_draft,
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
        "said": _say_posted(subject, form),
        **_trial_context(trial, subject),
    }
    return render(request, "web/alarms/editor.html", context, status=422 if form.errors or trial else 200)


def _say_posted(subject: Subject, form: RuleForm) -> dict[str, Any] | None:
    """Return the words of a form that came back; what is wrong with it stands at its fields and is not said twice."""
    if not form.is_bound or any(name != NON_FIELD_ERRORS for name in form.errors):
        return None
    try:
        said = _say(
            subject,
            services.check_rule(form.definition(), key=subject.key or form.chosen_key, **subject.place)[0],
        )
    except ForgelineError:
        return None
    return {**said, "faults": ()}


def _trial_of(request: HttpRequest, subject: Subject, key: str, raw: dict[str, Any]) -> Trial | None:
    """Return what the rule would have done: from the trial that was seen, else from a new one of a week.

    None where nothing can be said: no machine has the profile, or nothing was stored yet.
    """
    seen = number_of(request.POST.get("trial", ""))
    if seen is not None:
        trial = Trial.objects.filter(pk=seen, finished_at__isnull=False, error="").first()
        tried = services.check_rule(raw, key=key, **subject.place)[0]
        if trial is not None and _judged_of(trial.definition) == _judged_of(dump(tried)):
            return trial
    try:
        return try_rule(raw, key=key, days=DAYS[0], actor=request.actor, **subject.place)  # type: ignore[attr-defined]
    except ForgelineError as error:
        if error.key in _HARMLESS:
            return None
        raise


def _judged_of(definition: dict[str, Any]) -> dict[str, Any]:
    """Return what of a rule a trial depends on: not how it is called, nor what operators may do."""
    return {word: said for word, said in definition.items() if word not in _NOT_JUDGED}


@require_POST
@needs(EDIT)
def check(request: HttpRequest) -> HttpResponse:
    """Say the rule in words, and every fault of it; asked while it is written."""
    subject = _subject(request)
    form = _form(request, subject, is_draft=True)
    context: dict[str, Any] = {"faults": []}
    if form.is_valid():
        try:
            definition, faults = services.check_rule(
                form.definition(), key=subject.key or form.chosen_key, **subject.place
            )
        except ForgelineError as error:
            faults = [str(error)]
        else:
            context = _say(subject, definition)
    else:
        faults = form.list_errors()
    context["faults"] = list(dict.fromkeys([*context["faults"], *faults]))
    return render(request, "web/alarms/parts/checked.html", context)


def _say(subject: Subject, definition: Definition) -> dict[str, Any]:
    """Return the rule in words. Numbers nobody has touched since the point's unit changed are said in theirs, beside
    what they would mean once published.
    """
    if subject.asset is not None:
        name = read_names([(subject.asset.pk, definition)]).of(subject.asset.pk)
    else:
        name = names_of_profile(PROFILES[subject.profile])
    language = get_language() or "en"

    def other(key: str) -> str:
        return subject.others[key].name_in(language) if key in subject.others else key

    words, will_be, faults = say_condition(definition, name), "", ()
    stored = subject.definition
    if (
        subject.faults
        and stored is not None
        and stored.condition == definition.condition
        and {**definition.units, **stored.units} != definition.units
    ):
        words, will_be, faults = say_condition(stored, name), words, subject.faults
    return {
        "words": words, "will_be": will_be, "remarks": list_remarks(definition, other), "faults": faults
    }  # fmt: skip


@require_POST
@needs(EDIT)
def preview(request: HttpRequest) -> HttpResponse:
    """Try the rule over the last days; what takes longer goes on behind the page."""
    subject = _subject(request)
    form = _form(request, subject, is_draft=True)
    found, fault = None, ""
    days = number_of(request.POST.get("days", "")) or DAYS[0]
    if not form.is_valid():
        fault = form.list_errors()[0]
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
    zone = found.asset.site.zone if found.asset else read_home_zone()
    return render(request, "web/alarms/parts/trial.html", _context_of(found, zone))


def _trial_context(found: Trial | None, subject: Subject) -> dict[str, Any]:
    if found is None:
        return {"trial": None}
    return _context_of(found, subject.asset.site.zone if subject.asset else read_home_zone())


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

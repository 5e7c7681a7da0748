"""Rules as they stand, by machine or by profile; what a rule has said before, and back to it."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext as _
from django.views.decorators.http import require_POST

from forgeline.alarms import queries, services
from forgeline.alarms.definitions import Definition, parse
from forgeline.alarms.models import Rule
from forgeline.alarms.plan import RuleInForce, read_plan
from forgeline.alarms.profiles import list_rules
from forgeline.alarms.wording import list_remarks, names_of_profile, read_names, say_condition
from forgeline.assets.models import Asset
from forgeline.assets.models.place import AssetLevel
from forgeline.assets.profiles import PROFILES
from forgeline.assets.queries import list_assets, list_sites, read_home_zone
from forgeline.base.errors import ForgelineError
from forgeline.web.access import needs
from forgeline.web.alarm_rows import local
from forgeline.web.views.alarms.live import EDIT, VIEW, number_of

MOST_MACHINES = 60
"""Of one page; a plant with more narrows by name."""


@needs(VIEW)
def rules(request: HttpRequest) -> HttpResponse:
    """List the rules in force by machine, with what stands in the way of those that are not judged."""
    sites = list(list_sites())
    site_id = number_of(request.GET.get("plant", ""))
    search = request.GET.get("q", "")[:80].replace("\x00", "")
    assets = list_assets().filter(level=AssetLevel.WORK_UNIT).select_related("site").order_by("site", "name")
    if site_id is not None:
        assets = assets.filter(site_id=site_id)
    if search:
        wanted = Q(name__icontains=search)
        for code, _word in settings.LANGUAGES:
            wanted |= Q(**{f"names__{code}__icontains": search})
        assets = assets.filter(wanted)
    chosen = list(assets[: MOST_MACHINES + 1])
    has_more, chosen = len(chosen) > MOST_MACHINES, chosen[:MOST_MACHINES]
    plan = read_plan(asset_ids=[asset.pk for asset in chosen])
    names = read_names((rule.asset_id, rule.definition) for rule in plan)
    by_machine = {asset_id: list(found) for asset_id, found in groupby(plan, key=lambda rule: rule.asset_id)}
    context = {
        "tab": "rules",
        "groups": [
            {"asset": asset, "rows": _rows(by_machine.get(asset.pk, []), names.of(asset.pk))}
            for asset in chosen
        ],
        "has_more": has_more,
        "most": MOST_MACHINES,
        "faults": sum(rule.is_enabled and bool(rule.faults) for rule in plan),
        "profiles": _profiles(),
        "sites": sites,
        "site_id": site_id,
        "q": search,
        "may_edit": request.actor.has_permission(EDIT),  # type: ignore[attr-defined]
    }
    return render(request, "web/alarms/rules.html", context)


def _rows(plan: list[RuleInForce], name: Any) -> list[dict[str, Any]]:
    language = get_language() or "en"
    by_key = {rule.key: rule for rule in plan}

    def other(key: str) -> str:
        return by_key[key].definition.name_in(language) if key in by_key else key

    return [
        {
            "rule": rule, "name": rule.definition.name_in(language), "priority": rule.definition.priority.value,
            "condition": say_condition(rule.definition, name), "remarks": list_remarks(rule.definition, other),
        }
        for rule in plan
    ]  # fmt: skip


def _profiles() -> list[tuple[str, str]]:
    """Return the profiles that the company's machines have."""
    used = set(Asset.objects.filter(retired_at=None).exclude(profile="").values_list("profile", flat=True))
    language = get_language() or "en"
    return sorted((key, PROFILES[key].name_in(language)) for key in used if key in PROFILES)


@needs(VIEW)
def profile_rules(request: HttpRequest, profile: str) -> HttpResponse:
    """List the rules that all machines of a profile inherit."""
    if profile not in PROFILES:
        return redirect("web:alarm_rules")
    language = get_language() or "en"
    name = names_of_profile(PROFILES[profile])
    own = {rule.key: rule for rule in Rule.objects.filter(profile=profile)}
    found: dict[str, Definition] = {
        **list_rules(profile), **{key: parse(rule.definition) for key, rule in own.items()}
    }  # fmt: skip
    rows = [
        {
            "key": key, "name": definition.name_in(language), "priority": definition.priority.value,
            "condition": say_condition(definition, name), "own": own.get(key),
            "remarks": list_remarks(definition, lambda each: found[each].name_in(language) if each in found else each),
        }
        for key, definition in sorted(found.items())
    ]  # fmt: skip
    context = {
        "tab": "rules", "profile": profile, "title": PROFILES[profile].name_in(language), "rows": rows,
        "machines": Asset.objects.filter(profile=profile, retired_at=None).count(),
        "may_edit": request.actor.has_permission(EDIT),  # type: ignore[attr-defined]
    }  # fmt: skip
    return render(request, "web/alarms/profile_rules.html", context)


@needs(VIEW)
def versions(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Show what a rule has said, the newest first."""
    rule = queries.get_rule(rule_id)
    found = list(queries.list_versions(rule))
    definitions = [parse(version.definition) for version in found]
    if rule.asset_id is not None:
        name = read_names((rule.asset_id, each) for each in definitions).of(rule.asset_id)
    else:
        name = names_of_profile(PROFILES[rule.profile])
    language = get_language() or "en"
    zone = rule.asset.site.zone if rule.asset else read_home_zone()
    context = {
        "tab": "rules", "rule": rule, "title": parse(rule.definition).name_in(language),
        "place": rule.asset.title if rule.asset else PROFILES[rule.profile].name_in(language),
        "rows": [
            {
                "version": version, "name": definition.name_in(language), "priority": definition.priority.value,
                "condition": say_condition(definition, name), "remarks": list_remarks(definition, str),
                "at": local(version.published_at, zone, "%Y-%m-%d %H:%M"), "is_now": version.number == rule.number,
            }
            for version, definition in zip(found, definitions, strict=True)
        ],
        "may_edit": request.actor.has_permission(EDIT),  # type: ignore[attr-defined]
    }  # fmt: skip
    return render(request, "web/alarms/versions.html", context)


@require_POST
@needs(EDIT)
def change(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Publish an older version again, or take the rule away."""
    actor = request.actor  # type: ignore[attr-defined]
    number = number_of(request.POST.get("number", ""))
    try:
        if request.POST.get("deed") == "remove":
            services.remove_rule(rule_id, actor=actor)
            messages.success(request, _("The rule is taken away; what the machine inherits stands again."))
            return redirect("web:alarm_rules")
        services.roll_back(rule_id, number=number or 0, actor=actor)
    except ForgelineError as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, _("Version %(number)d stands again, as a new version.") % {"number": number or 0}
        )
    return redirect("web:alarm_versions", rule_id=rule_id)

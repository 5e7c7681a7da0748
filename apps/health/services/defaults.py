"""The plans that a machine's device profile proposes, made for the machine; those that it has are left as they are."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import get_language, gettext as _

from apps.health import calc
from apps.health.models import MaintenancePlan
from apps.health.models.plans import Trigger
from apps.health.profiles import ProfilePlan, parse_section
from apps.health.rules import PLAN
from apps.health.services.plans import create_plan
from apps.health.services.saving import invalid, machine
from forgeline.assets.models import Asset
from forgeline.assets.profiles import PROFILES
from forgeline.assets.queries import find_point_ids
from forgeline.base import clock
from forgeline.identity.policy import Actor, require_permission


def list_proposals(asset: Asset) -> list[ProfilePlan]:
    """Return what the machine's profile proposes."""
    profile = PROFILES.get(asset.profile)
    return [] if profile is None else list(parse_section(profile.sections.get("maintenance", {})).plans)


def adopt_profile_plans(asset_id: int, *, actor: Actor) -> list[MaintenancePlan]:
    """Make the plans of the profile that the machine lacks, by name. **Raises** InvalidInputError without any."""
    require_permission(actor, PLAN)
    asset = machine(asset_id)
    proposals = list_proposals(asset)
    if not proposals:
        raise invalid(asset=_("The device profile of this machine proposes no plans."))
    taken = set(MaintenancePlan.objects.filter(asset=asset).values_list("name", flat=True))
    language = (get_language() or "en").lower()
    made = []
    with transaction.atomic():
        for proposal in proposals:
            facts = _facts(asset, proposal, language)
            if facts is not None and not taken & set(proposal.name.values()):
                made.append(create_plan(asset_id=asset_id, actor=actor, **facts))
    return made


def _facts(asset: Asset, proposal: ProfilePlan, language: str) -> dict[str, Any] | None:
    facts: dict[str, Any] = {
        "name": proposal.name.get(language) or proposal.name["en"], "names": dict(proposal.name),
        "lead_days": proposal.lead_days, "priority": proposal.priority,
        "checklist": [line.words(language) for line in proposal.checklist],
    }  # fmt: skip
    if proposal.alarm:
        return {**facts, "trigger": Trigger.CONDITION, "alarm_key": proposal.alarm}
    if proposal.unit == "hours":
        return {**facts, "trigger": Trigger.HOURS, "every": proposal.every}
    if proposal.unit in ("day", "week", "month"):
        today = clock.in_zone(clock.now_us(), asset.site.zone).date()
        # Nobody knows when it was done last: the first is due when one interval has gone.
        first_on = calc.next_due_on(today, int(proposal.every or 1), proposal.unit, today)
        return {
            **facts,
            "trigger": Trigger.CALENDAR,
            "every": proposal.every,
            "every_unit": proposal.unit,
            "first_on": first_on,
        }
    point_id = find_point_ids(asset_id=asset.pk, keys=[proposal.unit]).get(proposal.unit)
    if point_id is None:
        return None
    return {**facts, "trigger": Trigger.COUNT, "every": proposal.every, "point_id": point_id}

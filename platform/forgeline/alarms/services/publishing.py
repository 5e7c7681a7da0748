"""Writes about rules: published in versions, rolled back, moved within bounds, taken away. Every change is kept."""

from __future__ import annotations

from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.db.models import F
from django.utils.translation import gettext as _

from forgeline.alarms.checking import list_circles, list_faults, with_units
from forgeline.alarms.definitions import Definition, Limit, PointFacts, dump, parse
from forgeline.alarms.models import Judgement, Rule, RuleVersion
from forgeline.alarms.plan import RuleInForce, read_plan, read_points
from forgeline.alarms.profiles import list_rules, points_of
from forgeline.assets.models import Asset
from forgeline.assets.profiles import PROFILES
from forgeline.base.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from forgeline.identity.policy import Actor, require_permission

ANSWER = "alarms.acknowledge"
EDIT = "alarms.edit"
MAX_RULES_A_MACHINE = 200


def check_rule(
    raw: Any, *, asset_id: int | None = None, profile: str = "", key: str = ""
) -> tuple[Definition, list[str]]:
    """Return the definition as read, and every fault as a sentence. **Raises** InvalidInputError for what is no rule,
    NotFoundError for a machine or profile that is not there.
    """
    definition = parse(raw)
    facts, others = _surroundings(definition, asset_id, profile)
    faults = list_faults(definition, facts, others=set(others) - {key})
    return with_units(definition, facts), faults or list_circles(definition, key, others)


def publish_rule(
    raw: Any,
    *,
    key: str,
    asset_id: int | None = None,
    profile: str = "",
    is_enabled: bool = True,
    note: str = "",
    number: int | None = None,
    actor: Actor,
) -> Rule:
    """Make a rule, or its next version, and have it judged from now on.

    ``number`` is the version that the caller has seen; None: whatever it is.
    **Raises** InvalidInputError with every fault, ConflictError where somebody else was faster.
    """
    require_permission(actor, EDIT)
    definition, faults = check_rule(raw, asset_id=asset_id, profile=profile, key=key)
    if faults:
        raise InvalidInputError(faults[0], key="alarms.invalid_rule", data={"fields": {"definition": faults}})
    rule = Rule.objects.select_for_update().filter(asset_id=asset_id, profile=profile, key=key).first()
    if rule is None:
        if Rule.objects.filter(asset_id=asset_id, profile=profile).count() >= MAX_RULES_A_MACHINE:
            raise InvalidInputError(
                _("A machine may have at most %(most)d rules.") % {"most": MAX_RULES_A_MACHINE}
            )
        rule = Rule(asset_id=asset_id, profile=profile, key=key, number=0)
        try:
            rule.clean_fields(exclude=["tenant", "asset", "profile", "definition", "number"])
        except ValidationError as error:
            sentences = [str(sentence) for sentence in error.message_dict["key"]]
            raise InvalidInputError(sentences[0], data={"fields": {"key": sentences}}) from error
    elif number is not None and rule.number != number:
        raise ConflictError(
            _("Somebody else has changed the rule meanwhile; look at it again."),
            key="alarms.changed_meanwhile", data={"number": rule.number},
        )  # fmt: skip
    return _publish(rule, definition, is_enabled=is_enabled, note=note, actor=actor)


def roll_back(rule_id: int, *, number: int, actor: Actor) -> Rule:
    """Publish an older version again. **Raises** NotFoundError where there is none."""
    require_permission(actor, EDIT)
    rule = _get(rule_id)
    version = RuleVersion.objects.filter(rule=rule, number=number).first()
    if version is None:
        raise NotFoundError(_("The rule has no version %(number)d.") % {"number": number})
    definition, faults = check_rule(
        version.definition, asset_id=rule.asset_id, profile=rule.profile, key=rule.key
    )
    if faults:
        raise InvalidInputError(faults[0], key="alarms.invalid_rule", data={"fields": {"definition": faults}})
    note = _("As in version %(number)d") % {"number": number}
    return _publish(rule, definition, is_enabled=version.is_enabled, note=note, actor=actor)


def move_limit(*, asset_id: int, key: str, limit: float, note: str = "", actor: Actor) -> Rule:
    """Move the limit of a rule in force on a machine, within the bounds that an engineer has set.

    Whoever may write rules may move it anywhere. **Raises** ForbiddenError where no bounds are set,
    InvalidInputError outside them.
    """
    require_permission(actor, ANSWER)
    rule = _find_in_force(asset_id, key)
    condition, bounds = rule.definition.condition, rule.definition.operator_bounds
    if not isinstance(condition, Limit):
        raise InvalidInputError(_("Only the limit of a limit rule can be moved."))
    if not actor.has_permission(EDIT):
        if bounds is None:
            raise ForbiddenError(
                _("No bounds are set within which you may move this limit; ask an engineer."),
                key="alarms.no_bounds",
            )
        if not bounds.lowest <= limit <= bounds.highest:
            sentence = _("You may move this limit between %(lowest)g and %(highest)g.") % {
                "lowest": bounds.lowest, "highest": bounds.highest,
            }  # fmt: skip
            raise InvalidInputError.at("limit", sentence, key="alarms.out_of_bounds")
    definition = msgspec.structs.replace(
        rule.definition, condition=msgspec.structs.replace(condition, limit=limit)
    )
    own = Rule.objects.select_for_update().filter(asset_id=asset_id, key=key).first()
    own = own or Rule(asset_id=asset_id, key=key, number=0)
    facts = read_points().facts_for(asset_id, condition.inputs.values())
    if faults := list_faults(definition, facts, others=set(definition.quiet_under)):
        raise InvalidInputError(faults[0], data={"fields": {"limit": faults}})
    return _publish(own, definition, is_enabled=rule.is_enabled, note=note, actor=actor)


def remove_rule(rule_id: int, *, actor: Actor) -> None:
    """Take a rule away with its versions; what a machine inherits stands again."""
    require_permission(actor, EDIT)
    _get(rule_id).delete()
    _tell_judge()


def _publish(rule: Rule, definition: Definition, *, is_enabled: bool, note: str, actor: Actor) -> Rule:
    rule.definition, rule.is_enabled = dump(definition), is_enabled
    rule.number += 1
    rule.save()
    RuleVersion.objects.create(
        rule=rule, number=rule.number, definition=rule.definition, is_enabled=is_enabled,
        note=note.strip()[:200], published_by_id=actor.user_id, publisher=actor.label[:120],
    )  # fmt: skip
    _tell_judge()
    return rule


def _tell_judge() -> None:
    """The judge sees in its next round that rules have changed."""
    Judgement.objects.get_or_create()
    Judgement.objects.update(revision=F("revision") + 1)


def _get(rule_id: int) -> Rule:
    rule: Rule | None = Rule.objects.select_for_update().filter(pk=rule_id).first()
    if rule is None:
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": rule_id})
    return rule


def _find_in_force(asset_id: int, key: str) -> RuleInForce:
    for rule in read_plan(asset_ids=[asset_id]):
        if rule.key == key:
            return rule
    raise NotFoundError(_("There is nothing here that you may see."), data={"asset": asset_id, "key": key})


def _surroundings(
    definition: Definition, asset_id: int | None, profile: str
) -> tuple[dict[str, PointFacts], dict[str, Definition]]:
    """Return the points that the rule may name, and the rules beside it by key."""
    words = definition.condition.inputs.values()
    if (asset_id is None) == (not profile):
        raise InvalidInputError(_("Say for which machine, or for which profile, the rule is."))
    if asset_id is None:
        if profile not in PROFILES:
            raise NotFoundError(_("There is no such device profile."), data={"profile": profile})
        own = {rule.key: parse(rule.definition) for rule in Rule.objects.filter(profile=profile)}
        return points_of(PROFILES[profile]), {**list_rules(profile), **own}
    if not Asset.objects.filter(pk=asset_id, retired_at=None).exists():
        raise NotFoundError(_("There is nothing here that you may see."), data={"asset": asset_id})
    facts = read_points().facts_for(asset_id, words)
    return facts, {rule.key: rule.definition for rule in read_plan(asset_ids=[asset_id])}

"""What a trial tries: the rule as asked for on each machine, and the rule that stands there now.

Not here: judging it (walk, machine), rows of longer trials (models).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from forgeline.alarms.checking import list_circles, list_faults
from forgeline.alarms.definitions import Definition, dump, parse
from forgeline.alarms.judging.book import Input, Planned
from forgeline.alarms.plan import Points, RuleInForce, Source, read_plan, read_points
from forgeline.alarms.services import check_rule
from forgeline.assets.models import Asset
from forgeline.base.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Question:
    """A rule that is to be tried on a machine, or on all machines of a profile. ``key``: the rule it would replace."""

    definition: Definition
    asset_id: int | None
    profile: str
    key: str


@dataclass(frozen=True, slots=True)
class Subject:
    """A machine on which a rule is tried. ``reason``: why it cannot be, a sentence; else ``new`` is there."""

    asset: Asset
    new: Planned | None
    current: Planned | None
    reason: str = ""


def ask(raw: Any, *, asset_id: int | None, profile: str, key: str) -> Question:
    """Return the question. **Raises** InvalidInputError with every fault of the rule, NotFoundError."""
    # Its name and the range of operators judge nothing: a rule is tried before it has them.
    given = parse(raw)
    name = given.name if any(given.name.values()) else {"en": key or "?"}
    tried = msgspec.structs.replace(given, name=name, operator_bounds=None)
    definition, faults = check_rule(dump(tried), asset_id=asset_id, profile=profile, key=key)
    if faults:
        raise InvalidInputError(faults[0], key="alarms.invalid_rule", data={"fields": {"definition": faults}})
    return Question(definition, asset_id, profile, key)


def find_subjects(question: Question) -> list[Subject]:
    """Return the machines that the rule would be judged on, by id; those too on which it cannot be."""
    if question.asset_id is None:
        chosen = Asset.objects.filter(profile=question.profile)
    else:
        chosen = Asset.objects.filter(pk=question.asset_id)
    assets = list(chosen.filter(retired_at=None).select_related("site").order_by("pk"))
    plan: dict[int, list[RuleInForce]] = {asset.pk: [] for asset in assets}
    for rule in read_plan(asset_ids=plan):
        plan[rule.asset_id].append(rule)
    points = read_points()
    return [_subject(question, asset, plan[asset.pk], points) for asset in assets]


def _subject(question: Question, asset: Asset, rules: list[RuleInForce], points: Points) -> Subject:
    definition = question.definition
    current = next((rule for rule in rules if rule.key == question.key), None)
    if question.asset_id is None and current is not None and current.source is Source.MACHINE:
        return Subject(
            asset, None, None, _("This machine has a rule of its own under this key, which stays.")
        )
    words = definition.condition.inputs
    others = {rule.key for rule in rules} - {question.key}
    faults = list_faults(definition, points.facts_for(asset.pk, words.values()), others=others)
    faults = faults or list_circles(definition, question.key, {rule.key: rule.definition for rule in rules})
    if faults:
        return Subject(asset, None, None, faults[0])
    inputs = {}
    for name, word in words.items():
        point = points.find(asset.pk, word)
        assert point is not None  # list_faults would have said so
        inputs[name] = Input(point.point_id, point.facts.interval_s)
    new = Planned(asset.pk, question.key, definition, inputs)
    is_judged = current is not None and current.is_judged
    return Subject(asset, new, current.planned() if current is not None and is_judged else None)

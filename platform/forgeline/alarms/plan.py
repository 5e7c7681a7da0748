"""Which rules stand for which machine: the profile's, the company's for the profile, the machine's own, in that order
of rising precedence by key; and which of them cannot be judged, and why.

Not here: what a rule says (definitions), judging (judging/, judge).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext as _

from forgeline.alarms import profiles
from forgeline.alarms.checking import list_faults
from forgeline.alarms.definitions import Definition, PointFacts, parse
from forgeline.alarms.judging.book import Input, Planned
from forgeline.alarms.models import Rule
from forgeline.assets.models import Asset, Point
from forgeline.assets.models.naming import in_reading
from forgeline.base.errors import InvalidInputError
from forgeline.telemetry.sample import PointKind
from forgeline.tenancy.context import require_tenant_id


class Source(StrEnum):
    """Where a rule in force comes from."""

    PROFILE = "profile"
    COMPANY = "company"
    MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class RuleInForce:
    """A rule as it stands for one machine. ``faults``: why it is not judged; a sentence each, with the remedy."""

    asset_id: int
    key: str
    definition: Definition
    source: Source
    rule_id: int | None
    number: int
    is_enabled: bool
    inputs: Mapping[str, Input] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    @property
    def is_judged(self) -> bool:
        return self.is_enabled and not self.faults

    def planned(self) -> Planned:
        return Planned(self.asset_id, self.key, self.definition, self.inputs)


@dataclass(frozen=True, slots=True)
class PlanPoint:
    """What a plan knows of a point."""

    point_id: int
    asset_id: int
    key: str
    facts: PointFacts


class Points:
    """The points that rules may name: by key on their machine, by ``#id`` anywhere in the company."""

    def __init__(self, points: Iterable[PlanPoint]) -> None:
        self._by_key: dict[tuple[int, str], PlanPoint] = {}
        self._by_id: dict[int, PlanPoint] = {}
        for point in points:
            self._by_key[point.asset_id, point.key] = point
            self._by_id[point.point_id] = point

    def find(self, asset_id: int, word: str) -> PlanPoint | None:
        """Return the point that a rule of the machine means by a word."""
        if word.startswith("#"):
            return self._by_id.get(int(word[1:])) if word[1:].isdecimal() else None
        return self._by_key.get((asset_id, word))

    def facts_for(self, asset_id: int, words: Iterable[str]) -> dict[str, PointFacts]:
        """Return the facts of those words that mean a point."""
        found = {word: self.find(asset_id, word) for word in words}
        return {word: point.facts for word, point in found.items() if point is not None}


def read_points(*, asset_ids: Sequence[int] | None = None, named: Iterable[str] = ()) -> Points:
    """Return the company's points that are in use, or those of some machines and those ``named`` as ``#id``."""
    require_tenant_id()
    found = Point.objects.filter(retired_at=None)
    if asset_ids is not None:
        ids = [int(word[1:]) for word in named if word.startswith("#") and word[1:].isdecimal()]
        found = found.filter(Q(asset_id__in=asset_ids) | Q(pk__in=[pk for pk in ids if pk < 1 << 31]))
    rows = found.values_list(
        "pk", "asset_id", "key", "name", "names", "kind", "unit", "expected_interval_s", "valid_min", "valid_max"
    )  # fmt: skip
    return Points(
        PlanPoint(
            pk, asset_id, key,
            PointFacts(PointKind(kind), unit, interval_s, lowest, highest, in_reading(names, name)),
        )
        for pk, asset_id, key, name, names, kind, unit, interval_s, lowest, highest in rows
    )  # fmt: skip


def read_plan(*, asset_ids: Iterable[int] | None = None) -> list[RuleInForce]:
    """Return every rule in force of the company's machines (or of some), by machine and key; the disabled too."""
    require_tenant_id()
    assets = Asset.objects.filter(retired_at=None).order_by("pk")
    rules = Rule.objects.all()
    ids = None if asset_ids is None else list(asset_ids)
    if ids is not None:
        # One machine of a thousand is asked for a thousand times an hour: what is of the others is not read.
        assets, rules = assets.filter(pk__in=ids), rules.filter(Q(asset=None) | Q(asset_id__in=ids))
    own: dict[int, list[Rule]] = {}
    of_profile: dict[str, list[Rule]] = {}
    for rule in rules:
        if rule.asset_id is None:
            of_profile.setdefault(rule.profile, []).append(rule)
        else:
            own.setdefault(rule.asset_id, []).append(rule)
    of_machine = [
        _rules_of(asset_id, profile, of_profile.get(profile, []), own.get(asset_id, []))
        for asset_id, profile in assets.values_list("pk", "profile")
    ]
    named = {
        word
        for found in of_machine
        for rule in found.values()
        for word in rule.definition.condition.inputs.values()
    }
    points = read_points(asset_ids=ids, named=named)
    return [
        _check(rule, points, set(found) - {key})
        for found in of_machine
        for key, rule in sorted(found.items())
    ]


_FINGERPRINT = """
SELECT (SELECT coalesce(sum(hashtextextended(concat_ws('|', id, asset_id, key, kind, unit, expected_interval_s,
                            coalesce(valid_min::text, '-'), coalesce(valid_max::text, '-')), 0)), 0)
        FROM assets_point WHERE retired_at IS NULL)
     + (SELECT coalesce(sum(hashtextextended(concat_ws('|', id, profile), 1)), 0)
        FROM assets_asset WHERE retired_at IS NULL)
"""


def read_fingerprint() -> int:
    """Return a number that changes with the machines and points that a plan rests on: rules are told of otherwise."""
    require_tenant_id()
    with connection.cursor() as cursor:
        cursor.execute(_FINGERPRINT)
        return int(cursor.fetchone()[0])


def _rules_of(asset_id: int, profile: str, of_company: list[Rule], own: list[Rule]) -> dict[str, RuleInForce]:
    found: dict[str, RuleInForce] = {
        key: RuleInForce(asset_id, key, definition, Source.PROFILE, None, 0, is_enabled=True)
        for key, definition in profiles.list_rules(profile).items()
    }
    for source, rules in ((Source.COMPANY, of_company), (Source.MACHINE, own)):
        for rule in rules:
            found[rule.key] = _read(asset_id, rule, source)
    return found


def _read(asset_id: int, rule: Rule, source: Source) -> RuleInForce:
    try:
        definition, faults = parse(rule.definition), ()
    except InvalidInputError as error:
        # Written by another version of Forgeline: told, not passed over.
        definition, faults = parse(UNREADABLE), (str(error),)
    return RuleInForce(
        asset_id, rule.key, definition, source, rule.pk, rule.number, rule.is_enabled, faults=faults
    )


UNREADABLE = {"name": {"en": "?"}, "condition": {"kind": "silence", "point": "?"}}


def _check(rule: RuleInForce, points: Points, others: set[str]) -> RuleInForce:
    """Find the rule's points, and what stands in its way."""
    if rule.faults:
        return rule
    words = rule.definition.condition.inputs
    faults = list_faults(rule.definition, points.facts_for(rule.asset_id, words.values()), others=others)
    inputs = {}
    for name, word in words.items():
        point = points.find(rule.asset_id, word)
        if point is not None and point.facts.kind != PointKind.TEXT:
            inputs[name] = Input(point.point_id, point.facts.interval_s)
        elif point is not None:
            faults.append(_("%(point)s is text, which no rule reads.") % {"point": point.facts.title or word})
    return RuleInForce(
        rule.asset_id, rule.key, rule.definition, rule.source, rule.rule_id, rule.number, rule.is_enabled,
        inputs, tuple(faults),
    )  # fmt: skip

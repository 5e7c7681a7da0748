"""Bad actors: the ten alarms that make the most of a plant's load in a week, and what would calm each of them.

In the tenant's scope, as JSON-like data. Not here: their figures (actors), judging changes (remedies, evidence),
stored weeks (reports).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from numpy.typing import NDArray

from forgeline.alarms.analysis.actors import Actor, calls_of, find_actors
from forgeline.alarms.analysis.calls import within
from forgeline.alarms.analysis.evidence import Samples, Verdict
from forgeline.alarms.analysis.journal import Who
from forgeline.alarms.analysis.kpis import DAY_US, Position
from forgeline.alarms.analysis.queries import calendar_of, find_sites, iso, read_positions
from forgeline.alarms.analysis.remedies import REAL_US, Change, Outcome, choose, own_size, try_on_journal
from forgeline.alarms.analysis.weeks import Week, parse_word, week_from, week_of
from forgeline.alarms.definitions import Rate, Silence, dump
from forgeline.alarms.plan import RuleInForce, read_plan
from forgeline.alarms.trying import feeding
from forgeline.assets.models import Asset, Point, Site
from forgeline.base import clock
from forgeline.base.errors import InvalidInputError

LEAST_CALLS = 5
"""Of an alarm that came less often nothing can be learnt."""
SAMPLES_OF_A_REQUEST = 300_000
"""About what is judged in a second and a half; alarms beyond are judged by the journal."""
MOST_APART = 0.1
"""By this share the alarms that samples tell of may differ from those that came."""
NOT_IN_FORCE, DISABLED, CALM_NOW = "not_in_force", "disabled", "calm_now"
TOO_FEW, NOTHING_HELPS = "too_few", "nothing_helps"


@dataclass(slots=True)
class Budget:
    """How many stored samples may still be read."""

    samples: float

    def take(self, rule: RuleInForce, days: float) -> bool:
        """Say whether a rule's samples of so many days may be read."""
        expected = feeding.expect_samples([rule.planned()], days)
        if expected > self.samples:
            return False
        self.samples -= expected
        return True


@dataclass(frozen=True, slots=True)
class _Rules:
    """The rules in force of some machines, the machines with their sites, the units of the points."""

    by_key: Mapping[tuple[int, str], RuleInForce]
    assets: Mapping[int, Asset]
    units: Mapping[int, str]


def choose_week(site: Site, word: str | None, now_us: int) -> Week:
    """Return the plant's week by its ISO word; without one the week that runs.

    **Raises** InvalidInputError for what is no week, or one that has not begun.
    """
    calendar = calendar_of(site)
    if not word:
        return week_of(calendar, now_us)
    week = week_from(calendar, read_week(word))
    if week.from_us >= now_us:
        raise _bad(_("This week has not begun yet."))
    return week


def read_week(word: str) -> date:
    """Return the Monday of a week. **Raises** InvalidInputError."""
    try:
        return parse_word(word)
    except ValueError:
        raise _bad(_("Write a week as 2026-W47.")) from None


def compute_bad_actors(
    *, site_id: int | None = None, week: str | None = None, now_us: int | None = None
) -> list[dict[str, Any]]:
    """Return the bad actors of a week as the journal tells them now, of one plant or of all.

    **Shape** a row for each plant: ``plant``, ``plant_name``, ``week``, ``from``, ``to`` (now, while the week runs),
    ``is_final`` (it does not), ``is_cut`` (there was more to read than can be read at once; ``to`` is where it ends),
    ``alarms`` and ``bad_actors`` (see ``describe_actors``).
    """
    now_us = clock.now_us() if now_us is None else now_us
    sites = find_sites(site_id)
    weeks = {site.pk: choose_week(site, week, now_us) for site in sites}
    spans = {pk: (each.from_us, min(each.to_us, now_us)) for pk, each in weeks.items()}
    positions, alarms, journal = read_positions(sites, spans)
    spans = {
        pk: (from_us, max(min(to_us, journal.until_us), from_us + 1))
        for pk, (from_us, to_us) in spans.items()
    }
    actors = describe_actors(positions, alarms, spans, Budget(SAMPLES_OF_A_REQUEST))
    return [
        {
            "plant": site.pk, "plant_name": site.title, "week": weeks[site.pk].word, "from": iso(spans[site.pk][0]),
            "to": iso(spans[site.pk][1]), "is_final": weeks[site.pk].to_us <= now_us,
            "is_cut": journal.is_cut,
            "alarms": len(within(positions[site.pk].calls, *spans[site.pk])), "bad_actors": actors[site.pk],
        }
        for site in sites
    ]  # fmt: skip


def describe_actors(
    positions: Mapping[int, Position],
    alarms: Mapping[int, Who],
    spans: Mapping[int, tuple[int, int]],
    budget: Budget,
) -> dict[int, list[dict[str, Any]]]:
    """Return each plant's bad actors, the worst first.

    **Shape** who, ``count``, ``share`` (of the plant's calls), ``minutes``, ``chattering_share``, ``fleeting_share``,
    ``median_duration_s``, ``median_acknowledge_s``, ``rule`` (source, rule, number; null where none is in force),
    ``suggestion`` (null, and ``why`` says why) with ``what`` (deadband, off_delay_s, on_delay_s, after_s), ``from``,
    ``to``, ``unit``, ``before``, ``after``, ``real`` (alarms of ``real_s`` and longer), ``lost`` of them,
    ``delay_s``, ``evidence`` (samples, journal), ``coverage`` and ``definition``, ready to be published.
    """
    calls = {pk: within(position.calls, *spans[pk]) for pk, position in positions.items()}
    worst = {pk: find_actors(own, *spans[pk]) for pk, own in calls.items()}
    rules = _read_rules({alarms[actor.alarm].asset_id for actors in worst.values() for actor in actors})
    return {
        pk: [
            _describe(actor, alarms[actor.alarm], calls_of(calls[pk], actor.alarm), rules, spans[pk], budget)
            for actor in actors
        ]
        for pk, actors in worst.items()
    }


def _describe(
    actor: Actor, who: Who, calls: NDArray[Any], rules: _Rules, span: tuple[int, int], budget: Budget
) -> dict[str, Any]:
    rule = rules.by_key.get((who.asset_id, who.key))
    suggestion, why = _suggest(rule, calls, rules, span, budget)
    figures = asdict(actor)
    del figures["alarm"]
    return {
        **who.as_json(),
        **figures,
        "rule": None
        if rule is None
        else {"source": rule.source.value, "rule": rule.rule_id, "number": rule.number},
        "suggestion": suggestion,
        "why": why,
    }


def _suggest(
    rule: RuleInForce | None, calls: NDArray[Any], rules: _Rules, span: tuple[int, int], budget: Budget
) -> tuple[dict[str, Any] | None, str | None]:
    """Return a suggestion, or why there is none."""
    if rule is None or rule.faults:
        return None, NOT_IN_FORCE
    if not rule.is_enabled:
        return None, DISABLED
    if len(calls) < LEAST_CALLS:
        return None, TOO_FEW
    verdict = _ask_samples(rule, calls, rules, span, budget)
    if verdict is None or not _fits(verdict, len(calls)):
        best = choose(try_on_journal(rule.planned(), calls))
        return (_render(rule, best, rules, None), None) if best else (None, NOTHING_HELPS)
    if verdict.best is None:
        return None, CALM_NOW if verdict.is_calm_now else NOTHING_HELPS
    return _render(rule, verdict.best, rules, verdict.coverage), None


def _fits(verdict: Verdict, calls: int) -> bool:
    """Say whether the stored samples tell of the calls that came. Where they tell of many more, the rule was not judged
    while they were measured (it is younger, or they came in later): what came is in the journal.
    """
    return verdict.best is None or abs(verdict.best[1].before - calls) <= max(2, calls * MOST_APART)


def _ask_samples(
    rule: RuleInForce, calls: NDArray[Any], rules: _Rules, span: tuple[int, int], budget: Budget
) -> Verdict | None:
    # Of silence the journal tells all: each alarm is as long as the silence.
    if isinstance(rule.definition.condition, Silence) or not budget.take(rule, (span[1] - span[0]) / DAY_US):
        return None
    return Samples(rule.planned(), rules.assets[rule.asset_id], *span).judge(calls)


def _render(
    rule: RuleInForce, best: tuple[Change, Outcome], rules: _Rules, coverage: float | None
) -> dict[str, Any]:
    change, outcome = best
    return {
        "what": change.what,
        "from": own_size(rule.planned(), change.what),
        "to": change.size,
        "unit": _unit(rule, rules) if change.what == "deadband" else "s",
        "before": outcome.before,
        "after": outcome.after,
        "real": outcome.real,
        "real_s": REAL_US / 1e6,
        "lost": outcome.lost,
        "delay_s": outcome.delay_s,
        "evidence": "journal" if coverage is None else "samples",
        "coverage": None if coverage is None else round(coverage, 4),
        "definition": dump(change.planned.definition),
    }


def _unit(rule: RuleInForce, rules: _Rules) -> str:
    unit = rules.units.get(rule.inputs["point"].point_id, "")
    return f"{unit or '1'}/min" if isinstance(rule.definition.condition, Rate) else unit


def _read_rules(asset_ids: set[int]) -> _Rules:
    plan = read_plan(asset_ids=asset_ids) if asset_ids else []
    assets = Asset.objects.filter(pk__in=asset_ids).select_related("site")
    points: Sequence[int] = sorted({each.point_id for rule in plan for each in rule.inputs.values()})
    return _Rules(
        {(rule.asset_id, rule.key): rule for rule in plan},
        {asset.pk: asset for asset in assets},
        dict(Point.objects.filter(pk__in=points).values_list("pk", "unit")),
    )


def _bad(sentence: str) -> InvalidInputError:
    return InvalidInputError.at("week", sentence)

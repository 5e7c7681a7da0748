"""By what a machine is judged: its points, which way each is the worse, its regime, its limits; the ways to them.

The device profile's section ``health`` says so without a setting; alarms add their limits. Not here: the judging.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import FloatField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from apps.health.models import Condition
from apps.health.outlook import Bound, Limit, gather_bounds, lay_trend
from apps.health.profile_features import HealthSection, Worse, parse_section
from forgeline.alarms.definitions import Limit as LimitCondition
from forgeline.alarms.plan import RuleInForce
from forgeline.assets.models import Asset, Point
from forgeline.assets.models.point import Kind
from forgeline.assets.profiles import PROFILES, Profile
from forgeline.base.units import UnitError, convert

MOST_POINTS = 24
TREND_SPAN = timedelta(days=28)
_NO_SECTION = HealthSection(())


@dataclass(frozen=True, slots=True)
class Watched:
    """What the judgement of a machine looks at. ``of_profile``: limits by its kind, in the points' units."""

    points: tuple[Point, ...]
    worse: dict[int, str] = field(default_factory=dict)
    regime: Point | None = None
    of_profile: tuple[tuple[int, bool, Limit], ...] = ()

    @property
    def read(self) -> tuple[Point, ...]:
        """The points whose samples are read: those that are judged, and the one that says how it is worked."""
        return self.points if self.regime is None else (*self.points, self.regime)


def read_watched(asset: Asset) -> Watched:
    """Return what a machine is judged by, at most MOST_POINTS points; one query.

    The measured points that its profile names as features, by key or else by the one free point of the same role,
    and those that people added beside the profile's own. Without a profile, or where the machine has none of its
    points: every measured point.
    """
    points = list(Point.objects.filter(asset_id=asset.pk, retired_at=None).order_by("position", "pk"))
    gauges = [point for point in points if point.kind == Kind.GAUGE]
    profile = PROFILES.get(asset.profile)
    section = _NO_SECTION
    if profile is not None and "health" in profile.sections:
        section = parse_section(profile.sections["health"])
    found = _match(profile, section, points)
    features = [point for feature in section.features if (point := found.get(feature.point)) is not None]
    if profile is None or not features:
        return Watched(tuple(gauges[:MOST_POINTS]))
    own = {spec.key for spec in profile.points}
    regime = found.get(section.regime)
    taken = {point.pk for point in (*features, regime) if point is not None}
    added = [point for point in gauges if point.key not in own and point.pk not in taken]
    limits = []
    for feature in section.features:
        point = found.get(feature.point)
        spec = next(spec for spec in profile.points if spec.key == feature.point)
        if point is not None and feature.limit is not None:
            try:
                value = convert(feature.limit, spec.unit, point.unit)
            except UnitError:
                # Somebody measures another quantity by this key: a limit of the profile says nothing of it.
                continue
            limits.append((point.pk, feature.worse is Worse.HIGH, Limit(value, "profile")))
    return Watched(
        tuple([*features, *added][:MOST_POINTS]),
        {found[each.point].pk: each.worse.value for each in section.features if each.point in found},
        None if regime is None or regime.kind == Kind.TEXT else regime,
        tuple(limits),
    )


def _match(profile: Profile | None, section: HealthSection, points: Sequence[Point]) -> dict[str, Point]:
    """Return the machine's point for each key of the section that it has, by key or by role."""
    if profile is None:
        return {}
    by_key = {point.key: point for point in points}
    roles = {spec.key: spec.role for spec in profile.points}
    found = {}
    for key in (*(feature.point for feature in section.features), section.regime):
        like = [
            point for point in points
            if point.key not in roles and point.role and point.role == roles.get(key) and point.kind == Kind.GAUGE
        ]  # fmt: skip
        alone = sum(role == roles.get(key) for role in roles.values()) == 1 and len(like) == 1
        if key in by_key:
            found[key] = by_key[key]
        elif alone:
            found[key] = like[0]
    return found


def list_bounds(watched: Watched, rules: Iterable[RuleInForce]) -> list[Bound]:
    """Return the limits of the watched points: those of the alarms that are judged, and of the profile."""
    ids = {point.pk for point in watched.points}
    found = list(watched.of_profile)
    for rule in rules:
        condition = rule.definition.condition
        if not isinstance(condition, LimitCondition) or not rule.is_judged:
            continue
        point_id = next(iter(rule.inputs.values())).point_id
        if point_id in ids:
            limit = Limit(condition.limit, condition.level.value)
            # An alarm's word before the profile's, where both say the same value.
            found.insert(0, (point_id, condition.level.is_upper, limit))
    return gather_bounds([each for each in found if each[0] in ids])


def read_trends(asset_id: int, bounds: Sequence[Bound], now: datetime) -> list[dict[str, Any]]:
    """Say of each bound when the point gets there, or why nobody can say (``outlook.lay_trend``); one query.

    From the hourly levels of the last four weeks that are judged, and not from raw samples: a wear is slower.
    """
    if not bounds:
        return []
    ts_s, levels = read_levels(asset_id, [bound.point_id for bound in bounds], now - TREND_SPAN)
    return [lay_trend(ts_s, column, bound) for bound, column in zip(bounds, levels.T, strict=True)]


def read_levels(asset_id: int, point_ids: Sequence[int], since: datetime) -> tuple[Any, Any]:
    """Return the middles of a machine's hours since then and its points' levels in them.

    **Shape** hours by time; hours × points. **Units** seconds since the epoch; the points' own. **Gaps** NaN.
    """
    # An hour keeps every feature of every point: to take the levels out of them here would be half of a judgement.
    own = sorted(set(point_ids))
    level = {f"level_{each}": Cast(KT(f"features__{each}__level"), FloatField()) for each in own}
    found = Condition.objects.filter(
        asset_id=asset_id, hour__gte=since.replace(minute=0, second=0, microsecond=0)
    )
    rows = list(found.annotate(**level).order_by("hour").values_list("hour", *level))
    ts_s = np.array([row[0].timestamp() + 1800 for row in rows], float)
    levels = np.array([row[1:] for row in rows], float).reshape(len(rows), len(own))
    return ts_s, levels[:, [own.index(point_id) for point_id in point_ids]]

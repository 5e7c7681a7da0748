"""What is looked at once a judgement has come up to now: ways to limits, lives, drift of models, first trainings.

Not here: the hours themselves (condition), training (training), what is told to whom (advisories).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from apps.health.models import Condition, ModelVersion, Watch
from apps.health.models.ledger import VersionState
from apps.health.outlook import Bound
from apps.health.patterns import LEAST_ROWS, unpack_pattern
from apps.health.queries.ledger import (
    HEALTHY,
    LIFE,
    LIFE_SPAN,
    PATTERN,
    ROW_HOURS,
    find_current,
    list_failures,
    list_own,
    mean_of_hours,
    read_life,
    read_slices,
)
from apps.health.queries.watched import TREND_SPAN, Watched, read_trends
from apps.health.science.drift import Drift, watch_drift
from apps.health.science.evidence import NotEnough
from apps.health.science.remaining import LifeSettings, explain_life, predict_life
from apps.health.services import advisories
from apps.health.services.training import unpack_life, want
from forgeline.assets.models import Asset, Point

DRIFT_SPAN = timedelta(days=7)
DRIFT_EVERY = timedelta(days=1)
HANG_TOGETHER, LEAST_ROWS_SEEN = 4, 30
"""Neighbouring hours tell nearly the same: four count as one, and of such five days are asked for."""
DRIFTED_SHARE = 1 / 3
"""A model has drifted when a third of its features have: one sensor that was moved is a matter for the sensor."""
OUTSIDE_SHIFTING, OUTSIDE_DRIFTED = 0.05, 0.25
"""Shares of the last week that lie beyond everything that the lives of a fleet have shown."""
MOST_MACHINES = 50
AGAIN = timedelta(days=7)
"""A training that was refused is tried again by itself after a while."""
LIFE_STEP, LIFE_KEPT = timedelta(hours=6), timedelta(days=60)
"""So often, and for so long, what was foretold of a life is kept, for the plot of how it went down."""
FORGELINE = "Forgeline"


def look_ahead(
    watch: Watch,
    asset: Asset,
    watched: Watched,
    bounds: Sequence[Bound],
    version: ModelVersion | None,
    now: datetime,
) -> None:
    """Say when limits are met and how long the machine lives, watch its model's drift, ask for its first training."""
    watch.trends = read_trends(asset.pk, bounds, now)
    advisories.open_for_trends(asset, watch.trends, now)
    if version is None:
        _want_first(PATTERN, now, asset_id=asset.pk)
    elif _is_due(version, now):
        pattern, reference = unpack_pattern(bytes(version.fitted))
        # All hours in which it ran, not the healthy ones alone: what a changed machine shows looks sick to its model.
        _hours, levels, _regime = read_slices(asset.pk, watched, now - DRIFT_SPAN)
        here = {point.pk: place for place, point in enumerate(watched.points)}
        if set(pattern.point_ids) <= set(here):
            current = mean_of_hours(levels)[:, [here[point_id] for point_id in pattern.point_ids]]
            _watch_drift(version, version.card["features"], reference, current, now)
    told = _look_at_life(asset, watched, now)
    past = _go_on(watch.life.get("past", []), told, now)
    watch.life = {**told, "past": past} if told else {}
    if "expected_s" in told:
        advisories.open_for_life(asset, told, now)


def _go_on(past: list[list[Any]], told: Mapping[str, Any], now: datetime) -> list[list[Any]]:
    """Return what was foretold every LIFE_STEP: (seconds since the epoch, expected, low, high); None for no answer."""
    at = now.timestamp()
    kept = [row for row in past if row[0] > at - LIFE_KEPT.total_seconds()]
    if kept and at - kept[-1][0] < LIFE_STEP.total_seconds():
        return kept
    return [*kept, [round(at), *(told.get(name) for name in ("expected_s", "low_s", "high_s"))]]


def _want_first(key: str, now: datetime, *, asset_id: int | None = None, profile: str = "") -> None:
    last = list_own(key, asset_id, profile).values_list("state", "asked_at").first()
    if last is not None and (last[0] != VersionState.REFUSED or now - last[1] < AGAIN):
        return
    if asset_id is not None:
        hours = Condition.objects.filter(asset_id=asset_id, hour__gte=now - TREND_SPAN, index__gte=HEALTHY)
        if hours.count() * 12 < LEAST_ROWS:
            return
    want(key, asset_id=asset_id, profile=profile, by=FORGELINE)


def _is_due(version: ModelVersion, now: datetime) -> bool:
    last = version.drift.get("at")
    return last is None or now - datetime.fromisoformat(last) >= DRIFT_EVERY


def _watch_drift(
    version: ModelVersion, names: Sequence[str], reference: Any, current: Any, now: datetime
) -> None:
    """Compare a model's features now with those that it was trained on; what has drifted stays so until retrained."""
    # A life's rows are four hours each, and a worn machine differs from most of them, as it should: only what none of
    # the lives has shown counts.
    of_lives = version.key == LIFE
    reports: dict[str, dict[str, Any]] = {}
    for name, old, new in zip(names, reference.T, current.T, strict=True):
        told = watch_drift(old, new, hang_together=1 if of_lives else HANG_TOGETHER, least=LEAST_ROWS_SEEN)
        if isinstance(told, NotEnough):
            reports[name] = {"reason": told.reason.value, "data": dict(told.data)}
            continue
        state = told.drift
        if of_lives:
            steps = (Drift.DRIFTED, OUTSIDE_DRIFTED), (Drift.SHIFTING, OUTSIDE_SHIFTING)
            state = next((each for each, least in steps if told.outside >= least), Drift.STABLE)
        reports[name] = {
            "state": state.value, "stability": round(told.stability, 3), "distance": round(told.distance, 3),
            "outside": round(told.outside, 3),
        }  # fmt: skip
    judged = [report["state"] for report in reports.values() if "state" in report]
    whole = ""
    if judged:
        drifted = judged.count(Drift.DRIFTED) >= max(1, len(judged) * DRIFTED_SHARE)
        whole = (
            Drift.DRIFTED if drifted else Drift.STABLE if set(judged) == {Drift.STABLE} else Drift.SHIFTING
        )
    version.drift = {"at": now.isoformat(), "state": str(whole), "points": reports}
    if whole == Drift.DRIFTED and version.drifted_at is None:
        version.drifted_at = now
    version.save(update_fields=["drift", "drifted_at"])


def _watch_fleet(version: ModelVersion, keys: Sequence[str], reference: Any, now: datetime) -> None:
    """Look at the last week of the fleet's machines, of a large one at some of them."""
    points: dict[int, dict[str, int]] = {}
    own = Point.objects.filter(
        asset__profile=version.profile, asset__retired_at=None, key__in=keys, retired_at=None
    )
    for asset_id, key, pk in own.order_by("asset_id").values_list("asset_id", "key", "pk"):
        points.setdefault(asset_id, {})[key] = pk
    whole = [ids for ids in points.values() if set(keys) <= set(ids)]
    weeks = [
        week
        for ids in whole[:: max(1, len(whole) // MOST_MACHINES)]
        if (week := read_life([ids[key] for key in keys], now - DRIFT_SPAN, now)) is not None
    ]
    _watch_drift(version, keys, reference, np.vstack(weeks) if weeks else reference[:0], now)


def _look_at_life(asset: Asset, watched: Watched, now: datetime) -> dict[str, Any]:
    """Return what the fleet's model says of the machine, or why there is none; {} for a machine of no fleet."""
    if not asset.profile or not watched.worse:
        return {}
    failures = list_failures(asset.profile)
    version = find_current(LIFE, profile=asset.profile)
    least = LifeSettings().failures
    if version is None:
        if len(failures) < least:
            return {"reason": "too_few_failures", "data": {"failures": len(failures), "needed": least}}
        _want_first(LIFE, now, profile=asset.profile)
        last = list_own(LIFE, None, asset.profile).defer("fitted").first()
        if last is not None and last.state == VersionState.REFUSED:
            return {"reason": last.reason, "data": last.reason_data}
        return {"reason": "training_waits", "data": {}}
    model, keys, reference = unpack_life(bytes(version.fitted))
    by_key = {point.key: point.pk for point in watched.points}
    ids = [by_key[key] for key in keys if key in by_key]
    if len(ids) < len(keys):
        return {"reason": "other_points", "data": {}, "version": version.number}
    ended = [failure.to_at for failure in failures if failure.asset_id == asset.pk]
    life = read_life(ids, max([now - LIFE_SPAN, *ended]), now)
    if life is None:
        return {"reason": "too_short", "data": {}, "version": version.number}
    if _is_due(version, now):
        _watch_fleet(version, keys, reference, now)
    if not version.is_trusted:
        return {"reason": "drifted", "data": {}, "version": version.number}
    told = predict_life(model, [life])
    row_s = ROW_HOURS * 3600.0
    if told.expected[0] >= 0.97 * model.settings.cap:
        return {"reason": "beyond_horizon", "data": {}, "version": version.number}
    shortens = explain_life(model, life)
    first = int(np.argmax(shortens))
    return {
        "expected_s": float(told.expected[0]) * row_s, "low_s": float(told.low[0]) * row_s,
        "high_s": float(told.high[0]) * row_s, "point": ids[first], "by_s": float(shortens[first]) * row_s,
        "version": version.number,
    }  # fmt: skip

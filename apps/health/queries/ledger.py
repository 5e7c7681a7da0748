"""Reads of the versions of trained models, of the data that they are trained on, and of failures in the records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.health import judging
from apps.health.models import Advisory, Condition, Episode, ModelVersion
from apps.health.models.condition import Finding
from apps.health.models.ledger import VersionState
from apps.health.queries.watched import Watched
from forgeline.base.clock import to_us
from forgeline.base.errors import NotFoundError
from forgeline.telemetry import queries as telemetry

PATTERN, LIFE = "machine_pattern", "remaining_life"
HEALTHY = 70.0
"""An hour below is not learnt as healthy."""
HOUR = timedelta(hours=1)
AROUND = timedelta(hours=2)
"""So much before and after an episode is not learnt either."""
ROW_HOURS = 4
"""A life is told in rows of so many hours that are known: twenty days are what the method can see ahead (its cap)."""
LIFE_SPAN = timedelta(days=180)
LEAST_LIFE_ROWS = 30
SAME_FAILURE = timedelta(days=7)
"""Findings on a machine closer than this are one failure."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A machine that ran until it failed, as its records say. **Time** half-open."""

    asset_id: int
    profile: str
    from_at: datetime
    to_at: datetime


def find_current(key: str, *, asset_id: int | None = None, profile: str = "") -> ModelVersion | None:
    """Return the version in use, None where none was trained yet."""
    return list_own(key, asset_id, profile).filter(state=VersionState.CURRENT).first()


def list_own(key: str, asset_id: int | None, profile: str) -> QuerySet[ModelVersion]:
    """Return the versions of one model, with what was fitted, the newest first."""
    rows = ModelVersion.objects.filter(key=key, profile=profile).order_by("-number")
    return rows.filter(asset=None) if asset_id is None else rows.filter(asset_id=asset_id)


def list_versions() -> QuerySet[ModelVersion]:
    """Return every version with its machine, the newest first; what is fitted is left out."""
    return (
        ModelVersion.objects.filter(asset__retired_at=None)
        .select_related("asset", "asset__site")
        .defer("fitted")
        .order_by("-pk")
    )


def get_version(version_id: int) -> ModelVersion:
    """Return one. **Raises** NotFoundError."""
    found = list_versions().filter(pk=version_id).first()
    if found is None:
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": version_id})
    return found


def list_siblings(row: ModelVersion) -> QuerySet[ModelVersion]:
    """Return all versions of the same model, the newest first."""
    return list_own(row.key, row.asset_id, row.profile).select_related("asset", "asset__site").defer("fitted")


def read_slices(
    asset_id: int, watched: Watched, since: datetime, *, healthy_from: float | None = None
) -> tuple[list[datetime], Any, Any]:
    """Return the hours of a machine since then: their times, slices of its points, slices of its regime's point.

    **Shape** hours × 12 × points; hours × 12 (zeros without a regime). **Gaps** NaN: nothing came, or it did not run.
    ``healthy_from``: only hours with that index or more, outside of episodes but for those that were not confirmed.
    """
    ids = [point.pk for point in watched.read]
    found = Condition.objects.filter(asset_id=asset_id, hour__gte=since).exclude(levels=b"")
    episodes: list[tuple[datetime, datetime]] = []
    if healthy_from is not None:
        found = found.filter(index__gte=healthy_from)
        episodes = list(
            Episode.objects.filter(asset_id=asset_id, last_at__gte=since - AROUND)
            .exclude(advisory__finding__in=[Finding.FALSE, Finding.OTHER])
            .values_list("started_at", "last_at")
        )
    kept = [
        (hour, packed)
        for hour, packed in found.order_by("hour").values_list("hour", "levels")
        if not any(start - AROUND < hour + HOUR and hour < end + AROUND for start, end in episodes)
    ]
    levels = np.array([judging.unpack_levels(bytes(packed), ids) for _hour, packed in kept])
    levels = levels.reshape(len(kept), judging.SLICES, len(ids))
    count = len(watched.points)
    regime = levels[:, :, count] if watched.regime is not None else np.zeros(levels.shape[:2])
    return [hour for hour, _packed in kept], levels[:, :, :count], regime


def mean_of_hours(levels: Any) -> Any:
    """Return the level of each hour. **Shape** hours × slices × points in, hours × points out; NaN: never known."""
    known = np.isfinite(levels)
    count = known.sum(axis=1)
    return np.where(count > 0, np.where(known, levels, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)


def list_failures(profile: str = "") -> list[Failure]:
    """Return the failures in the records of the machines (of a profile), by time: findings confirmed in work orders.

    A failure ends where the machine stood still, or else where it was found; a life begins where the one before
    ended, at most LIFE_SPAN earlier.
    """
    rows = Advisory.objects.filter(
        asset__retired_at=None, finding=Finding.CONFIRMED, work_order__isnull=False
    ).select_related("work_order", "asset")
    if profile:
        rows = rows.filter(asset__profile=profile)
    found: list[Failure] = []
    for row in rows.order_by("asset_id", "found_at"):
        assert row.work_order is not None
        to_at = row.work_order.down_from or row.found_at
        former = found[-1] if found and found[-1].asset_id == row.asset_id else None
        if to_at is None or (former is not None and to_at - former.to_at < SAME_FAILURE):
            continue
        from_at = to_at - LIFE_SPAN if former is None else max(former.to_at, to_at - LIFE_SPAN)
        found.append(Failure(row.asset_id, row.asset.profile, from_at, to_at))
    return sorted(found, key=lambda failure: failure.to_at)


def read_life(point_ids: Sequence[int], from_at: datetime, to_at: datetime) -> Any | None:
    """Return a machine's life as rows of ROW_HOURS known hours × points, None where too little of it is known.

    **Gaps** hours in which nothing came are left out; a point's gap is bridged by its value before, a column that was
    never known or mostly missing makes the life unusable.
    """
    told = telemetry.read_trends(list(point_ids), to_us(from_at), to_us(to_at))
    columns = [told.get(point_id, []) for point_id in point_ids]
    if not columns or min(map(len, columns)) < LEAST_LIFE_ROWS * ROW_HOURS:
        return None
    hours = np.array(columns, float).T
    if np.isnan(hours).mean(axis=0).max() > 0.2:
        return None
    for column in hours.T:
        known = np.flatnonzero(np.isfinite(column))
        column[:] = column[known[np.maximum(np.searchsorted(known, np.arange(len(column)), "right") - 1, 0)]]
    # Rows are counted from the end, so that the last one is the failure, or now.
    whole = len(hours) // ROW_HOURS * ROW_HOURS
    return hours[len(hours) - whole :].reshape(-1, ROW_HOURS, len(columns)).mean(axis=1)

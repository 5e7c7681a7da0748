"""Training of models: asked for by people or by the hourly judgement, done once by a worker, each a version with a
card; what cannot be trained is a version that says why.

Not here: the mathematics (patterns, science/remaining), when a model is no longer trusted (foresight).
"""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from apps.health import patterns
from apps.health.models import ModelVersion
from apps.health.models.ledger import VersionState
from apps.health.profile_features import parse_section
from apps.health.queries.ledger import (
    HEALTHY,
    PATTERN,
    ROW_HOURS,
    find_current,
    get_version,
    list_failures,
    list_own,
    mean_of_hours,
    read_life,
    read_slices,
)
from apps.health.queries.watched import TREND_SPAN, read_watched
from apps.health.rules import PLAN
from apps.health.science.card import ModelCard
from apps.health.science.evidence import NotEnough, Reason
from apps.health.science.remaining import LifeModel, LifeSettings, predict_life, train_life
from apps.health.services.saving import by_of
from forgeline.assets.models import Asset, Point
from forgeline.assets.profiles import PROFILES
from forgeline.base import clock
from forgeline.base.clock import to_us
from forgeline.base.errors import ConflictError
from forgeline.billing.metering import add_cpu
from forgeline.identity.policy import Actor, require_permission

BEFORE_DRIFT = timedelta(days=7)
"""A model that drifted is trained on what came since, and a week before that it was seen."""
SEED = 17
_TRIED_AT = (0.5, 0.7, 0.85, 0.95)
"""At these parts of a life that was held out its remaining life is asked for."""


def ask_training(version_id: int, *, actor: Actor) -> ModelVersion:
    """Ask for a new version of a model. **Raises** ConflictError where one waits already."""
    require_permission(actor, PLAN)
    row = get_version(version_id)
    made = want(row.key, asset_id=row.asset_id, profile=row.profile, by=by_of(actor))
    if made is None:
        raise ConflictError(
            _("Its training is asked for already; it begins within a minute."), key="health.training_waits", data={}
        )  # fmt: skip
    return made


def want(key: str, *, asset_id: int | None = None, profile: str = "", by: str) -> ModelVersion | None:
    """Put down that a version is wanted; None where one waits already."""
    with transaction.atomic():
        # Versions are few: their lock keeps numbers apart, and the constraint stands behind it.
        own = list_own(key, asset_id, profile).select_for_update()
        numbers = list(own.values_list("number", "state"))
        if any(state == VersionState.WANTED for _number, state in numbers):
            return None
        return ModelVersion.objects.create(
            key=key, asset_id=asset_id, profile=profile, number=numbers[0][0] + 1 if numbers else 1,
            asked_by=by, asked_at=clock.now(),
        )  # fmt: skip


def list_wanted() -> list[int]:
    """Return the versions of the company in force that wait for their training, the oldest first."""
    return list(
        ModelVersion.objects.filter(state=VersionState.WANTED)
        .order_by("asked_at")
        .values_list("pk", flat=True)
    )


def train_version(version_id: int) -> bool:
    """Train a wanted version; False where another worker does, or it is done.

    The row's lock is the lease. The version before is replaced in the same transaction, so that there is always one
    in use; one that cannot be trained leaves the version before in use.
    """
    with transaction.atomic():
        row = (
            ModelVersion.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(pk=version_id, state=VersionState.WANTED)
            .first()
        )
        if row is None:
            return False
        began, cpu = time.monotonic(), time.thread_time()
        former = find_current(row.key, asset_id=row.asset_id, profile=row.profile)
        # On cores that others use too, threads of a library wait for each other many times longer than one works.
        with threadpool_limits(1):
            told = _train_pattern(row, former) if row.key == PATTERN else _train_life(row)
        row.trained_at, row.seconds = clock.now(), round(time.monotonic() - began, 1)
        if isinstance(told, NotEnough):
            row.state, row.reason = VersionState.REFUSED, told.reason.value
            row.reason_data = {name: float(value) for name, value in told.data.items()}
        else:
            card, row.fitted = told
            row.card, row.state = asdict(card), VersionState.CURRENT
            if former is not None:
                former.state = VersionState.FORMER
                former.save(update_fields=["state"])
        row.save()
        add_cpu(time.thread_time() - cpu)
    return True


def _train_pattern(row: ModelVersion, former: ModelVersion | None) -> tuple[ModelCard, bytes] | NotEnough:
    asset = Asset.objects.select_related("site").filter(pk=row.asset_id, retired_at=None).first()
    if asset is None:
        return NotEnough(Reason.TOO_FEW_SAMPLES, {"samples": 0.0, "needed": float(patterns.LEAST_ROWS)})
    now = clock.now()
    since = now - TREND_SPAN
    if former is not None and former.drifted_at is not None:
        since = max(since, former.drifted_at - BEFORE_DRIFT)
    watched = read_watched(asset)
    hours, levels, regime = read_slices(asset.pk, watched, since, healthy_from=HEALTHY)
    ids = [point.pk for point in watched.points]
    # A point that never spoke would leave no row whole.
    heard = [
        place for place in range(len(ids)) if len(hours) and np.isfinite(levels[:, :, place]).mean() >= 0.5
    ]
    levels = levels[:, :, heard]
    rows = levels.reshape(levels.shape[0] * levels.shape[1], len(heard))
    told = patterns.train_pattern(
        [ids[place] for place in heard], None if watched.regime is None else watched.regime.pk, rows,
        regime.reshape(-1), seed=SEED,
    )  # fmt: skip
    if isinstance(told, NotEnough):
        return told
    pattern, trial = told
    names = [watched.points[place].key for place in heard]
    card = ModelCard(
        method="multivariate.t2q", version=str(row.number), features=tuple(names),
        trained_from_us=to_us(hours[0]), trained_to_us=to_us(hours[-1] + timedelta(hours=1)),
        rows=int(np.isfinite(rows).all(axis=1).sum()), machines=1, split="time",
        scores={"false_alarms": trial.false_alarms, "found": trial.found},
        trivial={"false_alarms": trial.range_false_alarms, "found": trial.range_found}, seed=SEED,
        settings={"regimes": float(len(pattern.planes)), "held_out": float(trial.rows), "moved_by": patterns.SHIFT},
        limits=("no_failure_seen", "unknown_regimes", "sick_learnt"),
    )  # fmt: skip
    return card, patterns.pack_pattern(pattern, mean_of_hours(levels))


def _train_life(row: ModelVersion) -> tuple[ModelCard, bytes] | NotEnough:
    keys, lives, ends = read_lives(row.profile)
    least = LifeSettings().failures
    if len(lives) < least:
        return NotEnough(Reason.TOO_FEW_FAILURES, {"failures": float(len(lives)), "needed": float(least)})
    scored = _score_later_lives(lives)
    if isinstance(scored, NotEnough):
        return scored
    scores, trivial = scored
    model = train_life(lives, seed=SEED)
    if isinstance(model, NotEnough):
        return model
    card = ModelCard(
        method="remaining.trees", version=str(row.number), features=tuple(keys),
        trained_from_us=to_us(ends[0][0]), trained_to_us=to_us(ends[-1][1]), rows=sum(map(len, lives)),
        machines=len({asset_id for _from, _to, asset_id in ends}), split="time", scores=scores, trivial=trivial,
        seed=SEED, settings={"failures": float(len(lives)), "row_h": float(ROW_HOURS), "cap_rows": model.settings.cap},
        limits=("other_failures", "known_hours", "far_ahead"),
    )  # fmt: skip
    out = io.BytesIO()
    reference = np.vstack([life[:: max(1, len(life) // 60)] for life in lives])
    np.savez_compressed(out, reference=reference, keys=np.array(keys), **model.as_arrays())  # type: ignore[arg-type]  # arrays by name
    return card, out.getvalue()


def read_lives(
    profile_key: str,
) -> tuple[list[str], list[Any], list[tuple[datetime, datetime, int]]]:
    """Return the features of a profile, the lives of its machines that ran to failure, and (from, to, machine) of each.

    **Shape** a life is rows of ROW_HOURS × features. A life of which too little is known, or of a machine that lacks a
    feature, is left out.
    """
    profile = PROFILES.get(profile_key)
    if profile is None or "health" not in profile.sections:
        return [], [], []
    keys = [feature.point for feature in parse_section(profile.sections["health"]).features]
    failures = list_failures(profile_key)
    points: dict[int, dict[str, int]] = {}
    own = Point.objects.filter(
        asset_id__in={each.asset_id for each in failures}, key__in=keys, retired_at=None
    )
    for asset_id, key, pk in own.values_list("asset_id", "key", "pk"):
        points.setdefault(asset_id, {})[key] = pk
    lives, ends = [], []
    for failure in failures:
        ids = points.get(failure.asset_id, {})
        if set(keys) <= set(ids):
            life = read_life([ids[key] for key in keys], failure.from_at, failure.to_at)
            if life is not None:
                lives.append(life)
                ends.append((failure.from_at, failure.to_at, failure.asset_id))
    return keys, lives, ends


def unpack_life(packed: bytes) -> tuple[LifeModel, Sequence[str], Any]:
    """Return a fitted model of lives, its features, and the rows that it was trained on (some of them)."""
    with np.load(io.BytesIO(packed), allow_pickle=False) as stored:
        arrays = dict(stored)
    reference, keys = arrays.pop("reference"), arrays.pop("keys").tolist()
    return LifeModel.from_arrays(arrays), keys, reference


def _score_later_lives(lives: Sequence[Any]) -> tuple[dict[str, float], dict[str, float]] | NotEnough:
    """Score on the last quarter of the failures by a model of those before; refuse one no better than the mean."""
    border = int(len(lives) * 0.75)
    settings = replace(LifeSettings(), failures=5)
    model = train_life(list(lives[:border]), seed=SEED, settings=settings)
    if isinstance(model, NotEnough):
        return model
    parts = [life[: max(5, int(len(life) * share))] for life in lives[border:] for share in _TRIED_AT]
    true = [len(life) - max(5, int(len(life) * share)) for life in lives[border:] for share in _TRIED_AT]
    left = np.minimum(np.array(true, float), settings.cap)
    told = predict_life(model, parts)
    earlier = np.concatenate([np.minimum(np.arange(len(life)), settings.cap) for life in lives[:border]])
    rmse = float(np.sqrt(np.mean((told.expected - left) ** 2)))
    mean = float(np.sqrt(np.mean((earlier.mean() - left) ** 2)))
    if rmse >= mean:
        return NotEnough(Reason.NOT_PREDICTABLE, {"rmse": rmse, "mean": mean})
    held = float(((left >= told.low) & (left <= told.high)).mean())
    hours = float(ROW_HOURS)
    return {"rmse_h": rmse * hours, "coverage": held}, {"rmse_h": mean * hours}

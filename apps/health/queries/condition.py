"""Reads of machines' condition, episodes, advisories, and what each model was worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from django.db.models import Count, F, Q, QuerySet
from django.utils.translation import gettext as _

from apps.health.models import Advisory, Condition, Episode, Watch
from apps.health.models.condition import LONG_OVER, AdvisoryKind, Finding
from forgeline.assets.models import Point
from forgeline.base.errors import NotFoundError

MODELS = {
    "point_anomaly": ("1", AdvisoryKind.ANOMALY),
    "machine_pattern": ("", AdvisoryKind.ANOMALY),
    "trend_to_limit": ("2", AdvisoryKind.TREND),
    "remaining_life": ("", AdvisoryKind.LIFE),
}
"""Key → version of a method that is not trained ('': versions stand in the ledger) and what it opens. How each works:
science/README.md."""
LEAST_LABELLED = 10
LAST_LABELLED = 20
LEAST_PRECISION = 0.5


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """What a model's advisories were worth. ``recent``: precision over the last labelled ones, None for none."""

    key: str
    version: str
    kind: str
    opened: int
    labelled: int
    confirmed: int
    false: int
    other: int
    precision: float | None
    recent: float | None
    recent_n: int
    lead_s: float | None
    leads: int
    saved: float | None
    priced: int

    @property
    def may_tell(self) -> bool:
        """Whether it may notify people: until enough are labelled, and then while at least half are right."""
        return self.recent_n < LEAST_LABELLED or (self.recent or 0.0) >= LEAST_PRECISION


def list_conditions() -> QuerySet[Condition]:
    """Return the hours of every machine in use, the newest first."""
    return (
        Condition.objects.filter(asset__retired_at=None)
        .select_related("asset", "asset__site")
        .defer("features", "levels")
        .order_by("-hour", "-pk")
    )


def list_latest(asset_ids: Sequence[int]) -> dict[int, Condition]:
    """Return the newest hour of each machine that has one."""
    rows = Condition.objects.filter(asset_id__in=list(asset_ids)).defer("features", "levels")
    return {row.asset_id: row for row in rows.order_by("asset_id", "-hour").distinct("asset_id")}


def list_watches() -> dict[int, Watch]:
    """Return what the judgement says of itself, by machine."""
    return {row.asset_id: row for row in Watch.objects.defer("memory")}


def list_outlooks() -> QuerySet[Watch]:
    """Return what the last look ahead said of each machine in use."""
    rows = Watch.objects.filter(asset__retired_at=None).select_related("asset")
    return rows.defer("memory").order_by("pk")


def read_points(rows: Sequence[Watch]) -> dict[int, Point]:
    """Return the points that ways to limits speak of."""
    return Point.objects.in_bulk({each["point"] for row in rows for each in row.trends})


def find_watch(asset_id: int) -> Watch | None:
    return Watch.objects.defer("memory").filter(asset_id=asset_id).first()


def list_hours(asset_id: int, since: datetime) -> list[Condition]:
    """Return the hours of a machine since then, by time, without what they were made of."""
    rows = Condition.objects.filter(asset_id=asset_id, hour__gte=since).defer("features", "levels")
    return list(rows.order_by("hour"))


def list_episodes(asset_id: int) -> QuerySet[Episode]:
    """Return a machine's episodes, the newest first."""
    return Episode.objects.filter(asset_id=asset_id).select_related("advisory").order_by("-started_at")


def list_advisories() -> QuerySet[Advisory]:
    """Return every advisory with its machine and order, the newest first."""
    return (
        Advisory.objects.filter(asset__retired_at=None)
        .select_related("asset", "asset__site", "point", "work_order", "episode")
        .order_by("-pk")
    )


def count_waiting() -> tuple[int, int]:
    """Return how many advisories of today's machines nobody has looked at, and how many of them have no work order."""
    rows = Advisory.objects.filter(
        asset__retired_at=None, finding="", opened_at__lte=F("evidence_to") + LONG_OVER
    ).order_by()
    found = rows.aggregate(all=Count("pk"), bare=Count("pk", filter=Q(work_order=None)))
    return found["all"], found["bare"]


def get_advisory(advisory_id: int) -> Advisory:
    """Return one. **Raises** NotFoundError."""
    found = list_advisories().filter(pk=advisory_id).first()
    if found is None:
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": advisory_id})
    return found


def read_models() -> list[ModelFigures]:
    """Return what each model's advisories were worth in this company; two queries."""
    rows = list(_labels())
    return [_figures(key, [row for row in rows if row.model == key]) for key in MODELS]


def read_model(key: str) -> ModelFigures:
    """Return one model's figures. **Raises** KeyError for one that does not exist."""
    return _figures(key, list(_labels().filter(model=key)))


def _labels() -> QuerySet[Advisory]:
    """Return every advisory, those that were labelled last first."""
    rows = Advisory.objects.select_related("work_order").defer("data")
    return rows.order_by(F("found_at").desc(nulls_last=True), "-pk")


def _figures(key: str, rows: list[Advisory]) -> ModelFigures:
    version, kind = MODELS[key]
    labelled = [row for row in rows if row.finding]
    count = {finding: sum(row.finding == finding for row in labelled) for finding in Finding.values}
    last = labelled[:LAST_LABELLED]
    right = sum(row.finding == Finding.CONFIRMED for row in last)
    leads = [lead for row in labelled if (lead := _lead_of(row)) is not None]
    saved = [money for row in labelled if (money := _saved_by(row)) is not None]
    return ModelFigures(
        key=key, version=version, kind=kind, opened=len(rows), labelled=len(labelled),
        confirmed=count[Finding.CONFIRMED], false=count[Finding.FALSE], other=count[Finding.OTHER],
        precision=count[Finding.CONFIRMED] / len(labelled) if labelled else None,
        recent=right / len(last) if last else None, recent_n=len(last),
        lead_s=median(leads) if leads else None, leads=len(leads),
        saved=sum(saved) if saved else None, priced=len(saved),
    )  # fmt: skip


def _lead_of(row: Advisory) -> float | None:
    """From the advisory to the standstill, or to the day on which it was found to be right; none in a history."""
    if row.finding != Finding.CONFIRMED or row.found_at is None or row.is_of_history:
        return None
    stood = None if row.work_order is None else row.work_order.down_from
    return max(0.0, ((stood or row.found_at) - row.opened_at).total_seconds())


def _saved_by(row: Advisory) -> float | None:
    """What a failure would have cost less what acting cost; a false alarm costs.

    None where no price was set, and in a history: what had failed before it was found was not spared.
    """
    if row.is_of_history:
        return None
    if row.work_order is not None:
        order = row.work_order
        spent = float(order.labour_cost + order.parts_cost + order.external_cost)
    elif row.cost_acting is not None:
        spent = float(row.cost_acting)
    else:
        return None
    if row.finding != Finding.CONFIRMED:
        return -spent
    return None if row.cost_failure is None else float(row.cost_failure) - spent

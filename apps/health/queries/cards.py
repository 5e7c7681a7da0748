"""Cards of the methods that need no training, from what they have judged; fleets with the failures in their records.

Cards of trained models stand in the ledger (ModelVersion.card).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.db.models import Count, Max, Min

from apps.health.models import Condition, Episode, Watch
from apps.health.queries.ledger import list_failures
from apps.health.queries.register import list_machines
from apps.health.science.remaining import LifeSettings
from forgeline.assets.profiles import PROFILES

SPAN = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class MethodCard:
    """What a method without training was shown and how it did on it; each hour is judged before it is learnt.

    ``scores``: key → (value, what the simplest answer has; None where there is none).
    """

    machines: int
    hours: int
    from_at: datetime | None
    to_at: datetime | None
    scores: dict[str, tuple[float | None, float | None]]


@dataclass(frozen=True, slots=True)
class Fleet:
    """The machines of one profile, and how many failures their records have of those that training asks for."""

    profile: str
    machines: int
    failures: int
    needed: int


def read_method_card(key: str, now: datetime) -> MethodCard:
    """Return the card of a method over the last four weeks. **Raises** KeyError for one that is trained."""
    judged = Condition.objects.filter(hour__gte=now - SPAN, asset__retired_at=None, index__isnull=False)
    told = judged.aggregate(
        machines=Count("asset", distinct=True), hours=Count("pk"), first=Min("hour"), last=Max("hour")
    )
    scores = {"point_anomaly": _score_episodes, "trend_to_limit": _score_lines}[key](now, told["hours"])
    return MethodCard(told["machines"], told["hours"], told["first"], told["last"], scores)


def _score_episodes(now: datetime, hours: int) -> dict[str, tuple[float | None, float | None]]:
    count = Episode.objects.filter(started_at__gte=now - SPAN, asset__retired_at=None).count()
    return {"episodes_month": (count / hours * 720 if hours else None, None)}


def _score_lines(now: datetime, hours: int) -> dict[str, tuple[float | None, float | None]]:
    ratios = [
        each["error"] / each["still"]
        for trends in Watch.objects.filter(asset__retired_at=None).values_list("trends", flat=True)
        for each in trends
        if each.get("still")
    ]
    return {"error_ratio": (median(ratios) if ratios else None, 1.0)}


def list_fleets() -> list[Fleet]:
    """Return each profile in use that names features of health, by its key."""
    counts = Counter(asset.profile for asset in list_machines())
    failures = Counter(failure.profile for failure in list_failures())
    needed = LifeSettings().failures
    return [
        Fleet(key, counts[key], failures[key], needed)
        for key in sorted(counts)
        if key in PROFILES and "health" in PROFILES[key].sections
    ]

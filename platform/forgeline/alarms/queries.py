"""Reads of alarms, their journal and rules, in the tenant's scope. Not here: writes (services), KPIs (analysis)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Func, IntegerField, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce
from django.utils.translation import gettext as _

from forgeline.alarms.analysis.rates import FLOOD_BEGINS
from forgeline.alarms.definitions import SEVERITIES, Priority
from forgeline.alarms.models import Alarm, EntryKind, JournalEntry, Judgement, Rule, RuleVersion
from forgeline.base.errors import NotFoundError
from forgeline.tenancy.context import require_tenant_id

FLOOD_WINDOW = timedelta(minutes=10)
MOST_OF_FLOOD = 5_000
"""Beyond so many it is a flood whatever else comes."""
OPEN = Q(is_active=True) | Q(is_acknowledged=False)
"""What an operator has before the eyes: active, or gone and not acknowledged yet."""
SILENCED = Q(is_suppressed=True) | Q(shelved_until__isnull=False) | Q(out_of_service_at__isnull=False)

_MOST_URGENT_FIRST: tuple[str, ...] = ("is_acknowledged", "urgency", "-severity", "-raised_at", "-pk")
_NAMES = ("definition__name", "asset__names")

_VIEWS = {
    "open": OPEN & ~SILENCED,
    "unacknowledged": Q(is_acknowledged=False),
    "shelved": Q(shelved_until__isnull=False),
    "suppressed": Q(is_suppressed=True, is_active=True),
    "out_of_service": Q(out_of_service_at__isnull=False),
    "all": Q(),
}
VIEWS = tuple(_VIEWS)


def list_alarms(
    view: str = "open",
    *,
    site_id: int | None = None,
    asset_id: int | None = None,
    priorities: Sequence[str] = (),
    search: str = "",
) -> QuerySet[Alarm]:
    """Return alarms that have come at least once, the most urgent first, then the gravest, then the newest.

    ``view``: open (without those that nobody is told of), unacknowledged, shelved, suppressed, out_of_service, all.
    """
    rows = list_raised().filter(_VIEWS[view])
    rows = rows.select_related("asset__site", "assigned_to", "acknowledged_by")
    if site_id is not None:
        rows = rows.filter(asset__site_id=site_id)
    if asset_id is not None:
        rows = rows.filter(asset_id=asset_id)
    if priorities:
        rows = rows.filter(definition__priority__in=list(priorities))
    if search:
        rows = rows.filter(named_like(search))
    urgency = _by_priority({priority: at for at, priority in enumerate(Priority)}, len(Priority))
    rows = rows.annotate(urgency=urgency)
    return rows.order_by(*_MOST_URGENT_FIRST)


def list_raised() -> QuerySet[Alarm]:
    """Return alarms that have come at least once, with their machine and ``severity``, in no order."""
    said = Cast(KeyTextTransform("severity", "definition"), IntegerField())
    usual = _by_priority(SEVERITIES, SEVERITIES[Priority.MEDIUM])
    rows = Alarm.objects.select_related("asset").filter(raised_at__isnull=False, asset__retired_at=None)
    return rows.annotate(severity=Coalesce(said, usual))


def _by_priority(figures: Mapping[Priority, int], otherwise: int) -> Func:
    """Return the figure of an alarm's priority; one CASE as text, since Django takes milliseconds over each When."""
    whens = " ".join(f"WHEN '{priority.value}' THEN {figure}" for priority, figure in figures.items())
    return Func(
        KeyTextTransform("priority", "definition"),
        template=f"CASE %(expressions)s {whens} ELSE {otherwise} END",
        output_field=IntegerField(),
    )


def named_like(search: str, alarm: str = "") -> Q:
    """Return what finds alarms by a part of their key, name or machine, in any language. ``alarm``: way to it."""
    wanted = Q()
    for field in (
        "key",
        "asset__name",
        *(f"{names}__{code}" for names in _NAMES for code, _word in settings.LANGUAGES),
    ):
        wanted |= Q(**{f"{alarm}{field}__icontains": search})
    return wanted


def condition_of(view: str) -> Q:
    """Return what makes an alarm belong to a view (one of VIEWS)."""
    return _VIEWS[view]


def choose_view(rows: QuerySet[Alarm], view: str) -> QuerySet[Alarm]:
    """Narrow alarms to a view (one of VIEWS)."""
    return rows.filter(_VIEWS[view])


def count_open() -> dict[str, int]:
    """Return how many alarms are open, by priority, and how many of them wait for an acknowledgement."""
    require_tenant_id()
    rows = list_alarms("open").values_list("definition__priority", "is_acknowledged")
    counts = dict.fromkeys([*(priority.value for priority in Priority), "unacknowledged"], 0)
    for priority, is_acknowledged in rows:
        counts[priority or Priority.MEDIUM.value] += 1
        counts["unacknowledged"] += not is_acknowledged
    return counts


def count_unjudged() -> int:
    """Return how many rules in use stood in their own way when the judge read them last (their page says why)."""
    return Judgement.objects.values_list("unjudged", flat=True).first() or 0


def count_raised(alarm_ids: Iterable[int], since: datetime) -> dict[int, int]:
    """Return how often each alarm came since then; those that did not are left out."""
    rows = JournalEntry.objects.filter(
        alarm_id__in=list(alarm_ids), kind=EntryKind.RAISED, happened_at__gte=since
    )
    return dict(rows.values("alarm_id").annotate(n=Count("pk")).values_list("alarm_id", "n"))


def list_floods_now(now: datetime) -> list[dict[str, Any]]:
    """Return the plants in which more alarms were told of in the last ten minutes than one person can answer.

    **Shape** ``site_id``, ``count`` and the first of them (``first``, an alarm's id), the worst first.
    **Source** ISA-18.2 §16.5.3: more than ten; a plant is one operator's position (analysis).
    """
    rows = (
        JournalEntry.objects.filter(
            kind=EntryKind.RAISED, is_quiet=False, happened_at__gt=now - FLOOD_WINDOW, happened_at__lte=now
        )
        .order_by("happened_at", "pk")
        .values_list("alarm__asset__site_id", "alarm_id")
    )
    by_site: dict[int, list[int]] = {}
    for site_id, alarm_id in rows[:MOST_OF_FLOOD]:
        by_site.setdefault(site_id, []).append(alarm_id)
    found = [
        {"site_id": site_id, "count": len(alarms), "first": alarms[0]}
        for site_id, alarms in by_site.items()
        if len(alarms) > FLOOD_BEGINS
    ]
    return sorted(found, key=lambda row: -row["count"])


def get_alarm(alarm_id: int) -> Alarm:
    """Return an alarm. **Raises** NotFoundError."""
    rows = Alarm.objects.select_related("asset", "asset__site", "assigned_to", "acknowledged_by")
    alarm: Alarm | None = rows.filter(pk=alarm_id).first()
    if alarm is None:
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": alarm_id})
    return alarm


def list_journal(
    *,
    alarm_id: int | None = None,
    asset_id: int | None = None,
    kinds: Sequence[str] = (),
    from_: datetime | None = None,
    to: datetime | None = None,
    with_quiet: bool = True,
) -> QuerySet[JournalEntry]:
    """Return entries, the newest first. ``from_`` and ``to`` bound the time at which it happened, half-open."""
    rows = JournalEntry.objects.select_related("alarm", "alarm__asset", "alarm__asset__site")
    if alarm_id is not None:
        rows = rows.filter(alarm_id=alarm_id)
    if asset_id is not None:
        rows = rows.filter(alarm__asset_id=asset_id)
    if kinds:
        rows = rows.filter(kind__in=list(kinds))
    if from_ is not None:
        rows = rows.filter(happened_at__gte=from_)
    if to is not None:
        rows = rows.filter(happened_at__lt=to)
    if not with_quiet:
        rows = rows.filter(is_quiet=False)
    return rows.order_by("-happened_at", "-pk")


def get_rule(rule_id: int) -> Rule:
    """Return a rule that somebody wrote. **Raises** NotFoundError."""
    rule: Rule | None = Rule.objects.select_related("asset").filter(pk=rule_id).first()
    if rule is None:
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": rule_id})
    return rule


def list_versions(rule: Rule) -> QuerySet[RuleVersion]:
    """Return what a rule has said, the newest first."""
    return RuleVersion.objects.filter(rule=rule).order_by("-number")

"""Reads of parts, plans, routes and passes."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Count, F, Prefetch, Q, QuerySet
from django.utils.translation import get_language, gettext as _

from apps.health.models import (
    Inspection,
    InspectionItem,
    InspectionResult,
    InspectionRoute,
    MaintenancePlan,
    SparePart,
    StockMove,
)
from apps.health.models.inspections import Pass
from forgeline.alarms.plan import read_plan
from forgeline.base.errors import NotFoundError


def list_parts(*, only_low: bool = False) -> QuerySet[SparePart]:
    """Return the parts that are kept, by number; ``only_low``: those at or below their minimum."""
    rows = SparePart.objects.filter(retired_at=None).select_related("site").order_by("number", "pk")
    return rows.filter(minimum__gt=0, stock__lte=F("minimum")) if only_low else rows


def list_moves() -> QuerySet[StockMove]:
    """Return the movements of the store, the newest first."""
    return StockMove.objects.select_related("part", "work_order").order_by("-pk")


def list_plans() -> QuerySet[MaintenancePlan]:
    """Return the plans of machines in use, what falls due first before the others."""
    rows = MaintenancePlan.objects.filter(asset__retired_at=None)
    return rows.select_related("asset", "asset__site", "point").order_by(
        F("due_on").asc(nulls_last=True), "name", "pk"
    )


def read_alarm_names(asset_ids: Iterable[int] | None = None) -> dict[tuple[int, str], str]:
    """Return the names of the alarm rules in force, of some machines or of all: (machine, key) → name."""
    language = get_language() or "en"
    return {
        (rule.asset_id, rule.key): rule.definition.name_in(language)
        for rule in read_plan(asset_ids=asset_ids)
    }


def list_routes() -> QuerySet[InspectionRoute]:
    """Return the routes that are walked, with their items."""
    items = InspectionItem.objects.filter(retired_at=None).select_related("asset").order_by("position", "id")
    return (
        InspectionRoute.objects.filter(retired_at=None).select_related("site")
        .prefetch_related(Prefetch("items", items, to_attr="stops"))
        .order_by("name", "pk")
    )  # fmt: skip


def list_inspections() -> QuerySet[Inspection]:
    """Return passes with what was found, the newest first."""
    results = InspectionResult.objects.select_related("item", "item__asset", "work_order")
    return (
        Inspection.objects.select_related("route").order_by("-pk")
        .prefetch_related(Prefetch("results", results.order_by("item__position", "pk")))
    )  # fmt: skip


def get_inspection(inspection_id: int) -> Inspection:
    """Return a pass. **Raises** NotFoundError."""
    found = list_inspections().filter(pk=inspection_id).first()
    if found is None:
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": inspection_id})
    return found


def last_passes(route_ids: list[int]) -> dict[int, Inspection]:
    """Return the newest pass of each route, its failed stops counted; one query."""
    rows = Inspection.objects.filter(route_id__in=route_ids).order_by("route_id", "-pk").distinct("route_id")
    found = {row.route_id: row for row in rows}
    failed = Inspection.objects.filter(pk__in=[row.pk for row in found.values()]).annotate(
        failed=Count("results", filter=Q(results__result="not_ok"))
    )
    counts = dict(failed.values_list("pk", "failed"))
    for row in found.values():
        row.failed = counts.get(row.pk, 0)
    return found


def list_stops(inspection: Inspection) -> list[InspectionItem]:
    """Return the stops of a pass in order: those of its route, and retired ones that it has answered."""
    answered = {result.item_id for result in inspection.results.all()}
    wanted = Q(pk__in=answered)
    if inspection.state == Pass.OPEN:
        wanted |= Q(retired_at=None)
    rows = InspectionItem.objects.filter(wanted, route_id=inspection.route_id)
    return list(rows.select_related("asset").order_by("position", "id"))

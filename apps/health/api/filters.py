"""By what the lists of maintenance are narrowed."""

from __future__ import annotations

from typing import Any

from django_filters import rest_framework as filters  # type: ignore[import-untyped]  # ships no types

from apps.health.models.condition import AdvisoryKind, Finding
from apps.health.models.inspections import Pass
from apps.health.models.ledger import VersionState
from apps.health.models.orders import OrderKind, OrderPriority, State
from apps.health.models.plans import Trigger
from apps.health.models.register import FileKind
from forgeline.base.filters import Choices, FilterSet, Numbers, Words, YesNo


class OrderFilter(FilterSet):
    asset = Numbers(field_name="asset_id", lookup_expr="in")
    plant = filters.NumberFilter(field_name="asset__site_id")
    state = Choices(State.choices)
    kind = Choices(OrderKind.choices)
    priority = Choices(OrderPriority.choices)
    assignee = filters.NumberFilter(field_name="assignee_id")
    plan = filters.NumberFilter(field_name="plan_id")
    due_before = filters.IsoDateTimeFilter(field_name="due_at", lookup_expr="lt")


class PlanFilter(FilterSet):
    asset = Numbers(field_name="asset_id", lookup_expr="in")
    trigger = Choices(Trigger.choices)
    is_enabled = YesNo()


class PartFilter(FilterSet):
    plant = filters.NumberFilter(field_name="site_id")
    number = filters.CharFilter()


class RouteFilter(FilterSet):
    plant = filters.NumberFilter(field_name="site_id")


class InspectionFilter(FilterSet):
    route = filters.NumberFilter(field_name="route_id")
    state = Choices(Pass.choices)


class FileFilter(FilterSet):
    asset = Numbers(field_name="asset_id", lookup_expr="in")
    work_order = filters.NumberFilter(field_name="work_order_id")
    kind = Choices(FileKind.choices)


class ConditionFilter(FilterSet):
    asset = Numbers(field_name="asset_id", lookup_expr="in")
    plant = filters.NumberFilter(field_name="asset__site_id")
    since = filters.IsoDateTimeFilter(field_name="hour", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="hour", lookup_expr="lt")


class AdvisoryFilter(FilterSet):
    asset = Numbers(field_name="asset_id", lookup_expr="in")
    plant = filters.NumberFilter(field_name="asset__site_id")
    kind = Choices(AdvisoryKind.choices)
    model = Words(lookup_expr="in")
    finding = Choices(Finding.choices[1:])
    is_open = YesNo(method="by_open", help_text="True: nobody has looked at it yet.")

    def by_open(self, rows: Any, _name: str, value: bool) -> Any:
        return rows.filter(finding="") if value else rows.exclude(finding="")


class OutlookFilter(FilterSet):
    asset = Numbers(field_name="asset_id", lookup_expr="in")
    plant = filters.NumberFilter(field_name="asset__site_id")


class VersionFilter(FilterSet):
    asset = Numbers(field_name="asset_id", lookup_expr="in")
    plant = filters.NumberFilter(field_name="asset__site_id")
    key = Words(lookup_expr="in")
    profile = filters.CharFilter()
    state = Choices(VersionState.choices)


class RunFilter(FilterSet):
    since = filters.IsoDateTimeFilter(field_name="started_at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="started_at", lookup_expr="lt")

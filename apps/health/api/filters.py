"""By what the lists of maintenance are narrowed."""

from __future__ import annotations

from typing import Any

from django_filters import rest_framework as filters  # type: ignore[import-untyped]  # ships no types

from forgeline.base.filters import FilterSet, Numbers, Words, YesNo


class OrderFilter(FilterSet):
    asset = Numbers(field_name="asset_id", lookup_expr="in")
    plant = filters.NumberFilter(field_name="asset__site_id")
    state = Words(lookup_expr="in")
    kind = Words(lookup_expr="in")
    priority = Words(lookup_expr="in")
    assignee = filters.NumberFilter(field_name="assignee_id")
    plan = filters.NumberFilter(field_name="plan_id")
    due_before = filters.IsoDateTimeFilter(field_name="due_at", lookup_expr="lt")


class PlanFilter(FilterSet):
    asset = Numbers(field_name="asset_id", lookup_expr="in")
    trigger = filters.CharFilter()
    is_enabled = YesNo()


class PartFilter(FilterSet):
    plant = filters.NumberFilter(field_name="site_id")
    number = filters.CharFilter()


class RouteFilter(FilterSet):
    plant = filters.NumberFilter(field_name="site_id")


class InspectionFilter(FilterSet):
    route = filters.NumberFilter(field_name="route_id")
    state = filters.CharFilter()


class FileFilter(FilterSet):
    asset = Numbers(field_name="asset_id", lookup_expr="in")
    work_order = filters.NumberFilter(field_name="work_order_id")
    kind = filters.CharFilter()


class ConditionFilter(FilterSet):
    asset = Numbers(field_name="asset_id", lookup_expr="in")
    plant = filters.NumberFilter(field_name="asset__site_id")
    since = filters.IsoDateTimeFilter(field_name="hour", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="hour", lookup_expr="lt")


class AdvisoryFilter(FilterSet):
    asset = Numbers(field_name="asset_id", lookup_expr="in")
    plant = filters.NumberFilter(field_name="asset__site_id")
    kind = Words(lookup_expr="in")
    model = Words(lookup_expr="in")
    finding = filters.CharFilter(help_text="confirmed, false or other.")
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
    state = Words(lookup_expr="in")


class RunFilter(FilterSet):
    since = filters.IsoDateTimeFilter(field_name="started_at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="started_at", lookup_expr="lt")

"""By what the lists of maintenance are narrowed."""

from __future__ import annotations

from django_filters import rest_framework as filters  # type: ignore[import-untyped]  # ships no types

from forgeline.base.api import CursorPagination


class Words(filters.BaseInFilter, filters.CharFilter):
    """``?state=requested,approved``"""


class Numbers(filters.BaseInFilter, filters.NumberFilter):
    """``?asset=1,2,3``"""


class NewestFirst(CursorPagination):
    """A log is read from its end."""

    ordering = "-id"


class OrderFilter(filters.FilterSet):
    asset = Numbers(field_name="asset_id", lookup_expr="in")
    plant = filters.NumberFilter(field_name="asset__site_id")
    state = Words(lookup_expr="in")
    kind = Words(lookup_expr="in")
    priority = Words(lookup_expr="in")
    assignee = filters.NumberFilter(field_name="assignee_id")
    plan = filters.NumberFilter(field_name="plan_id")
    due_before = filters.IsoDateTimeFilter(field_name="due_at", lookup_expr="lt")


class PlanFilter(filters.FilterSet):
    asset = Numbers(field_name="asset_id", lookup_expr="in")
    trigger = filters.CharFilter()
    is_enabled = filters.BooleanFilter()


class PartFilter(filters.FilterSet):
    plant = filters.NumberFilter(field_name="site_id")
    number = filters.CharFilter()


class RouteFilter(filters.FilterSet):
    plant = filters.NumberFilter(field_name="site_id")


class InspectionFilter(filters.FilterSet):
    route = filters.NumberFilter(field_name="route_id")
    state = filters.CharFilter()


class FileFilter(filters.FilterSet):
    asset = Numbers(field_name="asset_id", lookup_expr="in")
    work_order = filters.NumberFilter(field_name="work_order_id")
    kind = filters.CharFilter()

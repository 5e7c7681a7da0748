"""REST: the audit log."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters  # type: ignore[import-untyped]  # ships no types
from rest_framework import mixins, serializers

from forgeline.audit.models import Entry
from forgeline.audit.queries import list_entries
from forgeline.base.filters import FilterSet
from forgeline.base.paging import NewestFirst
from forgeline.base.resources import Resource
from forgeline.base.serializers import ModelSerializer


class EntryFilter(FilterSet):
    who_id = filters.NumberFilter()
    action = filters.CharFilter(lookup_expr="startswith")
    subject_id = filters.NumberFilter()
    since = filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")


class EntrySerializer(ModelSerializer):
    changes: Any = serializers.DictField(help_text="Field: [before, after]; a secret stands as an ellipsis.")

    class Meta:
        model = Entry
        fields = [
            "id", "at", "who_kind", "who_id", "who", "on_behalf", "action", "subject_id", "subject", "changes",
            "address", "agent", "request_id",
        ]  # fmt: skip


class AuditViewSet(mixins.ListModelMixin, Resource):
    """Who changed what, when and from where, the newest first. Nobody changes it."""

    serializer_class = EntrySerializer
    queryset = Entry.objects.none()
    filterset_class = EntryFilter
    search_fields = ("subject", "who", "action")
    ordering_fields = ("at", "id")
    pagination_class = NewestFirst
    read_permission, write_permission = "audit.inspect", "audit.inspect"

    def get_queryset(self) -> QuerySet[Entry]:
        return list_entries()

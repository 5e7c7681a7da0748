"""REST for the operator of the service: companies, and what each used, was invoiced and cost in a month."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from forgeline.base import clock
from forgeline.base.api import ActorPermission
from forgeline.base.errors import InvalidInputError
from forgeline.billing import console
from forgeline.identity.authentication import actor_of
from forgeline.identity.roles import OPERATE


class OperatedTenantSerializer(serializers.Serializer):
    tenant_id = serializers.IntegerField()
    name = serializers.CharField()
    slug = serializers.CharField()
    kind = serializers.CharField(help_text="company, partner or operator.")
    created_at = serializers.DateTimeField()
    plan = serializers.CharField(allow_null=True)
    state = serializers.CharField(allow_null=True)
    currency = serializers.CharField(allow_null=True)
    access = serializers.CharField(allow_null=True)
    switches = serializers.DictField(child=serializers.BooleanField())
    members = serializers.IntegerField()
    newest_at = serializers.DateTimeField(allow_null=True, help_text="When it last stored samples.")


class MarginSerializer(serializers.Serializer):
    tenant_id = serializers.IntegerField(source="tenant.tenant_id")
    name = serializers.CharField(source="tenant.name")
    currency = serializers.CharField()
    invoiced = serializers.IntegerField(help_text="Cents, for the days of the month.")
    cost = serializers.IntegerField(allow_null=True, help_text="Cents; null where no unit costs are set.")
    margin = serializers.IntegerField(allow_null=True)
    samples_stored = serializers.IntegerField(source="used.samples_stored")
    gb_days = serializers.FloatField(source="used.gb_days")
    active_devices = serializers.IntegerField(source="used.active_devices")
    cpu_s = serializers.FloatField(source="used.cpu_s")
    notifications = serializers.IntegerField(source="used.notifications")
    api_calls = serializers.IntegerField(source="used.api_calls")


class OperatorView(APIView):
    """Base of what only the operator's own people and keys may ask."""

    permission_classes = [ActorPermission]
    read_permission, write_permission = OPERATE, OPERATE


class OperatedTenantsView(OperatorView):
    """The companies of the service, by name, at most 501; `search` is a part of it."""

    @extend_schema(
        parameters=[OpenApiParameter("search", str)], responses=OperatedTenantSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        search = request.query_params.get("search", "")[:80].replace("\x00", "")
        rows = console.list_tenants(actor=actor_of(request), search=search)
        return Response(OperatedTenantSerializer([row._asdict() for row in rows], many=True).data)


class MarginsView(OperatorView):
    """What each company used, was invoiced and cost in a month (UTC), with the unit costs that the operator has set."""

    @extend_schema(
        parameters=[
            OpenApiParameter("month", OpenApiTypes.DATE, description="Any day of it; this one if absent.")
        ],
        responses=MarginSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        first = _month(request.query_params.get("month", ""))
        rows: Any = console.read_month(first, actor=actor_of(request))
        return Response(MarginSerializer(rows, many=True).data)


def _month(word: str) -> date:
    try:
        day = date.fromisoformat(word) if word else clock.now().date()
    except ValueError:
        day = None
    if day is None or not 2000 <= day.year < 9999:
        sentence = _("Name a day of the month, such as 2026-11-01.")
        raise InvalidInputError(sentence, data={"fields": {"month": [sentence]}})
    return day.replace(day=1)

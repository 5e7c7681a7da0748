"""REST: an alarm system as a whole, its bad actors, and weeks that are kept. Parse, one call, render."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters  # type: ignore[import-untyped]  # ships no types
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.alarms.analysis import queries, reports
from forgeline.alarms.analysis.models import AlarmReport
from forgeline.alarms.analysis.weeks import word_of
from forgeline.alarms.analysis.worst import read_week
from forgeline.alarms.api import VIEW
from forgeline.base import clock
from forgeline.base.api import ActorPermission
from forgeline.base.errors import InvalidInputError
from forgeline.base.filters import FilterSet
from forgeline.base.paging import CursorPagination
from forgeline.base.resources import Resource
from forgeline.base.serializers import ModelSerializer
from forgeline.base.views import Answering, asks

PLANT = OpenApiParameter("plant", int, description="One plant; left out: all of the company.")
MAX_DIGITS = 18


class AlarmAnalysisView(Answering):
    """The load of alarms, floods, nuisances and what stands, with the targets of ISA-18.2 and EEMUA 191."""

    permission_classes = [ActorPermission]
    read_permission, write_permission = VIEW, VIEW

    @asks(
        PLANT,
        OpenApiParameter("from", str, description="ISO 8601 with zone, or ms since 1970; a week before `to`."),
        OpenApiParameter("to", str, description="As `from`; left out: now. At most 92 days after it."),
        responses={200: OpenApiTypes.OBJECT},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """A span of one plant, or of all: each plant is one operator's position."""
        return Response(
            queries.analyse(site_id=_plant(request), from_=_time(request, "from"), to=_time(request, "to"))
        )


class AlarmBadActorsView(Answering):
    """The ten alarms that make the most of a plant's load in a week, and what would calm them."""

    permission_classes = [ActorPermission]
    read_permission, write_permission = VIEW, VIEW

    @asks(
        PLANT,
        OpenApiParameter("week", str, description="An ISO week, `2026-W47`; left out: the one that runs."),
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        """A week of one plant, or of all; as it is kept, where it is."""
        week = request.query_params.get("week") or None
        return Response({"results": reports.list_bad_actors(site_id=_plant(request), week=week)})


class WeeklyAlarmReportSerializer(ModelSerializer):
    """A plant's week in numbers; one report alone tells ``details`` and ``bad_actors`` too."""

    plant = serializers.IntegerField(source="site_id", read_only=True)
    plant_name = serializers.CharField(source="site.title", read_only=True)
    week = serializers.SerializerMethodField()

    class Meta:
        model = AlarmReport
        fields = ["id", "plant", "plant_name", "week", "on", "from_at", "to_at", "made_at", "alarms", "kpis"]
        read_only_fields = fields

    def get_week(self, report: AlarmReport) -> str:
        return word_of(report.on)


class WholeAlarmReportSerializer(WeeklyAlarmReportSerializer):
    class Meta(WeeklyAlarmReportSerializer.Meta):
        fields = [*WeeklyAlarmReportSerializer.Meta.fields, "details", "bad_actors"]
        read_only_fields = fields


class AlarmReportFilter(FilterSet):
    """``?plant=3&week=2026-W47``"""

    plant = filters.NumberFilter(field_name="site_id")
    week = filters.CharFilter(method="of_week")

    def of_week(self, rows: QuerySet[AlarmReport], _name: str, word: str) -> QuerySet[AlarmReport]:
        return rows.filter(on=read_week(word))


class AlarmReportPagination(CursorPagination):
    ordering = "-from_at"


class AlarmReportViewSet(mixins.ListModelMixin, Resource):
    """Weeks that are over, the newest first. They stay when the journal is gone."""

    read_permission, write_permission = VIEW, VIEW
    serializer_class = WeeklyAlarmReportSerializer
    pagination_class = AlarmReportPagination
    filterset_class = AlarmReportFilter
    search_fields = ("site__name",)
    ordering_fields = ("from_at", "id")
    queryset = AlarmReport.objects.none()

    def get_queryset(self) -> QuerySet[AlarmReport]:
        return reports.list_reports().defer("details", "bad_actors")

    @extend_schema(responses=WholeAlarmReportSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """One week with its days, floods, nuisances and bad actors."""
        return Response(WholeAlarmReportSerializer(reports.get_report(int(pk))).data)


def _plant(request: Request) -> int | None:
    word = request.query_params.get("plant", "")
    if word and (not (word.isascii() and word.isdecimal()) or len(word) > MAX_DIGITS):
        raise InvalidInputError.at("plant", _("Name a plant by ?plant=3."))
    return int(word) if word else None


def _time(request: Request, name: str) -> datetime | None:
    word: Any = request.query_params.get(name)
    if not word:
        return None
    try:
        if word.isascii() and word.isdecimal():
            return clock.from_us(int(word) * 1000)
        at = datetime.fromisoformat(word.replace(" ", "+"))
        clock.to_us(at)
    except (ValueError, OverflowError):
        raise InvalidInputError.at(
            name, _("Write times as 2026-01-31T08:00:00+08:00 (with the zone) or in milliseconds since 1970.")
        ) from None
    return at

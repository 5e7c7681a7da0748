"""REST: a plant's shifts, its special days, and what they come to. Parse, one call, render."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.utils.translation import get_language, gettext as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.assets import queries, services
from forgeline.assets.models import CalendarDay, Shift
from forgeline.base import clock
from forgeline.base.api import ActorPermission
from forgeline.base.errors import InvalidInputError, NotFoundError
from forgeline.base.serializers import ModelSerializer, Serializer
from forgeline.base.views import Answering, asks
from forgeline.identity.authentication import actor_of
from forgeline.identity.policy import Actor

MAX_DAYS = 400


class ShiftSerializer(ModelSerializer):
    class Meta:
        model = Shift
        fields = ["id", "name", "names", "starts_at", "ends_at", "weekdays", "valid_from", "valid_until"]
        read_only_fields = ["valid_until"]
        extra_kwargs = {"weekdays": {"required": True}}


class SpecialDaySerializer(ModelSerializer):
    class Meta:
        model = CalendarDay
        fields = ["on", "is_working", "name"]
        extra_kwargs = {"is_working": {"required": True}}


class HolidaysSerializer(Serializer):
    year = serializers.IntegerField(min_value=2000, max_value=2100)
    added = serializers.IntegerField(read_only=True)


class SpanSerializer(Serializer):
    """A shift of one day; ``on`` is the production day that it counts for."""

    name = serializers.CharField()
    on = serializers.DateField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class PlantCalendarView(Answering):
    """Base of the five: reads need assets.view, writes assets.edit."""

    permission_classes = [ActorPermission]
    read_permission, write_permission = "assets.view", "assets.edit"


class CalendarView(PlantCalendarView):
    """The shifts of some days as instants: holidays, make-up days and changes of the clock reckoned in."""

    @asks(
        OpenApiParameter("from", date, description="First production day; default: today."),
        OpenApiParameter("days", int, description="How many days, 1 to 400; default 7."),
        responses=SpanSerializer(many=True),
    )
    def get(self, request: Request, plant_id: int) -> Response:
        site = queries.get_site(plant_id)
        calendar = queries.read_calendar(site)
        first = _date(request.query_params.get("from")) or calendar.production_day_of(clock.now_us())
        word = request.query_params.get("days", "7")
        if not word.isdecimal() or not 1 <= int(word) <= MAX_DAYS:
            raise InvalidInputError(_("days must be a whole number from 1 to %(most)d.") % {"most": MAX_DAYS})
        start_us = calendar.production_day_span(first)[0]
        end_us = calendar.production_day_span(first + timedelta(days=int(word) - 1))[1]
        spans = [
            {
                "name": span.name,
                "on": span.on,
                "starts_at": clock.from_us(span.from_us),
                "ends_at": clock.from_us(span.to_us),
            }
            for span in calendar.list_shifts(start_us, end_us)
        ]
        return Response(SpanSerializer(spans, many=True).data)


class ShiftsView(PlantCalendarView):
    """The shifts of a plant, those that ended long ago included. A shift that ends at or before its start runs into
    the next day.
    """

    @extend_schema(responses=ShiftSerializer(many=True))
    def get(self, _request: Request, plant_id: int) -> Response:
        return Response(ShiftSerializer(queries.list_shifts(queries.get_site(plant_id)), many=True).data)

    @extend_schema(
        request=ShiftSerializer,
        responses={201: ShiftSerializer},
        examples=[
            OpenApiExample(
                "early shift",
                {"name": "Early", "starts_at": "06:00", "ends_at": "14:00", "weekdays": [1, 2, 3, 4, 5]},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, plant_id: int) -> Response:
        row = services.create_shift(
            site_id=plant_id, actor=_actor(request), **_given(ShiftSerializer, request)
        )
        return Response(ShiftSerializer(row).data, status=status.HTTP_201_CREATED)


class ShiftView(PlantCalendarView):
    """One shift: changed or ended from a day on (``from``, default today); what was worked before stays."""

    _FROM = OpenApiParameter("from", date, description="The first day of the change; default: today.")

    @asks(
        _FROM,
        request=ShiftSerializer,
        responses=ShiftSerializer,
    )
    def put(self, request: Request, plant_id: int, shift_id: int) -> Response:
        given = _given(ShiftSerializer, request)
        given.pop("valid_from", None)
        row = services.change_shift(
            shift_id=self._shift_id(plant_id, shift_id),
            from_on=_from_on(request, plant_id),
            actor=_actor(request),
            **given,
        )
        return Response(ShiftSerializer(row).data)

    @asks(
        _FROM,
        responses={204: None},
    )
    def delete(self, request: Request, plant_id: int, shift_id: int) -> Response:
        services.end_shift(
            shift_id=self._shift_id(plant_id, shift_id),
            from_on=_from_on(request, plant_id),
            actor=_actor(request),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)

    @staticmethod
    def _shift_id(plant_id: int, shift_id: int) -> int:
        if not Shift.objects.filter(pk=shift_id, site_id=plant_id).exists():
            raise NotFoundError(_("There is nothing here that you may see."))
        return shift_id


class SpecialDaysView(PlantCalendarView):
    """Days that do not follow their weekday: holidays, and make-up working days."""

    @extend_schema(responses=SpecialDaySerializer(many=True))
    def get(self, _request: Request, plant_id: int) -> Response:
        return Response(
            SpecialDaySerializer(queries.list_special_days(queries.get_site(plant_id)), many=True).data
        )

    @extend_schema(request=SpecialDaySerializer, responses=SpecialDaySerializer)
    def put(self, request: Request, plant_id: int) -> Response:
        row = services.set_day(
            site_id=plant_id, actor=_actor(request), **_given(SpecialDaySerializer, request)
        )
        return Response(SpecialDaySerializer(row).data)

    @asks(
        OpenApiParameter("on", date, required=True),
        responses={204: None},
    )
    def delete(self, request: Request, plant_id: int) -> Response:
        on = _date(request.query_params.get("on"))
        if on is None:
            raise InvalidInputError(_("Say which day: ?on=2026-10-01."))
        services.clear_day(site_id=plant_id, on=on, actor=_actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class HolidaysView(PlantCalendarView):
    """The public holidays of the plant's country, put into its calendar for a year."""

    @extend_schema(request=HolidaysSerializer, responses=HolidaysSerializer)
    def post(self, request: Request, plant_id: int) -> Response:
        year = _given(HolidaysSerializer, request)["year"]
        added = services.take_holidays(
            site_id=plant_id, year=year, language=(get_language() or "en").lower(), actor=_actor(request)
        )
        return Response({"year": year, "added": added})


def _actor(request: Request) -> Actor:
    return actor_of(request)


def _given(serializer: type[serializers.BaseSerializer[Any]], request: Request) -> dict[str, Any]:
    asked = serializer(data=request.data)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)


def _date(word: str | None) -> date | None:
    if not word:
        return None
    try:
        day = date.fromisoformat(word)
    except ValueError:
        day = date.min
    if not 2000 <= day.year <= 2100:
        raise InvalidInputError(_("Write days as 2026-01-31, from 2000 to 2100."))
    return day


def _from_on(request: Request, plant_id: int) -> date:
    """The asked day, else today by the plant's clock."""
    site = queries.get_site(plant_id)
    return _date(request.query_params.get("from")) or queries.read_calendar(site).production_day_of(
        clock.now_us()
    )

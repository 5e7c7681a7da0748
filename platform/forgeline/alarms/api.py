"""REST: alarms and what people answer, the journal. Parse, one call, render. Not here: rules (rules_api)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters  # type: ignore[import-untyped]  # ships no types
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.alarms import queries, services
from forgeline.alarms.models import Alarm, EntryKind, JournalEntry
from forgeline.alarms.serializers import (
    PRIORITIES,
    AlarmSerializer,
    AnsweredSerializer,
    AnswerSerializer,
    AssignSerializer,
    JournalEntrySerializer,
    OpenCountSerializer,
    ShelveSerializer,
)
from forgeline.base.filters import Choice, Choices, FilterSet, Numbers, YesNo
from forgeline.base.paging import CursorPagination
from forgeline.base.resources import Resource
from forgeline.identity.authentication import actor_of

VIEW, ANSWER, EDIT = "alarms.view", "alarms.acknowledge", "alarms.edit"


class AlarmFilter(FilterSet):
    """``?view=shelved&plant=3&priority=high``; without a view: open ones."""

    view = Choice(choices=[(word, word) for word in queries.VIEWS], method="choose_view")
    plant = filters.NumberFilter(field_name="asset__site_id")
    asset = Numbers(field_name="asset_id", lookup_expr="in")
    priority = Choices([(word, word) for word in PRIORITIES], "definition__priority")

    def choose_view(self, rows: QuerySet[Alarm], _name: str, word: str) -> QuerySet[Alarm]:
        return queries.choose_view(rows, word)

    def filter_queryset(self, rows: QuerySet[Alarm]) -> QuerySet[Alarm]:
        found = super().filter_queryset(rows)
        return found if self.form.cleaned_data.get("view") else queries.choose_view(found, "open")


class AlarmPagination(CursorPagination):
    ordering = "-raised_at"


class AlarmViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Alarms that have come at least once; open ones unless asked otherwise, the newest first."""

    read_permission, write_permission = VIEW, ANSWER
    serializer_class = AlarmSerializer
    pagination_class = AlarmPagination
    filterset_class = AlarmFilter
    search_by = staticmethod(queries.named_like)
    ordering_fields = ("raised_at", "cleared_at", "severity", "id")
    queryset = Alarm.objects.none()

    def filter_queryset(self, queryset: Any) -> Any:
        """One alarm is found whatever its state."""
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    def get_queryset(self) -> QuerySet[Alarm]:
        return queries.list_raised().order_by("-raised_at")

    @extend_schema(responses=OpenCountSerializer)
    @action(detail=False, pagination_class=None, filterset_class=None)
    def count(self, request: Request) -> Response:
        """How many are open, by priority."""
        return Response(queries.count_open())

    @extend_schema(request=AnswerSerializer, responses=AnsweredSerializer)
    @action(detail=False, methods=["post"])
    def acknowledge(self, request: Request) -> Response:
        """Acknowledge alarms, at most 1,000 at once."""
        return self._answer(request, AnswerSerializer, lambda ids, text, **_: self._do(
            services.acknowledge, ids, text=text))  # fmt: skip

    @extend_schema(request=ShelveSerializer, responses=AnsweredSerializer)
    @action(detail=False, methods=["post"])
    def shelve(self, request: Request) -> Response:
        """Put alarms on the shelf for some minutes, with a reason."""
        return self._answer(request, ShelveSerializer, lambda ids, text, minutes: self._do(
            services.shelve, ids, minutes=minutes, reason=text))  # fmt: skip

    @extend_schema(request=AnswerSerializer, responses=AnsweredSerializer)
    @action(detail=False, methods=["post"])
    def unshelve(self, request: Request) -> Response:
        """Take alarms off the shelf."""
        return self._answer(request, AnswerSerializer, lambda ids, **_: self._do(services.unshelve, ids))

    @extend_schema(request=AnswerSerializer, responses=AnsweredSerializer)
    @action(detail=False, methods=["post"], write_permission=EDIT)
    def put_out_of_service(self, request: Request) -> Response:
        """Take alarms out of service, with a reason, until somebody returns them."""
        return self._answer(request, AnswerSerializer, lambda ids, text, **_: self._do(
            services.put_out_of_service, ids, reason=text))  # fmt: skip

    @extend_schema(request=AnswerSerializer, responses=AnsweredSerializer)
    @action(detail=False, methods=["post"], write_permission=EDIT)
    def return_to_service(self, request: Request) -> Response:
        """Return alarms to service."""
        return self._answer(
            request, AnswerSerializer, lambda ids, **_: self._do(services.return_to_service, ids)
        )

    @extend_schema(request=AnswerSerializer, responses=AnsweredSerializer)
    @action(detail=False, methods=["post"])
    def comment(self, request: Request) -> Response:
        """Write a remark into the journal."""
        return self._answer(request, AnswerSerializer, lambda ids, text, **_: self._do(
            services.comment, ids, text=text))  # fmt: skip

    @extend_schema(request=AssignSerializer, responses=AnsweredSerializer)
    @action(detail=False, methods=["post"])
    def assign(self, request: Request) -> Response:
        """Say who sees to them; ``user`` null: nobody in particular."""
        return self._answer(request, AssignSerializer, lambda ids, user, **_: self._do(
            services.assign, ids, user_id=user))  # fmt: skip

    def _do(self, service: Callable[..., int], ids: list[int], **given: Any) -> int:
        return service(ids, actor=actor_of(self.request), **given)

    def _answer(
        self, request: Request, kind: type[serializers.Serializer[Any]], answer: Callable[..., int]
    ) -> Response:
        asked = kind(data=request.data)
        asked.is_valid(raise_exception=True)
        given = {"text": "", **asked.validated_data}
        return Response({"answered": answer(given.pop("alarms"), **given)})


class JournalFilter(FilterSet):
    alarm = filters.NumberFilter()
    asset = Numbers(field_name="alarm__asset_id", lookup_expr="in")
    kind = Choices(EntryKind.choices)
    is_quiet = YesNo()
    after = filters.IsoDateTimeFilter(field_name="happened_at", lookup_expr="gte")
    before = filters.IsoDateTimeFilter(field_name="happened_at", lookup_expr="lt")


class JournalPagination(CursorPagination):
    ordering = "-happened_at"


class JournalViewSet(mixins.ListModelMixin, Resource):
    """What happened to alarms, the newest first. Nothing in it is ever changed."""

    read_permission, write_permission = VIEW, VIEW
    serializer_class = JournalEntrySerializer
    pagination_class = JournalPagination
    filterset_class = JournalFilter
    ordering_fields = ("happened_at", "noted_at", "id")
    queryset = JournalEntry.objects.none()

    def get_queryset(self) -> QuerySet[JournalEntry]:
        return queries.list_journal()

    @staticmethod
    def search_by(word: str) -> Q:
        return queries.named_like(word, "alarm__") | Q(text__icontains=word) | Q(person_name__icontains=word)

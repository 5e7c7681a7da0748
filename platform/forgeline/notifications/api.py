"""REST: channels, rosters, routes, the delivery log, the caller's bell and wishes. Parse, one call, render."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters  # type: ignore[import-untyped]  # ships no types
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, mixins, permissions, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.base import clock
from forgeline.base.api import ActorPermission
from forgeline.base.errors import InvalidInputError
from forgeline.base.filters import Choices, FilterSet
from forgeline.base.paging import NewestFirst
from forgeline.base.resources import OneThing, Resource
from forgeline.base.views import Answering, asks
from forgeline.identity.authentication import actor_of
from forgeline.notifications import editing, queries
from forgeline.notifications.models import Channel, Delivery, Form, Roster, Route, State, Via
from forgeline.notifications.serializers import (
    BellSerializer,
    ChannelSerializer,
    DeliverySerializer,
    DeliveryWithTriesSerializer,
    DutySerializer,
    PreferenceSerializer,
    ReadSerializer,
    RecipientSerializer,
    RosterSerializer,
    RouteSerializer,
    TrialSerializer,
)  # fmt: skip

VIEW, EDIT = "notifications.view", "notifications.edit"


class EditedViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, Resource):
    """Base of channels, rosters and routes: lists, reads, makes, changes and deletes by the services that it names."""

    read_permission, write_permission = EDIT, EDIT
    search_fields = ("name",)
    ordering_fields: tuple[str, ...] = ("name", "id")
    noun = ""

    def create(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        write = getattr(editing, f"create_{self.noun}")
        row = write(actor=actor_of(request), **serializer.validated_data)
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, pk: int) -> Response:
        row = self.get_object()
        serializer = self.get_serializer(row, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        write = getattr(editing, f"update_{self.noun}")
        row = write(row.pk, actor=actor_of(request), **serializer.validated_data)
        return Response(self.get_serializer(row).data)

    def destroy(self, request: Request, pk: int) -> Response:
        getattr(editing, f"delete_{self.noun}")(self.get_object().pk, actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ChannelViewSet(EditedViewSet):
    """Mailboxes, programs and group robots. The address and the secret are never shown again."""

    serializer_class = ChannelSerializer
    queryset = Channel.objects.none()
    ordering_fields = ("name", "kind", "id")
    noun = "channel"

    def get_queryset(self) -> QuerySet[Channel]:
        return queries.list_channels()

    @extend_schema(request=None, responses=TrialSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: int) -> Response:
        """Send a test message now and say what came of it."""
        result = editing.try_channel(self.get_object().pk, actor=actor_of(request))
        return Response(TrialSerializer(result).data)


class RosterViewSet(EditedViewSet):
    """Who is on duty when."""

    serializer_class = RosterSerializer
    queryset = Roster.objects.none()
    read_permission = "notifications.rosters.view"
    noun = "roster"

    def get_queryset(self) -> QuerySet[Roster]:
        return queries.list_rosters()

    @asks(
        OpenApiParameter("at", datetime, description="The instant; default: now."),
        responses=DutySerializer,
    )
    @action(detail=True, methods=["get"])
    def duty(self, request: Request, pk: int) -> Response:
        """Who is on duty at an instant."""
        at = _instant(request.query_params.get("at")) or clock.now()
        return Response(DutySerializer(queries.read_duty(at)[self.get_object().pk]).data)


class RouteViewSet(EditedViewSet):
    """Which messages are told to whom, in steps."""

    serializer_class = RouteSerializer
    queryset = Route.objects.none()
    noun = "route"

    def get_queryset(self) -> QuerySet[Route]:
        return queries.list_routes()


class DeliveryFilter(FilterSet):
    state = Choices(State.choices)
    via = Choices(Via.choices)
    form = Choices(Form.choices)
    user = filters.NumberFilter(field_name="user_id")
    channel = filters.NumberFilter(field_name="channel_id")
    route = filters.NumberFilter(field_name="route_id")
    subject = filters.CharFilter(field_name="notice__subject")


class DeliveryViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, Resource):
    """The delivery log, the newest first; one delivery is shown with each of its attempts."""

    read_permission, write_permission = EDIT, EDIT
    serializer_class = DeliverySerializer
    queryset = Delivery.objects.none()
    pagination_class = NewestFirst
    filterset_class = DeliveryFilter
    search_fields = ("to_name", "notice__subject", "notice__title")
    ordering_fields = ("created_at", "due_at", "id")

    def get_queryset(self) -> QuerySet[Delivery]:
        rows = queries.list_deliveries()
        return rows.prefetch_related("tries") if self.action == "retrieve" else rows

    def get_serializer_class(self) -> Any:
        return DeliveryWithTriesSerializer if self.action == "retrieve" else DeliverySerializer


class OwnPermission(permissions.BasePermission):
    """A person's own things: reading takes notifications.view; a program that writes needs notifications.edit, and is
    told then that it is no person.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        actor = getattr(request._request, "actor", None)
        if actor is None:
            return False
        is_read = request.method in permissions.SAFE_METHODS
        return bool(actor.has_permission(VIEW if is_read or actor.user_id is not None else EDIT))


class BellView(Answering, generics.ListAPIView):
    """What the caller's bell has rung for, the newest first; a program has no bell."""

    permission_classes = [OwnPermission]
    serializer_class = BellSerializer
    queryset = Delivery.objects.none()
    pagination_class = NewestFirst
    search_fields = ("notice__subject", "notice__title")
    ordering_fields = ("created_at", "id")

    def get_queryset(self) -> QuerySet[Delivery]:
        return queries.list_bell(actor_of(self.request).user_id or 0)


class BellReadView(Answering):
    """Mark rings of the caller's bell as read."""

    permission_classes = [OwnPermission]

    @extend_schema(request=ReadSerializer, responses=ReadSerializer)
    def post(self, request: Request) -> Response:
        serializer = ReadSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        marked = editing.mark_read(_person(request), serializer.validated_data.get("ids"))
        return Response({"marked": marked})


class PreferenceView(OneThing):
    """How the caller wants to be told."""

    permission_classes = [OwnPermission]

    @extend_schema(responses=PreferenceSerializer)
    def get(self, request: Request) -> Response:
        row = queries.read_preference(actor_of(request).user_id or 0)
        return Response(PreferenceSerializer(row).data)

    @extend_schema(request=PreferenceSerializer, responses=PreferenceSerializer)
    def put(self, request: Request) -> Response:
        serializer = PreferenceSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        row = editing.update_preference(_person(request), **serializer.validated_data)
        return Response(PreferenceSerializer(row).data)


class RecipientsView(Answering):
    """The people who can be told, for rosters and routes."""

    permission_classes = [ActorPermission]
    read_permission, write_permission = EDIT, EDIT

    @extend_schema(responses=RecipientSerializer(many=True))
    def get(self, _request: Request) -> Response:
        people = [{"id": row.pk, "name": str(row), "email": row.email} for row in queries.list_people()]
        return Response(RecipientSerializer(people, many=True).data)


def _person(request: Request) -> int:
    user_id = actor_of(request).user_id
    if user_id is None:
        raise InvalidInputError(
            _("An API key is no person; sign in for this."), key="notifications.no_person"
        )
    return user_id


def _instant(word: str | None) -> datetime | None:
    if not word:
        return None
    try:
        found = parse_datetime(word)
        if found is None or found.tzinfo is None:
            raise ValueError(word)
        # Beyond these a wall clock somewhere has no date.
        if not 2000 <= found.year <= 2100:
            raise ValueError(word)
    except ValueError:
        sentence = _("`at` must be a time such as 2026-01-31T08:00:00Z, from 2000 to 2100.")
        raise InvalidInputError(sentence) from None
    return found

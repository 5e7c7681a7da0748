"""REST: webhooks, their deliveries, and the events that there are."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters  # type: ignore[import-untyped]  # ships no types
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.base.api import ActorPermission
from forgeline.base.filters import Choices, FilterSet
from forgeline.base.moments import MomentField
from forgeline.base.paging import NewestFirst
from forgeline.base.resources import Resource
from forgeline.base.serializers import ModelSerializer, Serializer
from forgeline.base.views import Answering
from forgeline.identity.authentication import actor_of
from forgeline.webhooks import services
from forgeline.webhooks.catalogue import list_titles, list_types
from forgeline.webhooks.models import Attempt, Delivery, Endpoint, State


class EndpointSerializer(ModelSerializer):
    events = serializers.ListField(
        child=serializers.CharField(max_length=80), max_length=100,
        help_text="Event types, or what stands before a star: `alarms.*`, `*`.",
    )  # fmt: skip

    class Meta:
        model = Endpoint
        fields = [
            "id",
            "name",
            "url",
            "events",
            "is_enabled",
            "stopped_because",
            "failing_since",
            "created_at",
        ]
        read_only_fields = ["stopped_because", "failing_since", "created_at"]
        extra_kwargs = {"is_enabled": {"required": False}}
        validators: list[Any] = []


class NewEndpointSerializer(EndpointSerializer):
    """The one answer in which the secret stands."""

    secret = serializers.CharField(help_text="Signs each delivery (Standard Webhooks); shown once.")

    class Meta(EndpointSerializer.Meta):
        fields = [*EndpointSerializer.Meta.fields, "secret"]


class WebhookTrySerializer(ModelSerializer):
    class Meta:
        model = Attempt
        fields = ["at", "took_ms", "status", "reason", "detail", "answer"]


class WebhookDeliverySerializer(ModelSerializer):
    type = serializers.CharField(source="event.type")
    happened_at = serializers.DateTimeField(source="event.happened_at")
    data = serializers.DictField(source="event.data")  # type: ignore[assignment]  # DRF types a field so named
    tries = WebhookTrySerializer(many=True)

    class Meta:
        model = Delivery
        fields = [
            "id", "endpoint", "event", "type", "subject", "happened_at", "data", "state", "attempts", "due_at",
            "sent_at", "is_replay", "tries",
        ]  # fmt: skip


class ReplayInput(Serializer):
    deliveries = serializers.ListField(
        child=serializers.IntegerField(min_value=1), required=False, max_length=1000
    )
    since = MomentField(required=False)
    until = MomentField(required=False)


class ReplayAnswer(Serializer):
    replayed = serializers.IntegerField()


class EventTypeSerializer(Serializer):
    key = serializers.CharField()
    title = serializers.CharField()
    example = serializers.DictField(help_text="What stands in `data`.")


class DeliveryFilter(FilterSet):
    endpoint = filters.NumberFilter(field_name="endpoint_id")
    state = Choices(State.choices)
    type = Choices(lambda: list_titles().items(), "event__type")
    subject = filters.CharFilter()


class EndpointViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Addresses of other programs that are told of events."""

    serializer_class = EndpointSerializer
    queryset = Endpoint.objects.none()
    read_permission, write_permission = services.MANAGE, services.MANAGE
    search_fields = ("name", "url")
    ordering_fields = ("name", "created_at", "id")

    def get_queryset(self) -> QuerySet[Endpoint]:
        return services.list_endpoints()

    @extend_schema(responses={201: NewEndpointSerializer})
    def create(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = {**serializer.validated_data}
        given.pop("is_enabled", None)
        row, secret = services.create_endpoint(**given, actor=actor_of(request))
        return Response({**self.get_serializer(row).data, "secret": secret}, status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, pk: int) -> Response:
        serializer = self.get_serializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        row = services.update_endpoint(int(pk), actor=actor_of(request), **serializer.validated_data)
        return Response(self.get_serializer(row).data)

    def destroy(self, request: Request, pk: int) -> Response:
        services.delete_endpoint(int(pk), actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=NewEndpointSerializer)
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: int) -> Response:
        """Give it a new secret; the former signs beside it for a day."""
        row, secret = services.rotate_secret(int(pk), actor=actor_of(request))
        return Response({**self.get_serializer(row).data, "secret": secret})

    @extend_schema(request=None, responses={202: WebhookDeliverySerializer})
    @action(detail=True, methods=["post"])
    def ping(self, request: Request, pk: int) -> Response:
        """Send a test event; the delivery tells what came of it."""
        row = services.ping(int(pk), actor=actor_of(request))
        return Response(WebhookDeliverySerializer(row).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=ReplayInput, responses={202: ReplayAnswer})
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: int) -> Response:
        """Tell events once more: some deliveries, or all of a span."""
        shape = ReplayInput(data=request.data)
        shape.is_valid(raise_exception=True)
        given = shape.validated_data
        count = services.replay(
            int(pk), actor=actor_of(request), delivery_ids=given.get("deliveries", ()), since=given.get("since"),
            until=given.get("until"),
        )  # fmt: skip
        return Response({"replayed": count}, status=status.HTTP_202_ACCEPTED)


class DeliveryViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """The log of deliveries, each with its tries; kept for 30 days."""

    serializer_class = WebhookDeliverySerializer
    queryset = Delivery.objects.none()
    filterset_class = DeliveryFilter
    search_fields = ("subject", "event__type", "endpoint__name")
    ordering_fields = ("created_at", "due_at", "id")
    pagination_class = NewestFirst
    read_permission, write_permission = services.MANAGE, services.MANAGE

    def get_queryset(self) -> QuerySet[Delivery]:
        return services.list_deliveries()


class EventTypesView(Answering):
    """Every event that a webhook can be told of, with an example of its data."""

    permission_classes = [ActorPermission]
    read_permission, write_permission = services.MANAGE, services.MANAGE

    @extend_schema(responses=EventTypeSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response(EventTypeSerializer(list_types(), many=True).data)

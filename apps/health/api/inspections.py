"""REST: inspection routes, passes along them."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.health.api.filters import InspectionFilter, RouteFilter
from apps.health.api.orders import AnswerInput
from apps.health.models import Inspection, InspectionItem, InspectionResult, InspectionRoute
from apps.health.models.orders import ItemKind
from apps.health.queries.store import get_inspection, list_inspections, list_routes
from apps.health.rules import MOST_LINES, PLAN, VIEW, WORK
from apps.health.services import inspections
from forgeline.base.paging import NewestFirst
from forgeline.base.resources import Resource
from forgeline.base.serializers import ChoiceField, ModelSerializer, Serializer
from forgeline.identity.authentication import actor_of


class InspectionItemSerializer(ModelSerializer):
    asset = serializers.IntegerField(source="asset_id", min_value=1)
    kind = ChoiceField(choices=ItemKind.choices, default=ItemKind.CHECK.value)

    class Meta:
        model = InspectionItem
        fields = ["id", "asset", "text", "kind", "unit", "low", "high"]


class InspectionRouteSerializer(ModelSerializer):
    plant = serializers.IntegerField(source="site_id", min_value=1)
    every_hours = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=8784)
    items = InspectionItemSerializer(  # type: ignore[call-arg]  # of the list that many makes
        many=True,
        source="stops",
        max_length=MOST_LINES,
        help_text="Given anew they take the place of the former.",
    )

    class Meta:
        model = InspectionRoute
        fields = ["id", "plant", "name", "names", "every_hours", "items"]
        validators: list[Any] = []


class InspectionResultSerializer(ModelSerializer):
    text = serializers.CharField(source="item.text")
    asset = serializers.IntegerField(source="item.asset_id")

    class Meta:
        model = InspectionResult
        fields = ["item", "text", "asset", "result", "value", "note", "by", "at", "work_order"]


class InspectionSerializer(ModelSerializer):
    results = InspectionResultSerializer(many=True)
    route_name = serializers.CharField(source="route.name")

    class Meta:
        model = Inspection
        fields = ["id", "route", "route_name", "state", "by", "started_at", "finished_at", "results"]


class FinishInput(Serializer):
    is_broken_off = serializers.BooleanField(default=False)


class RouteViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Inspection routes: items over machines of one plant."""

    serializer_class = InspectionRouteSerializer
    queryset = InspectionRoute.objects.none()
    filterset_class = RouteFilter
    read_permission, write_permission = VIEW, PLAN
    search_fields = ("name", "names")
    ordering_fields = ("name", "id")

    def get_queryset(self) -> QuerySet[InspectionRoute]:
        return list_routes()

    def get_permissions(self) -> Any:
        if self.action == "start":
            self.write_permission = WORK
        return super().get_permissions()

    def create(self, request: Request) -> Response:
        row = inspections.create_route(**self._given(request), actor=actor_of(request))
        return Response(self._read(row.pk), status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, pk: int) -> Response:
        given = self._given(request, partial=True)
        given.pop("site_id", None)
        inspections.update_route(int(pk), actor=actor_of(request), **given)
        return Response(self._read(int(pk)))

    def destroy(self, request: Request, pk: int) -> Response:
        inspections.retire_route(int(pk), actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={201: InspectionSerializer})
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: int) -> Response:
        """Begin a pass; 409 `health.pass_under_way` where somebody walks it."""
        row = inspections.start_pass(int(pk), actor=actor_of(request))
        return Response(InspectionSerializer(get_inspection(row.pk)).data, status=status.HTTP_201_CREATED)

    def _given(self, request: Request, *, partial: bool = False) -> dict[str, Any]:
        serializer = self.get_serializer(data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        given = dict(serializer.validated_data)
        if "stops" in given:
            given["items"] = [
                {"asset" if name == "asset_id" else name: value for name, value in item.items()}
                for item in given.pop("stops")
            ]
        return given

    def _read(self, pk: int) -> dict[str, Any]:
        return InspectionRouteSerializer(list_routes().get(pk=pk)).data


class InspectionViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Passes along routes; each stop is saved by itself."""

    serializer_class = InspectionSerializer
    queryset = Inspection.objects.none()
    filterset_class = InspectionFilter
    search_fields = ("route__name", "route__names")
    ordering_fields = ("started_at", "id")
    pagination_class = NewestFirst
    read_permission, write_permission = VIEW, WORK

    def get_queryset(self) -> QuerySet[Inspection]:
        return list_inspections()

    @extend_schema(request=AnswerInput, responses=InspectionResultSerializer)
    @action(detail=True, methods=["post"])
    def answer(self, request: Request, pk: int) -> Response:
        """Save one stop, again as often as wanted; a stop that is not OK has exactly one work order."""
        shape = AnswerInput(data=request.data)
        shape.is_valid(raise_exception=True)
        given = dict(shape.validated_data)
        row = inspections.answer_stop(int(pk), item_id=given.pop("item"), actor=actor_of(request), **given)
        return Response(InspectionResultSerializer(row).data)

    @extend_schema(request=FinishInput, responses=InspectionSerializer)
    @action(detail=True, methods=["post"])
    def finish(self, request: Request, pk: int) -> Response:
        """End the pass; with stops left only as `is_broken_off`."""
        shape = FinishInput(data=request.data)
        shape.is_valid(raise_exception=True)
        inspections.finish_pass(int(pk), actor=actor_of(request), **shape.validated_data)
        return Response(InspectionSerializer(get_inspection(int(pk))).data)

"""REST: work orders with steps, checklist, labour and parts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.health.api.filters import OrderFilter
from apps.health.models import CheckItem, LabourEntry, OrderEntry, PartUse, WorkOrder
from apps.health.models.orders import ItemResult, OrderKind, OrderPriority, State
from apps.health.queries.orders import list_detailed, list_orders
from apps.health.rules import REQUEST, STEPS, VIEW
from apps.health.services import booking, checks, orders, steps
from forgeline.base.moments import MomentField
from forgeline.base.paging import NewestFirst
from forgeline.base.resources import Resource
from forgeline.base.serializers import ChoiceField, ModelSerializer, Serializer
from forgeline.identity.authentication import actor_of

MONEY: dict[str, Any] = {"max_digits": 14, "decimal_places": 2}
QUANTITY: dict[str, Any] = {"max_digits": 12, "decimal_places": 3}


class CheckItemSerializer(ModelSerializer):
    class Meta:
        model = CheckItem
        fields = [
            "id", "position", "text", "kind", "unit", "low", "high", "opens_follow_up", "result", "value", "note", "by",
            "at", "follow_up",
        ]  # fmt: skip


class LabourSerializer(ModelSerializer):
    class Meta:
        model = LabourEntry
        fields = ["id", "person", "minutes", "rate", "at"]


class PartUseSerializer(ModelSerializer):
    number = serializers.CharField(source="part.number")
    name = serializers.CharField(source="part.name")

    class Meta:
        model = PartUse
        fields = ["id", "part", "number", "name", "quantity", "unit_cost", "at"]


class OrderEntrySerializer(ModelSerializer):
    class Meta:
        model = OrderEntry
        fields = ["from_state", "to_state", "text", "by", "at"]


class WorkOrderSerializer(ModelSerializer):
    asset = serializers.IntegerField(source="asset_id")
    machine = serializers.CharField(source="asset.name", read_only=True)
    assignee = serializers.IntegerField(source="assignee_id", allow_null=True, required=False, min_value=1)
    downtime_reason = serializers.IntegerField(
        source="downtime_reason_id", allow_null=True, required=False, min_value=1
    )
    kind = ChoiceField(choices=OrderKind.choices, required=False)
    priority = ChoiceField(choices=OrderPriority.choices, required=False)
    external_cost = serializers.DecimalField(**MONEY, required=False, min_value=Decimal(0))
    titles = serializers.DictField(
        child=serializers.CharField(max_length=160), required=False,
        help_text="Language (`en`, `zh-hans`) → title; a `title` that is changed without them has none.",
    )  # fmt: skip

    class Meta:
        model = WorkOrder
        fields = [
            "id", "number", "asset", "machine", "kind", "state", "priority", "title", "titles", "text", "remedy",
            "requested_by", "assignee", "due_at", "planned_at", "created_at",
            "started_at", "done_at", "verified_at", "plan", "follows",
            "downtime_reason", "down_from", "down_to", "labour_minutes", "labour_cost", "parts_cost", "external_cost",
        ]  # fmt: skip
        read_only_fields = [
            "number", "state", "requested_by", "created_at", "started_at", "done_at", "verified_at", "plan", "follows",
            "labour_minutes", "labour_cost", "parts_cost",
        ]  # fmt: skip
        validators: list[Any] = []


class DetailedOrderSerializer(WorkOrderSerializer):
    """One order with all that belongs to it."""

    items = CheckItemSerializer(many=True, read_only=True)
    labour = LabourSerializer(many=True, read_only=True)
    parts = PartUseSerializer(many=True, read_only=True)
    journal = OrderEntrySerializer(source="entries", many=True, read_only=True)
    steps = serializers.SerializerMethodField(help_text="The states that may follow.")

    class Meta(WorkOrderSerializer.Meta):
        fields = [*WorkOrderSerializer.Meta.fields, "items", "labour", "parts", "journal", "steps"]

    def get_steps(self, row: WorkOrder) -> list[str]:
        return list(STEPS[row.state])


class StepInput(Serializer):
    to = ChoiceField(choices=State.choices)
    text = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")


class AnswerInput(Serializer):
    item = serializers.IntegerField(min_value=1)
    result = ChoiceField(choices=ItemResult.choices, required=False, allow_blank=True, default="")
    value = serializers.FloatField(required=False, allow_null=True, default=None)
    note = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class LabourInput(Serializer):
    minutes = serializers.IntegerField(min_value=1, max_value=booking.MOST_MINUTES)
    person = serializers.CharField(max_length=160, required=False, allow_blank=True, default="")
    at = MomentField(required=False, allow_null=True, default=None)


class TakeInput(Serializer):
    part = serializers.IntegerField(min_value=1)
    quantity = serializers.DecimalField(**QUANTITY)


class BackInput(Serializer):
    use = serializers.IntegerField(min_value=1, help_text="The `id` of a line in `parts`.")


class WorkOrderViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Work orders. Making one asks for work; `move` takes it from state to state."""

    serializer_class = WorkOrderSerializer
    queryset = WorkOrder.objects.none()
    filterset_class = OrderFilter
    pagination_class = NewestFirst
    read_permission, write_permission = VIEW, REQUEST
    search_fields = ("title", "titles", "text", "remedy", "asset__name")
    ordering_fields = ("number", "due_at", "created_at", "id")

    def get_queryset(self) -> QuerySet[WorkOrder]:
        return list_orders() if self.action == "list" else list_detailed()

    def get_serializer_class(self) -> Any:
        return WorkOrderSerializer if self.action in {"list", "create"} else DetailedOrderSerializer

    def _read(self, pk: int) -> dict[str, Any]:
        return DetailedOrderSerializer(list_detailed().get(pk=pk)).data

    @extend_schema(responses={201: DetailedOrderSerializer})
    def create(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = {
            name: value
            for name, value in serializer.validated_data.items()
            if name in {"asset_id", "title", "titles", "text", "priority", "kind", "down_from"}
        }
        row = orders.request_work(**given, actor=actor_of(request))
        return Response(self._read(row.pk), status=status.HTTP_201_CREATED)

    @extend_schema(request=WorkOrderSerializer)
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change what is planned or what was found; the machine stays."""
        serializer = WorkOrderSerializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        orders.update_order(int(pk), actor=actor_of(request), **serializer.validated_data)
        return Response(self._read(int(pk)))

    @extend_schema(request=StepInput, responses=DetailedOrderSerializer)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: int) -> Response:
        """Take it to another state; 409 `health.illegal_step` says which are legal from where it stands."""
        given = _given(StepInput, request)
        steps.move_order(int(pk), given["to"], text=given["text"], actor=actor_of(request))
        return Response(self._read(int(pk)))

    @extend_schema(request=AnswerInput, responses=DetailedOrderSerializer)
    @action(detail=True, methods=["post"])
    def answer(self, request: Request, pk: int) -> Response:
        """Answer a line of the checklist; a value is judged by its limits."""
        given = _given(AnswerInput, request)
        checks.answer_line(int(pk), item_id=given.pop("item"), actor=actor_of(request), **given)
        return Response(self._read(int(pk)))

    @extend_schema(request=LabourInput, responses=DetailedOrderSerializer)
    @action(detail=True, methods=["post"])
    def labour(self, request: Request, pk: int) -> Response:
        """Book time, at the company's rate of now."""
        booking.book_labour(int(pk), actor=actor_of(request), **_given(LabourInput, request))
        return Response(self._read(int(pk)))

    @extend_schema(request=TakeInput, responses=DetailedOrderSerializer)
    @action(detail=True, methods=["post"])
    def parts(self, request: Request, pk: int) -> Response:
        """Take parts from the store; 409 `health.stock_too_low` where it does not hold them."""
        given = _given(TakeInput, request)
        booking.take_part(int(pk), part_id=given["part"], quantity=given["quantity"], actor=actor_of(request))
        return Response(self._read(int(pk)))

    @extend_schema(request=BackInput, responses=DetailedOrderSerializer)
    @action(detail=True, methods=["post"])
    def put_back(self, request: Request, pk: int) -> Response:
        """Put parts back into the store."""
        booking.put_part_back(int(pk), use_id=_given(BackInput, request)["use"], actor=actor_of(request))
        return Response(self._read(int(pk)))


def _given(shape: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    serializer = shape(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)

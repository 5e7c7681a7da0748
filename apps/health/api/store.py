"""REST: spare parts and the movements of the store, maintenance plans."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.health import wording
from apps.health.api.filters import PartFilter, PlanFilter
from apps.health.api.orders import QUANTITY
from apps.health.models import MaintenancePlan, SparePart, StockMove
from apps.health.models.orders import OrderPriority
from apps.health.models.plans import Every, Trigger
from apps.health.models.stock import MoveKind
from apps.health.queries.store import list_moves, list_parts, list_plans, read_alarm_names
from apps.health.rules import PLAN, VIEW
from apps.health.services import defaults, plans, stock
from forgeline.base.resources import Resource
from forgeline.base.serializers import ChoiceField, ModelSerializer, Serializer
from forgeline.identity.authentication import actor_of

MONEY: dict[str, Any] = {"max_digits": 12, "decimal_places": 2}
_NOT_BELOW: dict[str, Any] = {"min_value": Decimal(0), "required": False}
_BIGGEST = 1e15


class SparePartSerializer(ModelSerializer):
    plant = serializers.IntegerField(source="site_id", min_value=1)
    stock = serializers.DecimalField(
        **QUANTITY,
        **_NOT_BELOW,
        help_text="When made; from then on it moves by `book` and by work orders alone.",
    )
    minimum = serializers.DecimalField(**QUANTITY, **_NOT_BELOW)
    unit_cost = serializers.DecimalField(**MONEY, **_NOT_BELOW)
    is_low = serializers.SerializerMethodField(help_text="At or below its minimum.")

    class Meta:
        model = SparePart
        fields = [
            "id", "plant", "number", "name", "unit", "stock", "minimum", "is_low", "unit_cost", "place", "supplier",
        ]  # fmt: skip
        validators: list[Any] = []

    def get_is_low(self, row: SparePart) -> bool:
        return bool(row.minimum > 0 and row.stock <= row.minimum)


class StockMoveSerializer(ModelSerializer):
    class Meta:
        model = StockMove
        fields = ["id", "part", "kind", "quantity", "stock_after", "work_order", "note", "by", "at"]


class StockInput(Serializer):
    kind = ChoiceField(choices=MoveKind.choices, help_text="All but `return`: an order puts back.")
    quantity = serializers.DecimalField(**QUANTITY, help_text="For `count`: what lies there.")
    note = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class PartViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Spare parts. A stock never falls below zero, whoever takes parts at once."""

    serializer_class = SparePartSerializer
    queryset = SparePart.objects.none()
    filterset_class = PartFilter
    read_permission, write_permission = VIEW, PLAN
    search_fields = ("number", "name", "supplier")
    ordering_fields = ("number", "name", "stock", "id")

    def get_queryset(self) -> QuerySet[SparePart]:
        return list_parts()

    def create(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        row = stock.create_part(**serializer.validated_data, actor=actor_of(request))
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, pk: int) -> Response:
        serializer = self.get_serializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        row = stock.update_part(int(pk), actor=actor_of(request), **serializer.validated_data)
        return Response(self.get_serializer(row).data)

    def destroy(self, request: Request, pk: int) -> Response:
        stock.retire_part(int(pk), actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=StockInput, responses=SparePartSerializer)
    @action(detail=True, methods=["post"])
    def book(self, request: Request, pk: int) -> Response:
        """Book what came in, went out without an order, or was counted."""
        shape = StockInput(data=request.data)
        shape.is_valid(raise_exception=True)
        row = stock.book_stock(int(pk), actor=actor_of(request), **shape.validated_data)
        return Response(self.get_serializer(row).data)

    @extend_schema(responses=StockMoveSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def moves(self, request: Request, pk: int) -> Response:
        """The last 200 movements, the newest first."""
        row = self.get_object()
        return Response(StockMoveSerializer(list_moves().filter(part=row)[:200], many=True).data)


class MaintenancePlanSerializer(ModelSerializer):
    asset = serializers.IntegerField(source="asset_id", min_value=1)
    point = serializers.IntegerField(source="point_id", allow_null=True, required=False, min_value=1)
    trigger = ChoiceField(choices=Trigger.choices)
    every = serializers.FloatField(required=False, allow_null=True, max_value=plans.MOST_EVERY)
    every_unit = ChoiceField(choices=Every.choices, required=False, allow_blank=True)
    above = serializers.FloatField(required=False, allow_null=True, min_value=-_BIGGEST, max_value=_BIGGEST)
    below = serializers.FloatField(required=False, allow_null=True, min_value=-_BIGGEST, max_value=_BIGGEST)
    priority = ChoiceField(choices=OrderPriority.choices, required=False)
    checklist = serializers.ListField(
        child=serializers.DictField(), max_length=100, required=False,
        help_text="Lines: `text`, `kind` (check, value), `unit`, `low`, `high`, `opens_follow_up`.",
    )  # fmt: skip
    remark = serializers.SerializerMethodField(help_text="What a person should look at, as a sentence.")
    rhythm = serializers.SerializerMethodField(help_text="When it falls due, in words.")
    _alarm_names: dict[tuple[int, str], str] | None = None

    class Meta:
        model = MaintenancePlan
        fields = [
            "id", "asset", "name", "names", "text", "trigger", "every", "every_unit", "first_on", "point", "alarm_key",
            "above", "below", "lead_days", "priority", "checklist", "is_enabled", "rhythm", "since", "due_on", "used",
            "rate", "remark", "looked_at",
        ]  # fmt: skip
        read_only_fields = ["since", "due_on", "used", "rate", "looked_at"]
        extra_kwargs = {"is_enabled": {"required": False}}
        validators: list[Any] = []

    def get_remark(self, row: MaintenancePlan) -> str:
        return wording.remark(row.remark, row.remark_data)

    def get_rhythm(self, row: MaintenancePlan) -> str:
        return wording.rhythm(row, self._read_alarm_names(row) if row.alarm_key else None)

    def _read_alarm_names(self, row: MaintenancePlan) -> dict[tuple[int, str], str]:
        """Of all plans in the answer at once."""
        rows = None if self.parent is None else self.parent.instance
        if self._alarm_names is None:
            self._alarm_names = read_alarm_names({each.asset_id for each in rows or [row] if each.alarm_key})
        return self._alarm_names


class AdoptInput(Serializer):
    asset = serializers.IntegerField(min_value=1)


class PlanViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Maintenance plans. Each due makes one work order, `lead_days` ahead."""

    serializer_class = MaintenancePlanSerializer
    queryset = MaintenancePlan.objects.none()
    filterset_class = PlanFilter
    read_permission, write_permission = VIEW, PLAN
    search_fields = ("name", "names", "asset__name")
    ordering_fields = ("name", "id")

    def get_queryset(self) -> QuerySet[MaintenancePlan]:
        return list_plans().order_by("id")

    def create(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        row = plans.create_plan(**serializer.validated_data, actor=actor_of(request))
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, pk: int) -> Response:
        serializer = self.get_serializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        given = {**serializer.validated_data}
        given.pop("asset_id", None)
        row = plans.update_plan(int(pk), actor=actor_of(request), **given)
        return Response(self.get_serializer(row).data)

    def destroy(self, request: Request, pk: int) -> Response:
        plans.delete_plan(int(pk), actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=MaintenancePlanSerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: int) -> Response:
        """Say that what `remark` tells is known and right."""
        return Response(self.get_serializer(plans.confirm_remark(int(pk), actor=actor_of(request))).data)

    @extend_schema(request=AdoptInput, responses={201: MaintenancePlanSerializer(many=True)})
    @action(detail=False, methods=["post"], pagination_class=None, filter_backends=[])
    def adopt(self, request: Request) -> Response:
        """Make the plans that the machine's device profile proposes and it lacks."""
        shape = AdoptInput(data=request.data)
        shape.is_valid(raise_exception=True)
        made = defaults.adopt_profile_plans(shape.validated_data["asset"], actor=actor_of(request))
        return Response(MaintenancePlanSerializer(made, many=True).data, status=status.HTTP_201_CREATED)

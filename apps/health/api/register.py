"""REST: machine records with labels, documents, downtime reasons, terms, figures, files as CSV."""

from __future__ import annotations

import base64
import binascii
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.health import labels, rules
from apps.health.api.filters import FileFilter
from apps.health.models import DowntimeReason, MachineRecord, StoredFile, Terms
from apps.health.queries.figures import read_figures
from apps.health.queries.register import (
    find_terms,
    get_file,
    get_record,
    list_files,
    list_machines,
    list_reasons,
    list_records,
)
from apps.health.services import exchange, register
from apps.health.services.saving import invalid
from apps.health.serving import file_answer
from forgeline.assets.queries import get_asset
from forgeline.base import clock
from forgeline.base.api import ActorPermission
from forgeline.base.errors import NotFoundError
from forgeline.base.moments import MomentField
from forgeline.base.paging import NewestFirst
from forgeline.base.resources import OneThing, Resource
from forgeline.base.serializers import ChoiceField, ModelSerializer, Serializer
from forgeline.base.views import Answering, asks
from forgeline.identity.authentication import actor_of
from forgeline.notifications.links import base_for

LONGEST = timedelta(days=1100)
EARLIEST = 1990


class MachineRecordSerializer(ModelSerializer):
    asset = serializers.IntegerField(source="asset_id", read_only=True)
    risk_number = serializers.SerializerMethodField(help_text="severity × occurrence × detection.")
    grade = serializers.SerializerMethodField(help_text="A, B or C; empty while something is not scored.")
    has_label = serializers.SerializerMethodField()

    class Meta:
        model = MachineRecord
        fields = [
            "asset", "manufacturer", "type_name", "serial_number", "built_in", "severity", "occurrence", "detection",
            "note", "risk_number", "grade", "has_label",
        ]  # fmt: skip

    def get_risk_number(self, row: MachineRecord) -> int | None:
        return rules.risk_number(row.severity, row.occurrence, row.detection)

    def get_grade(self, row: MachineRecord) -> str:
        return rules.grade(self.get_risk_number(row))

    def get_has_label(self, row: MachineRecord) -> bool:
        return row.fault_token is not None


class LabelInput(Serializer):
    is_new = serializers.BooleanField(
        default=False, help_text="Makes the labels that hang already worthless."
    )


class LabelAnswer(Serializer):
    link = serializers.CharField()


class RecordViewSet(mixins.ListModelMixin, Resource):
    """What is kept of machines; the id is the asset's. The list has those of which something is kept."""

    serializer_class = MachineRecordSerializer
    queryset = MachineRecord.objects.none()
    read_permission, write_permission = rules.VIEW, rules.PLAN
    search_fields = ("manufacturer", "type_name", "serial_number", "asset__name")
    ordering_fields = ("manufacturer", "serial_number", "id")

    def get_queryset(self) -> QuerySet[MachineRecord]:
        return list_records()

    def get_object(self) -> MachineRecord:
        return get_record(int(self.kwargs["pk"]))

    def retrieve(self, request: Request, pk: int) -> Response:
        return Response(self.get_serializer(self.get_object()).data)

    def partial_update(self, request: Request, pk: int) -> Response:
        serializer = self.get_serializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        row = register.save_record(int(pk), actor=actor_of(request), **serializer.validated_data)
        return Response(self.get_serializer(row).data)

    @extend_schema(methods=["GET"], responses={(200, "application/pdf"): OpenApiTypes.BINARY})
    @extend_schema(methods=["POST"], request=LabelInput, responses=LabelAnswer)
    @action(detail=True, methods=["get", "post"])
    def label(self, request: Request, pk: int) -> HttpResponse:
        """GET the label to print; POST makes its link, or a new one."""
        if request.method == "POST":
            shape = LabelInput(data=request.data)
            shape.is_valid(raise_exception=True)
            row = register.make_label(int(pk), actor=actor_of(request), **shape.validated_data)
            return Response({"link": labels.link_of(row, base_for(request))})
        row = get_record(int(pk))
        if row.fault_token is None:
            raise NotFoundError(_("This machine has no label yet; make one by POST."), data={"id": int(pk)})
        return HttpResponse(labels.print_labels([row], base_for(request)), content_type="application/pdf")


class MachineDocumentSerializer(ModelSerializer):
    asset = serializers.IntegerField(source="asset_id", min_value=1)
    content = serializers.CharField(
        write_only=True, help_text="The file in base64; at most 3.7 MB this way, 10 MB by the page."
    )
    work_order = serializers.IntegerField(
        source="work_order_id", required=False, allow_null=True, min_value=1
    )

    class Meta:
        model = StoredFile
        fields = [
            "id", "asset", "work_order", "kind", "name", "content_type", "size", "by", "created_at", "content",
        ]  # fmt: skip
        read_only_fields = ["kind", "content_type", "size", "by"]


class FileViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Documents and photos of machines: JPEG, PNG, WebP, PDF, Word, Excel, plain text."""

    serializer_class = MachineDocumentSerializer
    queryset = StoredFile.objects.none()
    filterset_class = FileFilter
    pagination_class = NewestFirst
    read_permission, write_permission = rules.VIEW, rules.WORK
    search_fields = ("name",)
    ordering_fields = ("name", "size", "created_at", "id")

    def get_queryset(self) -> QuerySet[StoredFile]:
        return list_files()

    def create(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = {**serializer.validated_data}
        try:
            content = base64.b64decode(given.pop("content"), validate=True)
        except (binascii.Error, ValueError) as error:
            raise invalid(content=_("Send the content in base64.")) from error
        row = register.store_file(**given, content=content, actor=actor_of(request))
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    def destroy(self, request: Request, pk: int) -> Response:
        register.delete_file(int(pk), actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def content(self, request: Request, pk: int) -> HttpResponse:
        """The file itself."""
        return file_answer(get_file(int(pk)))


class DowntimeReasonSerializer(ModelSerializer):
    class Meta:
        model = DowntimeReason
        fields = ["id", "name", "names", "is_planned"]
        extra_kwargs = {"is_planned": {"required": False}}
        validators: list[Any] = []


class ReasonViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Why machines stand."""

    serializer_class = DowntimeReasonSerializer
    queryset = DowntimeReason.objects.none()
    read_permission, write_permission = rules.VIEW, rules.MANAGE
    search_fields = ("name", "names")
    ordering_fields = ("name", "id")

    def get_queryset(self) -> QuerySet[DowntimeReason]:
        return list_reasons()

    def create(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        row = register.create_reason(**serializer.validated_data, actor=actor_of(request))
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, pk: int) -> Response:
        serializer = self.get_serializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        row = register.update_reason(int(pk), actor=actor_of(request), **serializer.validated_data)
        return Response(self.get_serializer(row).data)

    def destroy(self, request: Request, pk: int) -> Response:
        register.retire_reason(int(pk), actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class MaintenanceTermsSerializer(ModelSerializer):
    labour_rate = serializers.DecimalField(
        max_digits=10, decimal_places=2, min_value=Decimal(0), required=False
    )

    class Meta:
        model = Terms
        fields = ["labour_rate", "currency", "cost_acting", "cost_failure", "horizon_days", "orders_by_rule"]
        extra_kwargs = {"currency": {"required": False}}


class TermsView(OneThing):
    """What an hour of work costs, and in which money."""

    permission_classes = [ActorPermission]
    read_permission, write_permission = rules.VIEW, rules.MANAGE

    @extend_schema(responses=MaintenanceTermsSerializer)
    def get(self, request: Request) -> Response:
        return Response(MaintenanceTermsSerializer(find_terms()).data)

    @extend_schema(request=MaintenanceTermsSerializer, responses=MaintenanceTermsSerializer)
    def patch(self, request: Request) -> Response:
        shape = MaintenanceTermsSerializer(data=request.data, partial=True)
        shape.is_valid(raise_exception=True)
        return Response(
            MaintenanceTermsSerializer(
                register.set_terms(actor=actor_of(request), **shape.validated_data)
            ).data
        )


class MaintenanceFiguresSerializer(Serializer):
    asset = serializers.IntegerField(source="asset.pk", default=None)
    failures = serializers.IntegerField(source="reliability.failures")
    operating_h = serializers.FloatField(source="reliability.operating_h")
    down_h = serializers.FloatField(source="reliability.down_h")
    mtbf_h = serializers.FloatField(source="reliability.mtbf_h", allow_null=True)
    mttr_h = serializers.FloatField(source="reliability.mttr_h", allow_null=True)
    availability = serializers.FloatField(
        source="reliability.availability", allow_null=True, help_text="0 to 1."
    )
    is_by_state = serializers.BooleanField(help_text="False: by shifts, for want of the machine's state.")
    orders = serializers.IntegerField()
    planned = serializers.IntegerField()
    planned_share = serializers.FloatField(allow_null=True)
    planned_hours_share = serializers.FloatField(allow_null=True)
    cost = serializers.FloatField()


class MaintenanceMonthSerializer(Serializer):
    month = serializers.CharField()
    cost = serializers.FloatField()
    planned = serializers.IntegerField()
    unplanned = serializers.IntegerField()


class FiguresAnswer(Serializer):
    currency = serializers.CharField()
    total = MaintenanceFiguresSerializer()
    machines = MaintenanceFiguresSerializer(many=True)
    reasons = serializers.DictField(child=serializers.FloatField(), help_text="Reason → hours of standing.")
    months = MaintenanceMonthSerializer(many=True)


class Asked(Serializer):
    asset = serializers.IntegerField(required=False, min_value=1, max_value=(1 << 63) - 1)
    since = MomentField(required=False)
    until = MomentField(required=False)


class FiguresView(Answering):
    """MTBF, MTTR, availability, planned share and cost of machines over a span; formulas in the module's README."""

    permission_classes = [ActorPermission]
    read_permission, write_permission = rules.VIEW, rules.VIEW

    @asks(
        OpenApiParameter("asset", int),
        OpenApiParameter("since", OpenApiTypes.DATETIME, description="90 days ago where left out."),
        OpenApiParameter("until", OpenApiTypes.DATETIME, description="Now where left out; not included."),
        responses=FiguresAnswer,
    )
    def get(self, request: Request) -> Response:
        asked = Asked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        until = given.get("until") or clock.now()
        try:
            since = given.get("since") or until - timedelta(days=90)
        except OverflowError:
            since = until
        if since.year < EARLIEST or not timedelta(0) < until - since <= LONGEST:
            raise invalid(since=_("Ask for a span of up to three years."))
        assets = [get_asset(given["asset"])] if "asset" in given else list(list_machines())
        found = read_figures(assets, since, until)
        answer: dict[str, Any] = {
            "currency": find_terms().currency, "total": found.total, "machines": found.machines, "months": found.months,
            "reasons": dict(found.reasons),
        }  # fmt: skip
        return Response(FiguresAnswer(answer).data)


class CsvInput(Serializer):
    what = ChoiceField(choices=list(exchange.COLUMNS))
    csv = serializers.CharField(max_length=4_000_000, trim_whitespace=False)


class CsvAnswer(Serializer):
    what = serializers.CharField()
    csv = serializers.CharField()


class CsvTaken(Serializer):
    made = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()


class CsvView(Answering):
    """Parts, plans or work orders as CSV."""

    permission_classes = [ActorPermission]
    read_permission, write_permission = rules.VIEW, rules.PLAN

    @asks(
        OpenApiParameter("what", str, enum=list(exchange.COLUMNS)),
        responses=CsvAnswer,
    )
    def get(self, request: Request) -> Response:
        what = request.query_params.get("what") or "work-orders"
        return Response({"what": what, "csv": exchange.write_csv(what, actor=actor_of(request))})

    @extend_schema(request=CsvInput, responses=CsvTaken)
    def post(self, request: Request) -> Response:
        """Take a file in, whole or not at all; work orders of the past come in as they were."""
        shape = CsvInput(data=request.data)
        shape.is_valid(raise_exception=True)
        given = shape.validated_data
        return Response(exchange.read_csv(given["what"], given["csv"], actor=actor_of(request)))

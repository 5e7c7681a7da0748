"""REST: condition of machines by the hour, advisories with their order and finding, what the models were worth."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.health import wording
from apps.health.api.filters import AdvisoryFilter, ConditionFilter, NewestFirst
from apps.health.models import Advisory, Condition
from apps.health.models.condition import AdvisoryKind
from apps.health.queries.condition import get_advisory, list_advisories, list_conditions, read_models
from apps.health.rules import REQUEST, VIEW
from apps.health.services import advisories
from forgeline.base.api import ActorPermission
from forgeline.base.resources import Resource
from forgeline.identity.authentication import actor_of


class ConditionPartSerializer(serializers.Serializer):
    kind = serializers.CharField(help_text="anomaly or trend.")
    point = serializers.IntegerField()
    severity = serializers.FloatField(help_text="0 as healthy, 1 at its limit.")
    lost = serializers.FloatField(help_text="Points that it takes; all parts sum to 100 less the index.")


class MachineConditionSerializer(serializers.ModelSerializer):
    asset = serializers.IntegerField(source="asset_id")
    machine = serializers.CharField(source="asset.name")
    parts = ConditionPartSerializer(many=True)
    says = serializers.SerializerMethodField(help_text="Why there is no index; empty where there is one.")

    class Meta:
        model = Condition
        fields = ["id", "asset", "machine", "hour", "index", "known", "parts", "reason", "says", "samples"]

    def get_says(self, row: Condition) -> str:
        return wording.no_answer(row.reason, row.reason_data) if row.reason else ""


class AdvisorySerializer(serializers.ModelSerializer):
    asset = serializers.IntegerField(source="asset_id")
    machine = serializers.CharField(source="asset.name")
    point = serializers.IntegerField(source="point_id")
    kind = serializers.ChoiceField(choices=AdvisoryKind.choices)
    says = serializers.SerializerMethodField(help_text="What it foretells, in the caller's language.")
    points = serializers.ListField(
        source="point_ids", child=serializers.IntegerField(), help_text="To be plotted over the evidence."
    )
    work_order = serializers.IntegerField(source="work_order_id", allow_null=True)

    class Meta:
        model = Advisory
        fields = [
            "id", "asset", "machine", "point", "kind", "says", "points", "evidence_from", "evidence_to", "lead_s",
            "lead_low_s", "lead_high_s", "cost_acting", "cost_failure", "model", "version", "opened_at", "was_told",
            "work_order", "finding", "finding_note", "found_by", "found_at",
        ]  # fmt: skip

    def get_says(self, row: Advisory) -> str:
        return wording.advisory_sentence(row)


class FindingInput(serializers.Serializer):
    finding = serializers.ChoiceField(choices=["confirmed", "false", "other"])
    note = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")


class ConditionViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """How healthy each machine was in each hour, and why; or why nobody can say."""

    serializer_class = MachineConditionSerializer
    queryset = Condition.objects.none()
    filterset_class = ConditionFilter
    pagination_class = NewestFirst
    read_permission, write_permission = VIEW, VIEW
    search_fields = ("asset__name",)
    ordering_fields = ("hour", "index", "id")

    def get_queryset(self) -> QuerySet[Condition]:
        return list_conditions()


class AdvisoryViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """What the models foretell: each once, with its evidence, its work order and what was found."""

    serializer_class = AdvisorySerializer
    queryset = Advisory.objects.none()
    filterset_class = AdvisoryFilter
    pagination_class = NewestFirst
    read_permission, write_permission = VIEW, REQUEST
    search_fields = ("asset__name", "finding_note")
    ordering_fields = ("opened_at", "id")

    def get_queryset(self) -> QuerySet[Advisory]:
        return list_advisories()

    @extend_schema(request=None, responses=AdvisorySerializer)
    @action(detail=True, methods=["post"])
    def order(self, request: Request, pk: int) -> Response:
        """Ask for its work order; 409 where it has one or was labelled."""
        advisories.order_advisory(int(pk), actor=actor_of(request))
        return Response(AdvisorySerializer(get_advisory(int(pk))).data)

    @extend_schema(request=FindingInput, responses=AdvisorySerializer)
    @action(detail=True, methods=["post"])
    def finding(self, request: Request, pk: int) -> Response:
        """Say what was found; who plans may mend it later."""
        shape = FindingInput(data=request.data)
        shape.is_valid(raise_exception=True)
        advisories.label_advisory(int(pk), actor=actor_of(request), **shape.validated_data)
        return Response(AdvisorySerializer(get_advisory(int(pk))).data)


class HealthModelSerializer(serializers.Serializer):
    key = serializers.CharField()
    version = serializers.CharField()
    kind = serializers.ChoiceField(choices=AdvisoryKind.choices)
    opened = serializers.IntegerField()
    labelled = serializers.IntegerField()
    confirmed = serializers.IntegerField()
    false = serializers.IntegerField()
    other = serializers.IntegerField()
    precision = serializers.FloatField(allow_null=True, help_text="Confirmed of all labelled, 0 to 1.")
    recent = serializers.FloatField(allow_null=True, help_text="The same of the last 20 labelled.")
    recent_n = serializers.IntegerField()
    lead_s = serializers.FloatField(allow_null=True, help_text="Median, of those that were confirmed.")
    leads = serializers.IntegerField(help_text="How many the median is of.")
    saved = serializers.FloatField(allow_null=True, help_text="In the company's currency.")
    priced = serializers.IntegerField(help_text="How many the sum is of.")
    may_tell = serializers.BooleanField(help_text="Whether it may notify people.")


class HealthModelsAnswer(serializers.Serializer):
    models = HealthModelSerializer(many=True)


class ModelsView(APIView):
    """What each model's advisories were worth in this company, by the labels of those who looked."""

    permission_classes = [ActorPermission]
    read_permission, write_permission = VIEW, VIEW

    @extend_schema(responses=HealthModelsAnswer)
    def get(self, request: Request) -> Response:
        return Response(HealthModelsAnswer({"models": read_models()}).data)

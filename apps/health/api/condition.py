"""REST: condition of machines by the hour, advisories with their order and finding, what the models were worth."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.health import wording
from apps.health.api.filters import AdvisoryFilter, ConditionFilter, OutlookFilter, VersionFilter
from apps.health.models import Advisory, Condition, ModelVersion, Watch
from apps.health.models.condition import AdvisoryKind
from apps.health.models.ledger import VersionState
from apps.health.queries.condition import (
    get_advisory,
    list_advisories,
    list_conditions,
    list_outlooks,
    read_models,
    read_points,
)
from apps.health.queries.ledger import get_version, list_versions
from apps.health.rules import PLAN, REQUEST, VIEW
from apps.health.services import advisories, training
from forgeline.base.api import ActorPermission
from forgeline.base.paging import NewestFirst
from forgeline.base.resources import Resource
from forgeline.base.serializers import ChoiceField, ModelSerializer, Serializer
from forgeline.base.views import Answering
from forgeline.identity.authentication import actor_of

_LEAD = ("expected_s", "low_s", "high_s")


class ConditionPartSerializer(Serializer):
    kind = serializers.CharField(help_text="anomaly, limit, trend or pattern.")
    point = serializers.IntegerField()
    severity = serializers.FloatField(help_text="0 as healthy, 1 at its limit.")
    lost = serializers.FloatField(help_text="Points that it takes; all parts sum to 100 less the index.")


class MachineConditionSerializer(ModelSerializer):
    asset = serializers.IntegerField(source="asset_id")
    machine = serializers.CharField(source="asset.name")
    parts = ConditionPartSerializer(many=True)
    says = serializers.SerializerMethodField(help_text="Why there is no index; empty where there is one.")

    class Meta:
        model = Condition
        fields = ["id", "asset", "machine", "hour", "index", "known", "parts", "reason", "says", "samples"]

    def get_says(self, row: Condition) -> str:
        return wording.no_answer(row.reason, row.reason_data) if row.reason else ""


class AdvisorySerializer(ModelSerializer):
    asset = serializers.IntegerField(source="asset_id")
    machine = serializers.CharField(source="asset.name")
    point = serializers.IntegerField(source="point_id")
    kind = ChoiceField(choices=AdvisoryKind.choices)
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


class LimitWaySerializer(Serializer):
    point = serializers.IntegerField()
    limit = serializers.FloatField()
    level = serializers.CharField(help_text="H, HH, L or LL of an alarm; profile: of its kind.")
    is_upper = serializers.BooleanField()
    says = serializers.CharField(help_text="In the caller's language.")
    expected_s = serializers.FloatField(allow_null=True, help_text="From the last hour on; null: see reason.")
    low_s = serializers.FloatField(allow_null=True, help_text="Near end of the 90 % interval.")
    high_s = serializers.FloatField(
        allow_null=True, help_text="Far end; null beside a number: not to be said."
    )
    reason = serializers.CharField(help_text="Why nobody can say; empty where there is an answer.")


class LifeSerializer(Serializer):
    says = serializers.CharField()
    expected_s = serializers.FloatField(allow_null=True)
    low_s = serializers.FloatField(allow_null=True)
    high_s = serializers.FloatField(allow_null=True)
    reason = serializers.CharField()
    version = serializers.IntegerField(allow_null=True)


class MachineOutlookSerializer(ModelSerializer):
    asset = serializers.IntegerField(source="asset_id")
    machine = serializers.CharField(source="asset.name")
    looked_at = serializers.DateTimeField(source="ran_at", allow_null=True)
    ways = serializers.SerializerMethodField(help_text="To each limit of its points.")
    life = serializers.SerializerMethodField(
        help_text="By the failures of its kind; null for a machine of no kind."
    )

    class Meta:
        model = Watch
        fields = ["id", "asset", "machine", "looked_at", "ways", "life"]

    @extend_schema_field(LimitWaySerializer(many=True))
    def get_ways(self, row: Watch) -> list[dict[str, Any]]:
        points = self.context["points"]
        return [
            {
                **{name: each.get(name) for name in ("point", "limit", "level", "is_upper", *_LEAD)},
                "says": wording.trend(each, points[each["point"]]), "reason": each.get("reason", ""),
            }
            for each in row.trends if each["point"] in points
        ]  # fmt: skip

    @extend_schema_field(LifeSerializer(allow_null=True))
    def get_life(self, row: Watch) -> dict[str, Any] | None:
        if not row.life:
            return None
        told = {name: row.life.get(name) for name in (*_LEAD, "version")}
        return told | {"says": wording.life(row.life), "reason": row.life.get("reason", "")}


class ModelVersionSerializer(ModelSerializer):
    asset = serializers.IntegerField(source="asset_id", allow_null=True)
    state = ChoiceField(choices=VersionState.choices)
    says = serializers.SerializerMethodField(help_text="Why it was not trained; empty where it was.")
    card = serializers.JSONField(help_text="Method, features, span, rows, split, scores, limits.")
    drift = serializers.JSONField(
        help_text="The last look: at, state, and each feature's stability and distance."
    )
    is_trusted = serializers.BooleanField(
        help_text="In use, and not drifted: it weighs in the index and tells people."
    )

    class Meta:
        model = ModelVersion
        fields = [
            "id", "key", "asset", "profile", "number", "state", "is_trusted", "reason", "says", "card", "drift",
            "drifted_at", "asked_by", "asked_at", "trained_at", "seconds",
        ]  # fmt: skip

    def get_says(self, row: ModelVersion) -> str:
        return wording.no_answer(row.reason, row.reason_data) if row.reason else ""


class FindingInput(Serializer):
    finding = ChoiceField(choices=["confirmed", "false", "other"])
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


class OutlookViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """How long until each machine's points meet their limits, and how long it lives, with 90 % intervals."""

    serializer_class = MachineOutlookSerializer
    queryset = Watch.objects.none()
    filterset_class = OutlookFilter
    read_permission, write_permission = VIEW, VIEW
    search_fields = ("asset__name",)
    ordering_fields = ("id",)

    def get_queryset(self) -> QuerySet[Watch]:
        return list_outlooks()

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        """Read the points of all rows at once; only those that the caller may see are told of."""
        rows = args[0] if args else []
        rows = rows if isinstance(rows, list) else [rows]
        kwargs["context"] = {**self.get_serializer_context(), "points": read_points(rows)}
        return self.get_serializer_class()(*args, **kwargs)


class VersionViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Every version of every trained model with its card and its drift."""

    serializer_class = ModelVersionSerializer
    queryset = ModelVersion.objects.none()
    filterset_class = VersionFilter
    pagination_class = NewestFirst
    read_permission, write_permission = VIEW, PLAN
    search_fields = ("asset__name", "key")
    ordering_fields = ("number", "id")

    def get_queryset(self) -> QuerySet[ModelVersion]:
        return list_versions()

    @extend_schema(request=None, responses=ModelVersionSerializer)
    @action(detail=True, methods=["post"])
    def train(self, request: Request, pk: int) -> Response:
        """Ask for a new version of the same model; answers the one that waits. 409 where one does already."""
        row = training.ask_training(int(pk), actor=actor_of(request))
        return Response(ModelVersionSerializer(get_version(row.pk)).data)


class HealthModelSerializer(Serializer):
    key = serializers.CharField()
    version = serializers.CharField()
    kind = ChoiceField(choices=AdvisoryKind.choices)
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


class HealthModelsAnswer(Serializer):
    models = HealthModelSerializer(many=True)


class ModelsView(Answering):
    """What each model's advisories were worth in this company, by the labels of those who looked."""

    permission_classes = [ActorPermission]
    read_permission, write_permission = VIEW, VIEW

    @extend_schema(responses=HealthModelsAnswer)
    def get(self, request: Request) -> Response:
        return Response(HealthModelsAnswer({"models": read_models()}).data)

"""REST: try a rule over stored samples before it is published. Parse, one call, render."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.alarms.api import EDIT, VIEW
from forgeline.alarms.trying import jobs, service
from forgeline.alarms.trying.models import Trial
from forgeline.alarms.trying.trial import MAX_DAYS
from forgeline.base.resources import Resource
from forgeline.base.serializers import ModelSerializer, Serializer
from forgeline.identity.authentication import actor_of


class RuleTrialRequestSerializer(Serializer):
    """The rule to try, for a machine or for all machines of a profile; ``key`` is the rule that it would replace."""

    asset = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=2**62)
    profile = serializers.CharField(required=False, allow_blank=True, max_length=60)
    key = serializers.SlugField(required=False, allow_blank=True, max_length=60)
    definition = serializers.DictField()
    days = serializers.IntegerField(default=7, min_value=1, max_value=MAX_DAYS)


class RuleTrialSerializer(ModelSerializer):
    """``id`` is null where the answer was given at once. ``result`` is there when all of it is."""

    state = serializers.SerializerMethodField()
    result = serializers.JSONField(allow_null=True)

    class Meta:
        model = Trial
        fields = [
            "id", "asset", "profile", "key", "definition", "days", "state", "progress", "created_at", "started_at",
            "finished_at", "error", "result",
        ]  # fmt: skip
        read_only_fields = fields

    def get_state(self, trial: Trial) -> str:
        """One of waiting, running, done, failed."""
        if trial.finished_at is not None:
            return "failed" if trial.error else "done"
        return "running" if trial.started_at is not None else "waiting"


class TrialViewSet(Resource):
    """Trials of rules over stored samples. They are deleted after a day."""

    read_permission, write_permission = VIEW, EDIT
    serializer_class = RuleTrialSerializer
    queryset = Trial.objects.none()

    def get_queryset(self) -> QuerySet[Trial]:
        return Trial.objects.order_by("pk")

    @extend_schema(
        request=RuleTrialRequestSerializer, responses={200: RuleTrialSerializer, 202: RuleTrialSerializer}
    )
    def create(self, request: Request) -> Response:
        """Try a rule: a week of one machine is answered at once (200), more goes on behind the request (202)."""
        asked = RuleTrialRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given: dict[str, Any] = asked.validated_data
        trial = service.try_rule(
            given["definition"], asset_id=given.get("asset"), profile=given.get("profile", ""),
            key=given.get("key", ""), days=given["days"], actor=actor_of(request),
        )  # fmt: skip
        code = status.HTTP_200_OK if trial.finished_at is not None else status.HTTP_202_ACCEPTED
        return Response(RuleTrialSerializer(trial).data, status=code)

    def retrieve(self, request: Request, pk: str) -> Response:
        """How far a trial is, and what it found."""
        return Response(RuleTrialSerializer(jobs.get_trial(int(pk))).data)

    def destroy(self, request: Request, pk: str) -> Response:
        """Give a trial up, or forget it."""
        jobs.remove(int(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

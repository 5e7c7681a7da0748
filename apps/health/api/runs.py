"""REST: runs of the model jobs, how far the present hour is, which machines are behind."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.health.api.filters import RunFilter
from apps.health.models import ModelRun
from apps.health.queries.runs import RunState, last_hour_over, list_runs, read_progress, seconds_of, state_of
from apps.health.rules import VIEW
from forgeline.base import clock
from forgeline.base.paging import NewestFirst
from forgeline.base.resources import Resource
from forgeline.base.serializers import ChoiceField, ModelSerializer, Serializer


class ModelRunSerializer(ModelSerializer):
    state = serializers.SerializerMethodField()
    seconds = serializers.SerializerMethodField(help_text="By the clock; of a running one so far.")
    due = serializers.IntegerField(help_text="Hours of machines that were over when it began.")
    done = serializers.IntegerField(help_text="Of them, judged and stored.")

    class Meta:
        model = ModelRun
        fields = [
            "id", "state", "machines", "due", "done", "started_at", "worked_at", "finished_at", "seconds", "cpu_s",
            "fault",
        ]  # fmt: skip

    @extend_schema(responses=ChoiceField(choices=[each.value for each in RunState]))
    def get_state(self, row: ModelRun) -> str:
        return state_of(row, clock.now()).value

    def get_seconds(self, row: ModelRun) -> float:
        return seconds_of(row)


class MachineBehindSerializer(Serializer):
    asset = serializers.IntegerField(source="asset.pk")
    machine = serializers.CharField(source="asset.name")
    next_hour = serializers.DateTimeField()
    hours_left = serializers.IntegerField()


class ModelProgressSerializer(Serializer):
    hour_until = serializers.DateTimeField(help_text="End of the newest hour that can be judged.")
    machines = serializers.IntegerField(help_text="That the caller may see.")
    watched = serializers.IntegerField(help_text="Of them, those whose judgement has begun.")
    judged = serializers.IntegerField(help_text="Of them, those that are judged up to that hour.")
    behind = MachineBehindSerializer(many=True, help_text="Two hours and more; the furthest behind first.")


class RunViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Turns of the worker at machines of which hours are over; shown to whoever has the whole company."""

    serializer_class = ModelRunSerializer
    queryset = ModelRun.objects.none()
    filterset_class = RunFilter
    pagination_class = NewestFirst
    read_permission, write_permission = VIEW, VIEW
    search_fields = ("fault",)
    ordering_fields = ("started_at", "id")

    def get_queryset(self) -> QuerySet[ModelRun]:
        return list_runs()

    @extend_schema(responses=ModelProgressSerializer, filters=False)
    @action(detail=False, methods=["get"], pagination_class=None)
    def progress(self, request: Request) -> Response:
        """Say how many machines are judged up to the present hour, and which are behind."""
        until = last_hour_over(clock.now())
        progress = read_progress(until)
        answer: dict[str, Any] = {
            "hour_until": until, "machines": progress.machines, "watched": progress.watched,
            "judged": progress.judged, "behind": progress.behind,
        }  # fmt: skip
        return Response(ModelProgressSerializer(answer).data)

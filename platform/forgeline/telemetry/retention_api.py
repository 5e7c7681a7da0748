"""REST: how long the company keeps raw samples."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.base.api import ActorPermission
from forgeline.base.resources import OneThing
from forgeline.base.serializers import Serializer
from forgeline.telemetry.retention import get_retention, set_raw_days


class RetentionSerializer(Serializer):
    """``raw_days`` null keeps samples as long as the service does (``longest_days``)."""

    raw_days = serializers.FloatField(source="chosen_days", allow_null=True)
    longest_days = serializers.FloatField(read_only=True)


class RetentionView(OneThing):
    """Days of raw samples. Shortening them deletes what is older; roll-ups stay."""

    permission_classes = [ActorPermission]
    read_permission, write_permission = "telemetry.view", "telemetry.manage"

    @extend_schema(responses=RetentionSerializer)
    def get(self, _request: Request) -> Response:
        return Response(RetentionSerializer(get_retention()).data)

    @extend_schema(request=RetentionSerializer, responses=RetentionSerializer)
    def put(self, request: Request) -> Response:
        asked = RetentionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        chosen: dict[str, Any] = asked.validated_data
        return Response(RetentionSerializer(set_raw_days(chosen["chosen_days"])).data)

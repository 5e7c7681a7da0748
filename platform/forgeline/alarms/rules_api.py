"""REST: rules, written and in force. Parse, one call, render."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters  # type: ignore[import-untyped]  # ships no types
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.alarms import queries, services
from forgeline.alarms.api import ANSWER, EDIT, VIEW
from forgeline.alarms.models import Rule
from forgeline.alarms.plan import read_plan
from forgeline.alarms.serializers import (
    CheckSerializer,
    MoveLimitSerializer,
    PublishSerializer,
    RollBackSerializer,
    RuleInForceSerializer,
    RuleSerializer,
    VersionSerializer,
)
from forgeline.assets.queries import get_asset
from forgeline.base.errors import InvalidInputError
from forgeline.base.filters import FilterSet, Numbers
from forgeline.base.resources import Resource
from forgeline.base.views import asks
from forgeline.identity.authentication import actor_of


class RuleFilter(FilterSet):
    asset = Numbers(field_name="asset_id", lookup_expr="in")
    profile = filters.CharFilter()


class RuleViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, Resource):
    """Rules that somebody wrote. A ``POST`` with the machine (or profile) and key of one publishes its next version."""

    read_permission, write_permission = VIEW, EDIT
    serializer_class = RuleSerializer
    filterset_class = RuleFilter
    search_fields = ("key", "definition__name", "asset__name", "profile")
    ordering_fields = ("key", "id")
    queryset = Rule.objects.none()

    def get_queryset(self) -> QuerySet[Rule]:
        return Rule.objects.order_by("pk")

    @extend_schema(request=PublishSerializer, responses={201: RuleSerializer})
    def create(self, request: Request) -> Response:
        given = self._given(request)
        rule = services.publish_rule(given.pop("definition"), actor=actor_of(request), **given)
        return Response(RuleSerializer(rule).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=PublishSerializer, responses=CheckSerializer)
    @action(detail=False, methods=["post"])
    def check(self, request: Request) -> Response:
        """Every fault of a rule, without publishing it."""
        given = self._given(request)
        _read, faults = services.check_rule(
            given["definition"], asset_id=given["asset_id"], profile=given["profile"], key=given["key"]
        )
        return Response({"faults": faults})

    @extend_schema(responses=VersionSerializer(many=True))
    @action(detail=True, pagination_class=None, filterset_class=None)
    def versions(self, request: Request, pk: str) -> Response:
        """What the rule has said, the newest first."""
        rows = queries.list_versions(queries.get_rule(int(pk)))
        return Response(VersionSerializer(rows, many=True).data)

    @extend_schema(request=RollBackSerializer, responses=RuleSerializer)
    @action(detail=True, methods=["post"])
    def roll_back(self, request: Request, pk: str) -> Response:
        """Publish an older version again."""
        asked = RollBackSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        rule = services.roll_back(int(pk), actor=actor_of(request), **asked.validated_data)
        return Response(RuleSerializer(rule).data)

    @extend_schema(request=MoveLimitSerializer, responses=RuleSerializer)
    @action(detail=False, methods=["post"], write_permission=ANSWER)
    def move_limit(self, request: Request) -> Response:
        """Move a limit within the bounds that an engineer has set."""
        asked = MoveLimitSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given: dict[str, Any] = asked.validated_data
        rule = services.move_limit(asset_id=given.pop("asset"), actor=actor_of(request), **given)
        return Response(RuleSerializer(rule).data)

    def perform_destroy(self, instance: Rule) -> None:
        """Take the rule away with its versions; what a machine inherits stands again."""
        services.remove_rule(instance.pk, actor=actor_of(self.request))

    @staticmethod
    def _given(request: Request) -> dict[str, Any]:
        asked = PublishSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given: dict[str, Any] = {"profile": "", **asked.validated_data}
        given["asset_id"] = given.pop("asset", None)
        return given


class RulesInForceViewSet(Resource):
    """The rules of a machine as they stand: its profile's, the company's for the profile, its own."""

    read_permission, write_permission = VIEW, EDIT
    serializer_class = RuleInForceSerializer
    pagination_class = None
    queryset = Rule.objects.none()

    @asks(
        OpenApiParameter("asset", int, description="One machine; left out: all of the company."),
        responses=RuleInForceSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        word = request.query_params.get("asset", "")
        if word and (not word.isdecimal() or len(word) > 18):
            raise InvalidInputError(_("Name a machine by ?asset=7."))
        rows: Any = read_plan(asset_ids=[get_asset(int(word)).pk] if word else None)
        return Response(RuleInForceSerializer(rows, many=True).data)

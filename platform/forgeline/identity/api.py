"""REST: the keys of programs, and who I am. Not here: members and roles (people_api)."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.base.resources import Resource
from forgeline.base.serializers import ModelSerializer, Serializer
from forgeline.base.views import Answering
from forgeline.identity import keys
from forgeline.identity.authentication import actor_of
from forgeline.identity.models import ApiKey
from forgeline.identity.people_api import Branches
from forgeline.identity.roles import PEOPLE


class ApiKeySerializer(ModelSerializer):
    role = serializers.CharField(max_length=20, required=False)
    permissions = serializers.ListField(
        child=serializers.CharField(max_length=60), required=False, allow_null=True, max_length=500,
        help_text="Those of its role that the key has; null for all of them.",
    )  # fmt: skip
    branches = Branches()

    class Meta:
        model = ApiKey
        fields = [
            "id", "name", "prefix", "role", "permissions", "branches", "created_at", "expires_at", "last_used_at",
            "replaces",
        ]  # fmt: skip
        read_only_fields = ["prefix", "created_at", "last_used_at", "replaces"]


class NewApiKeySerializer(ApiKeySerializer):
    """The one answer in which the key stands."""

    key = serializers.CharField()

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySerializer.Meta.fields, "key"]


class RotationSerializer(Serializer):
    overlap_hours = serializers.FloatField(
        default=keys.OVERLAP_HOURS, min_value=0, max_value=keys.MOST_OVERLAP_HOURS,
        help_text="How long the older key still serves.",
    )  # fmt: skip


class ApiKeyViewSet(mixins.ListModelMixin, Resource):
    """Keys for programs; a key is shown once, when it is made."""

    serializer_class = ApiKeySerializer
    queryset = ApiKey.objects.none()
    read_permission, write_permission = PEOPLE, PEOPLE
    search_fields = ("name",)
    ordering_fields = ("name", "created_at", "id")

    def get_queryset(self) -> QuerySet[ApiKey]:
        return keys.list_keys()

    @extend_schema(responses={201: NewApiKeySerializer})
    def create(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return self._told(keys.make_key(**serializer.validated_data, actor=actor_of(request)))

    @extend_schema(request=RotationSerializer, responses={201: NewApiKeySerializer})
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: int) -> Response:
        """Make a key that takes over from this one; both serve until the overlap is over."""
        serializer = RotationSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return self._told(keys.rotate_key(int(pk), actor=actor_of(request), **serializer.validated_data))

    def destroy(self, request: Request, pk: int) -> Response:
        keys.revoke_api_key(tenant_id=actor_of(request).tenant_id, api_key_id=int(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _told(self, made: tuple[ApiKey, str]) -> Response:
        row, key = made
        return Response({**self.get_serializer(row).data, "key": key}, status=status.HTTP_201_CREATED)


class MeView(Answering):
    """Who the caller is, in which company, and what it may do."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        actor = actor_of(request)
        body: dict[str, Any] = {
            "tenant_id": actor.tenant_id,
            "role": actor.role,
            "label": actor.label,
            "permissions": sorted(actor.permissions),
            "branches": list(actor.branches),
        }
        return Response(body)

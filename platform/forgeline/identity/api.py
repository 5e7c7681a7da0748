"""REST: the keys of programs, and who I am."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from forgeline.base.api import NUMBER, ActorPermission
from forgeline.identity import services
from forgeline.identity.authentication import actor_of
from forgeline.identity.models import ApiKey, Role
from forgeline.identity.people import require_givable


class ApiKeySerializer(serializers.ModelSerializer):
    role = serializers.ChoiceField(choices=Role.choices, required=False)

    class Meta:
        model = ApiKey
        fields = ["id", "name", "prefix", "role", "created_at", "expires_at", "last_used_at"]
        read_only_fields = ["prefix", "created_at", "last_used_at"]


class NewApiKeySerializer(ApiKeySerializer):
    """The one answer in which the key stands."""

    key = serializers.CharField()

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySerializer.Meta.fields, "key"]


class ApiKeyViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """Keys for programs; a key is shown once, when it is made."""

    serializer_class = ApiKeySerializer
    queryset = ApiKey.objects.none()
    permission_classes = [ActorPermission]
    read_permission, write_permission = "identity.edit", "identity.edit"
    lookup_value_regex = NUMBER

    def get_queryset(self) -> QuerySet[ApiKey]:
        return ApiKey.objects.filter(revoked_at=None)

    @extend_schema(responses={201: NewApiKeySerializer})
    def create(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        actor = actor_of(request)
        require_givable(actor, serializer.validated_data.get("role", Role.VIEWER))
        row, key = services.create_api_key(tenant_id=actor.tenant_id, **serializer.validated_data)
        return Response({**self.get_serializer(row).data, "key": key}, status=status.HTTP_201_CREATED)

    def destroy(self, request: Request, pk: int) -> Response:
        services.revoke_api_key(tenant_id=actor_of(request).tenant_id, api_key_id=int(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class MeView(APIView):
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
        }
        return Response(body)

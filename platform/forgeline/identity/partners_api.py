"""REST: what partners may do at a company, and a partner's customers."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.base.api import ActorPermission
from forgeline.base.resources import Resource
from forgeline.base.serializers import ModelSerializer, Serializer
from forgeline.base.views import Answering
from forgeline.identity import belongings, partners
from forgeline.identity.authentication import actor_of
from forgeline.identity.models import PartnerGrant
from forgeline.identity.people_api import Branches
from forgeline.identity.roles import CUSTOMERS, PEOPLE


class PartnerGrantSerializer(ModelSerializer):
    partner: Any = serializers.SlugField(
        max_length=60,
        write_only=True,
        help_text="The partner's short name, as its page “Customers” tells it.",
    )
    role = serializers.CharField(max_length=20)
    branches = Branches()
    is_live = serializers.SerializerMethodField()

    class Meta:
        model = PartnerGrant
        fields = [
            "id", "partner", "partner_name", "role", "branches", "reason", "created_at", "expires_at", "revoked_at",
            "ending", "is_live",
        ]  # fmt: skip
        read_only_fields = ["partner_name", "created_at", "revoked_at", "ending"]

    def get_is_live(self, row: PartnerGrant) -> bool:
        return partners.is_live(row)


class CustomerSerializer(Serializer):
    tenant_id = serializers.IntegerField()
    name = serializers.CharField(source="tenant_name")
    role = serializers.CharField()
    branches = serializers.ListField(child=serializers.CharField(), help_text="None for the whole company.")
    expires_at = serializers.DateTimeField()
    reason = serializers.CharField()
    is_switched_off = serializers.BooleanField(
        help_text="Whether the operator of the service has switched off for the company that it lets partners in: "
        "nobody may go there then."
    )


class PartnerGrantViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """What partners (integrators, machine makers) may do here, and until when. One grant a partner: a new one takes
    the place of the former. Taken back, it ends at once and stays listed.
    """

    serializer_class = PartnerGrantSerializer
    queryset = PartnerGrant.objects.none()
    read_permission, write_permission = PEOPLE, PEOPLE
    search_fields = ("partner_name",)
    ordering_fields = ("created_at", "expires_at", "id")

    def get_queryset(self) -> QuerySet[PartnerGrant]:
        return partners.list_grants()

    @extend_schema(responses={201: PartnerGrantSerializer})
    def create(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        row = partners.grant_partner(**serializer.validated_data, actor=actor_of(request))
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    def destroy(self, request: Request, pk: int) -> Response:
        partners.revoke_grant(int(pk), actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class BelongingSerializer(Serializer):
    thing = serializers.CharField(source="thing.word", help_text="What `POST` takes, such as `webhooks:7`.")
    partner = serializers.CharField()
    may_come = serializers.BooleanField(help_text="Whether the partner is let in now.")
    title = serializers.CharField(source="thing.title")
    address = serializers.CharField(source="thing.address", help_text="As much of it as may be shown.")
    is_on = serializers.BooleanField(source="thing.is_on")


class AdoptedInput(Serializer):
    thing = serializers.CharField(max_length=60)


class BelongingsView(Answering):
    """What partners' people have set up here: it stops with their access, unless it is made the company's own."""

    permission_classes = [ActorPermission]
    read_permission, write_permission = PEOPLE, PEOPLE

    @extend_schema(responses=BelongingSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response(BelongingSerializer(partners.list_left(), many=True).data)

    @extend_schema(request=AdoptedInput, responses={204: None})
    def post(self, request: Request) -> Response:
        """Make one the company's own; it serves again."""
        shape = AdoptedInput(data=request.data)
        shape.is_valid(raise_exception=True)
        belongings.adopt(shape.validated_data["thing"], actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class CustomersView(Answering):
    """For a partner: the companies that grant it something, by name. What it may see there, its people see there."""

    permission_classes = [ActorPermission]
    read_permission, write_permission = CUSTOMERS, CUSTOMERS

    @extend_schema(responses=CustomerSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response(CustomerSerializer(partners.list_customers(), many=True).data)

"""REST: a company's provider, its domains, and the people whom it has named."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.base.api import ActorPermission
from forgeline.base.resources import OneThing, Resource
from forgeline.base.serializers import ModelSerializer, Serializer
from forgeline.base.views import Answering
from forgeline.identity.authentication import actor_of
from forgeline.identity.roles import PEOPLE
from forgeline.sso import services
from forgeline.sso.models import Domain, Identity


class SsoDomainSerializer(ModelSerializer):
    proof = serializers.SerializerMethodField(
        help_text="The TXT record that proves the domain, where it has to be."
    )

    class Meta:
        model = Domain
        fields = ["name", "proven_at", "proof"]

    def get_proof(self, row: Domain) -> str:
        return "" if row.proven_at else f"{services.PROOF}{row.token}"


class SsoFactsSerializer(Serializer):
    discovery_url = serializers.CharField(max_length=450, help_text="Or the issuer alone.")
    client_id = serializers.CharField(max_length=200)
    role = serializers.CharField(
        max_length=20, required=False, allow_blank=True, default="",
        help_text="Of people who come for the first time; empty lets only members and the invited in.",
    )  # fmt: skip
    trusts_email = serializers.BooleanField(
        default=False, help_text="Take addresses as proven of which the provider does not say so (Entra ID)."
    )
    is_required = serializers.BooleanField(
        default=False,
        help_text="Refuse passwords to members with an address of a proven domain, owners excepted.",
    )


class SsoSerializer(SsoFactsSerializer):
    secret = serializers.CharField(
        max_length=1000, required=False, help_text="Never told again; left out, it stays as it is."
    )
    domains = serializers.ListField(
        child=serializers.CharField(max_length=253), max_length=services.MOST_DOMAINS
    )


class SsoAnswerSerializer(SsoFactsSerializer):
    """What is kept, without the secret."""

    is_set = serializers.BooleanField()
    issuer = serializers.CharField()
    domains = SsoDomainSerializer(many=True)


class SsoCheckSerializer(Serializer):
    discovery_url = serializers.CharField(max_length=450)


class SsoFindingsSerializer(Serializer):
    discovery_url = serializers.CharField()
    issuer = serializers.CharField()
    faults = serializers.ListField(child=serializers.CharField(), help_text="What keeps it from being used.")
    warnings = serializers.ListField(child=serializers.CharField())


class SsoIdentitySerializer(ModelSerializer):
    name = serializers.CharField(source="user.name", read_only=True)
    email = serializers.EmailField(source="user.email", read_only=True)

    class Meta:
        model = Identity
        fields = ["id", "user", "name", "email", "subject", "created_at", "last_used_at"]


class OwnersView(Answering):
    """Base: managers look; that owners alone change is for the services to say."""

    permission_classes = [ActorPermission]
    read_permission, write_permission = services.LOOK, services.LOOK


class SsoView(OneThing, OwnersView):
    """The OpenID Connect provider by which people of the company sign in."""

    @extend_schema(responses=SsoAnswerSerializer)
    def get(self, request: Request) -> Response:
        return Response(_told())

    @extend_schema(request=SsoSerializer, responses=SsoAnswerSerializer)
    def put(self, request: Request) -> Response:
        """Set it, once its discovery document has been read and holds."""
        serializer = SsoSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        services.save_provider(**serializer.validated_data, actor=actor_of(request))
        return Response(_told())

    @extend_schema(responses={204: None})
    def delete(self, request: Request) -> Response:
        """Sign in by passwords again; sessions that came by the provider end."""
        services.remove_provider(actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class SsoCheckView(OwnersView):
    """Look at a provider without saving anything."""

    @extend_schema(request=SsoCheckSerializer, responses=SsoFindingsSerializer)
    def post(self, request: Request) -> Response:
        serializer = SsoCheckSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        found = services.check_provider(serializer.validated_data["discovery_url"], actor=actor_of(request))
        return Response(SsoFindingsSerializer(found).data)


class SsoDomainsView(OwnersView):
    """Look in the DNS for the proofs of the domains that have none yet."""

    @extend_schema(request=None, responses=SsoAnswerSerializer)
    def post(self, request: Request) -> Response:
        services.prove_domains(actor=actor_of(request))
        return Response(_told())


class SsoIdentityViewSet(mixins.ListModelMixin, Resource):
    """People whom the provider has named. One that is released is taken by address anew."""

    serializer_class = SsoIdentitySerializer
    queryset = Identity.objects.none()
    read_permission, write_permission = PEOPLE, PEOPLE
    search_fields = ("user__name", "user__email")
    ordering_fields = ("created_at", "last_used_at", "id")

    def get_queryset(self) -> QuerySet[Identity]:
        return services.list_identities()

    def destroy(self, request: Request, pk: int) -> Response:
        services.release_identity(int(pk), actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _told() -> dict[str, Any]:
    row = services.find_provider()
    return {
        "is_set": row is not None,
        "discovery_url": row.discovery_url if row else "",
        "issuer": row.issuer if row else "",
        "client_id": row.client_id if row else "",
        "domains": SsoDomainSerializer(services.list_domains(), many=True).data,
        "role": row.role if row else "",
        "trusts_email": row.trusts_email if row else False,
        "is_required": row.is_required if row else False,
    }

"""REST: members, invitations, roles, and the parts of the plant that a grant can be limited to."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.base.api import ActorPermission
from forgeline.base.resources import Resource
from forgeline.base.serializers import ModelSerializer, Serializer
from forgeline.base.views import Answering
from forgeline.identity import own_roles, people
from forgeline.identity.authentication import actor_of
from forgeline.identity.branches import list_branches
from forgeline.identity.models import Invitation, Membership, OwnRole
from forgeline.identity.roles import PEOPLE

BRANCHES_HELP = (
    "Paths of plants or assets (`/branches/` lists them) that it is limited to; none for the whole company."
)


class Branches(serializers.ListField):
    """Paths of assets."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            child=serializers.CharField(max_length=255), required=False, max_length=1000,
            help_text=BRANCHES_HELP, **kwargs,
        )  # fmt: skip


class MemberSerializer(ModelSerializer):
    name = serializers.CharField(source="user.name", read_only=True)
    email = serializers.EmailField(source="user.email", read_only=True)
    role = serializers.CharField(max_length=20)
    branches = Branches()

    class Meta:
        model = Membership
        fields = ["id", "user", "name", "email", "role", "branches", "created_at", "deactivated_at"]
        read_only_fields = ["user", "created_at", "deactivated_at"]


class InvitationSerializer(ModelSerializer):
    role = serializers.CharField(max_length=20)
    branches = Branches()

    class Meta:
        model = Invitation
        fields = ["id", "email", "role", "branches", "created_at", "expires_at"]
        read_only_fields = ["created_at", "expires_at"]


class NewInvitationSerializer(InvitationSerializer):
    """The one answer in which the link stands."""

    token = serializers.CharField(
        help_text="Serves once at `/invitations/<token>/`, to be passed on. Where Forgeline sends mail, "
        "a new account is opened by a letter to the address, which that page sends."
    )

    class Meta(InvitationSerializer.Meta):
        fields = [*InvitationSerializer.Meta.fields, "token"]


class RoleSerializer(Serializer):
    key = serializers.CharField(read_only=True)
    id = serializers.IntegerField(
        source="row_id", read_only=True, allow_null=True, help_text="Of a role of the company's own."
    )
    name = serializers.CharField(source="title")
    help = serializers.CharField(read_only=True)
    is_own = serializers.BooleanField(read_only=True)
    permissions = serializers.ListField(child=serializers.CharField(max_length=60), read_only=True)


class OwnRoleSerializer(ModelSerializer):
    copy_of = serializers.CharField(
        write_only=True, required=False, default="viewer", help_text="Key of the role to begin with."
    )
    permissions = serializers.ListField(
        child=serializers.CharField(max_length=60), required=False, max_length=500
    )

    class Meta:
        model = OwnRole
        fields = ["id", "key", "name", "permissions", "copy_of", "created_at"]
        read_only_fields = ["key", "created_at"]
        validators: list[Any] = []


class BranchSerializer(Serializer):
    path = serializers.CharField()
    title = serializers.CharField()
    depth = serializers.IntegerField()


class PeopleObjects(Resource):
    """Base of the three: all of it is for whoever looks after the people of the company."""

    read_permission, write_permission = PEOPLE, PEOPLE

    def _given(self, request: Request, *, partial: bool = False) -> dict[str, Any]:
        serializer = self.get_serializer(data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)


class MemberViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, PeopleObjects):
    """Members of the company. Nobody gives or takes a role that may more than the giver; the last owner stays."""

    serializer_class = MemberSerializer
    queryset = Membership.objects.none()
    search_fields = ("user__name", "user__email")
    ordering_fields = ("created_at", "id")

    def get_queryset(self) -> QuerySet[Membership]:
        return people.list_members()

    def partial_update(self, request: Request, pk: int) -> Response:
        member = self.get_object()
        given = self._given(request, partial=True)
        people.change_role(
            member.pk,
            role=given.get("role", member.role),
            branches=given.get("branches"),
            actor=actor_of(request),
        )
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=None, responses=MemberSerializer)
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, pk: int) -> Response:
        people.deactivate(int(pk), actor=actor_of(request))
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=None, responses=MemberSerializer)
    @action(detail=True, methods=["post"])
    def reactivate(self, request: Request, pk: int) -> Response:
        people.reactivate(int(pk), actor=actor_of(request))
        return Response(self.get_serializer(self.get_object()).data)


class InvitationViewSet(mixins.ListModelMixin, PeopleObjects):
    """Links by which people join; a link is told once, when it is made."""

    serializer_class = InvitationSerializer
    queryset = Invitation.objects.none()
    search_fields = ("email",)
    ordering_fields = ("created_at", "expires_at", "id")

    def get_queryset(self) -> QuerySet[Invitation]:
        return people.list_invitations()

    @extend_schema(responses={201: NewInvitationSerializer})
    def create(self, request: Request) -> Response:
        row, links = people.invite(**self._given(request), actor=actor_of(request))
        return Response(
            {**self.get_serializer(row).data, "token": links.shown}, status=status.HTTP_201_CREATED
        )

    def destroy(self, request: Request, pk: int) -> Response:
        people.withdraw_invitation(int(pk), actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class RoleViewSet(PeopleObjects):
    """Roles: those that every company has, and the company's own, which alone can be changed."""

    serializer_class = OwnRoleSerializer
    queryset = OwnRole.objects.none()
    pagination_class = None

    @extend_schema(responses=RoleSerializer(many=True))
    def list(self, request: Request) -> Response:
        rows = [
            {**RoleSerializer(role).data, "permissions": sorted(role.permissions)}
            for role in own_roles.list_roles()
        ]
        return Response(rows)

    @extend_schema(responses={201: OwnRoleSerializer})
    def create(self, request: Request) -> Response:
        given = self._given(request)
        row = own_roles.copy_role(
            key=given["copy_of"],
            name=given["name"],
            permissions=given.get("permissions"),
            actor=actor_of(request),
        )
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, pk: int) -> Response:
        given = self._given(request, partial=True)
        given.pop("copy_of", None)
        return Response(
            self.get_serializer(own_roles.change_role(int(pk), actor=actor_of(request), **given)).data
        )

    def destroy(self, request: Request, pk: int) -> Response:
        own_roles.remove_role(int(pk), actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class BranchesView(Answering):
    """The parts of the plant that a grant can be limited to, in the order of the tree."""

    permission_classes = [ActorPermission]
    read_permission, write_permission = PEOPLE, PEOPLE

    @extend_schema(responses=BranchSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response(BranchSerializer(list_branches(), many=True).data)

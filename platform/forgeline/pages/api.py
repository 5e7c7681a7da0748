"""REST: what the operator announces, and to a person what is announced to their company."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.base.moments import MomentField
from forgeline.base.paging import NewestFirst
from forgeline.base.resources import Resource
from forgeline.base.serializers import ChoiceField, ModelSerializer, Serializer
from forgeline.base.views import Answering
from forgeline.identity.authentication import actor_of
from forgeline.identity.roles import OPERATE
from forgeline.pages import announcements
from forgeline.pages.models import Announcement, Tone


class AnnouncementSerializer(Serializer):
    announcement_id = serializers.IntegerField()
    tone = serializers.CharField(help_text="info or warn.")
    texts = serializers.DictField(child=serializers.CharField(), help_text="Language: sentence.")
    from_at = serializers.DateTimeField()
    to_at = serializers.DateTimeField()


class AnnouncementsView(Answering):
    """What the operator of the service announces now and the person has not put away; nothing for a key."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=AnnouncementSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response(AnnouncementSerializer(announcements.list_shown(actor_of(request)), many=True).data)


class OperatorAnnouncementSerializer(ModelSerializer):
    """Without ``plan`` and ``company`` it is for everybody."""

    texts: Any = serializers.DictField(
        child=serializers.CharField(), help_text="Language: sentence; both languages."
    )
    tone = ChoiceField(choices=Tone.choices, default=Tone.INFO.value)
    company = serializers.IntegerField(source="company_id", required=False, allow_null=True)
    from_at = MomentField()
    to_at = MomentField()

    class Meta:
        model = Announcement
        fields = ["id", "texts", "tone", "plan", "company", "from_at", "to_at", "created_at", "withdrawn_at"]
        read_only_fields = ["created_at", "withdrawn_at"]


class OperatorAnnouncementViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """What the operator has announced. `DELETE` takes an announcement off every page; it stays listed."""

    serializer_class = OperatorAnnouncementSerializer
    queryset = Announcement.objects.none()
    pagination_class = NewestFirst
    read_permission, write_permission = OPERATE, OPERATE
    search_fields = ("texts",)
    ordering_fields = ("from_at", "to_at", "created_at", "id")

    def get_queryset(self) -> QuerySet[Announcement]:
        return announcements.list_announcements(actor=actor_of(self.request))

    def create(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        row = announcements.announce(**serializer.validated_data, actor=actor_of(request))
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    def destroy(self, request: Request, pk: int) -> Response:
        announcements.withdraw(int(pk), actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

"""REST: what the operator announces to the caller's company."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from forgeline.identity.authentication import actor_of
from forgeline.pages import announcements


class AnnouncementSerializer(serializers.Serializer):
    announcement_id = serializers.IntegerField()
    tone = serializers.CharField(help_text="info or warn.")
    texts = serializers.DictField(child=serializers.CharField(), help_text="Language: sentence.")
    from_at = serializers.DateTimeField()
    to_at = serializers.DateTimeField()


class AnnouncementsView(APIView):
    """What the operator of the service announces now and the person has not put away; nothing for a key."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=AnnouncementSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response(AnnouncementSerializer(announcements.list_shown(actor_of(request)), many=True).data)

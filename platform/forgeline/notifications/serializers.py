"""How the API shows and takes what is here. Not here: what may be (editing)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from forgeline.base.serializers import ChoiceField, ModelSerializer, Serializer
from forgeline.notifications.editing.channels import MAX_ADDRESS, MAX_SECRET
from forgeline.notifications.message import text_in
from forgeline.notifications.models import (
    Attempt,
    Channel,
    Delivery,
    Preference,
    Roster,
    RosterEntry,
    Route,
    RouteStep,
    StandIn,
)  # fmt: skip
from forgeline.notifications.wording import reason_words

_ID: dict[str, Any] = {"min_value": 1, "max_value": 2**53}
_LIMIT: dict[str, Any] = {"min_value": 1, "max_value": 200, "required": False}
_LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]


class ChannelSerializer(ModelSerializer):
    """A channel. Address and secret are taken and never shown again; ``hint`` tells which address it is."""

    address = serializers.CharField(write_only=True, max_length=MAX_ADDRESS)
    secret = serializers.CharField(write_only=True, required=False, allow_blank=True, max_length=MAX_SECRET)
    has_secret = serializers.SerializerMethodField()
    language = ChoiceField(choices=_LANGUAGES, required=False)
    most_in_10_min = serializers.IntegerField(**_LIMIT)

    class Meta:
        model = Channel
        fields = [
            "id", "name", "kind", "address", "secret", "hint", "has_secret", "language", "is_enabled",
            "stopped_because", "most_in_10_min", "created_at",
        ]  # fmt: skip
        read_only_fields = ["hint", "stopped_because", "created_at"]
        validators: list[Any] = []

    def get_has_secret(self, row: Channel) -> bool:
        return bool(row.secret_sealed)


class TrialSerializer(Serializer):
    """What came of a test message."""

    is_sent = serializers.BooleanField()
    sentence = serializers.CharField()
    detail = serializers.CharField()


class RosterEntrySerializer(ModelSerializer):
    user = serializers.IntegerField(source="user_id", **_ID)
    weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=7), max_length=7, required=False
    )

    class Meta:
        model = RosterEntry
        fields = ["user", "weekdays", "starts_at", "ends_at", "shift", "holidays"]


class StandInSerializer(ModelSerializer):
    user = serializers.IntegerField(source="user_id", **_ID)

    class Meta:
        model = StandIn
        fields = ["user", "starts_at", "ends_at"]


class RosterSerializer(ModelSerializer):
    """Who is on duty: ``weekly`` by weekdays and times of the entries, ``rotation`` by the order of the entries."""

    plant = serializers.IntegerField(source="site_id", allow_null=True, required=False, **_ID)
    turn_days = serializers.IntegerField(min_value=1, max_value=366, required=False)
    entries = RosterEntrySerializer(many=True, required=False)
    stand_ins = StandInSerializer(many=True, required=False)

    class Meta:
        model = Roster
        fields = [
            "id", "name", "zone", "pattern", "plant", "turn_days", "turns_from", "turns_at", "entries", "stand_ins",
        ]  # fmt: skip
        validators: list[Any] = []


class DutySerializer(Serializer):
    """Who is on duty, and when that may change."""

    user_ids = serializers.ListField(child=serializers.IntegerField())
    names = serializers.ListField(child=serializers.CharField())
    until = serializers.DateTimeField(allow_null=True)


class RouteStepSerializer(ModelSerializer):
    after_minutes = serializers.IntegerField(min_value=0, max_value=10_080, default=0)
    roster = serializers.IntegerField(source="roster_id", allow_null=True, required=False, **_ID)
    user = serializers.IntegerField(source="user_id", allow_null=True, required=False, **_ID)
    channel = serializers.IntegerField(source="channel_id", allow_null=True, required=False, **_ID)

    class Meta:
        model = RouteStep
        fields = ["after_minutes", "roster", "user", "channel"]


class RouteSerializer(ModelSerializer):
    """Which messages are told to whom. Later steps are taken while a message that needs an answer has none."""

    plant = serializers.IntegerField(source="site_id", allow_null=True, required=False, **_ID)
    kinds = serializers.ListField(child=serializers.CharField(max_length=60), required=False, max_length=30)
    repeat_minutes = serializers.IntegerField(min_value=0, max_value=1440, required=False)
    steps = RouteStepSerializer(many=True)

    class Meta:
        model = Route
        fields = [
            "id", "name", "min_priority", "kinds", "plant", "is_enabled", "repeat_minutes", "tells_end", "steps",
        ]  # fmt: skip
        validators: list[Any] = []


class AttemptSerializer(ModelSerializer):
    class Meta:
        model = Attempt
        fields = ["at", "took_ms", "is_sent", "reason", "detail"]


class DeliverySerializer(ModelSerializer):
    """One line of the delivery log."""

    form, via, state = (serializers.CharField(read_only=True) for _ in range(3))
    title = serializers.SerializerMethodField()
    subject = serializers.CharField(source="notice.subject", default="")
    kind = serializers.CharField(source="notice.kind", default="")
    priority = serializers.CharField(source="notice.priority", default="")
    route = serializers.IntegerField(source="route_id", allow_null=True)
    user = serializers.IntegerField(source="user_id", allow_null=True)
    channel = serializers.IntegerField(source="channel_id", allow_null=True)
    collected_in = serializers.IntegerField(source="parent_id", allow_null=True)
    sentence = serializers.SerializerMethodField()

    class Meta:
        model = Delivery
        fields = [
            "id", "form", "via", "to_name", "user", "channel", "route", "subject", "kind", "priority", "title",
            "state", "reason", "sentence", "detail", "step", "round", "attempts", "created_at", "due_at", "sent_at",
            "collected_in",
        ]  # fmt: skip

    def get_title(self, row: Delivery) -> str:
        return text_in(row.notice.title, row.language) if row.notice else ""

    def get_sentence(self, row: Delivery) -> str:
        return reason_words(row.reason) if row.reason else ""


class DeliveryWithTriesSerializer(DeliverySerializer):
    """A delivery with each attempt."""

    tries = AttemptSerializer(many=True)

    class Meta(DeliverySerializer.Meta):
        fields = [*DeliverySerializer.Meta.fields, "tries"]


class BellSerializer(ModelSerializer):
    """One ring of the caller's bell."""

    subject = serializers.CharField(source="notice.subject")
    kind = serializers.CharField(source="notice.kind")
    priority = serializers.CharField(source="notice.priority")
    plant = serializers.IntegerField(source="notice.site_id", allow_null=True)
    title = serializers.JSONField(source="notice.title")
    body = serializers.JSONField(source="notice.body")
    path = serializers.CharField(source="notice.path")
    happened_at = serializers.DateTimeField(source="notice.happened_at")
    needs_answer = serializers.BooleanField(source="notice.needs_answer")
    answered_at = serializers.DateTimeField(source="notice.settled_at", allow_null=True)
    answered_by = serializers.CharField(source="notice.settled_by")

    class Meta:
        model = Delivery
        fields = [
            "id", "subject", "kind", "priority", "plant", "title", "body", "path", "happened_at", "needs_answer",
            "answered_at", "answered_by", "created_at", "read_at",
        ]  # fmt: skip


class ReadSerializer(Serializer):
    """Which bells have been read; none named means all."""

    ids = serializers.ListField(child=serializers.IntegerField(**_ID), required=False, max_length=1000)
    marked = serializers.IntegerField(read_only=True)


class PreferenceSerializer(ModelSerializer):
    """How the caller wants to be told."""

    most_in_10_min = serializers.IntegerField(**_LIMIT)
    digest_minutes = serializers.IntegerField(min_value=0, max_value=1440, required=False)

    class Meta:
        model = Preference
        fields = [
            "zone", "by_email", "quiet_from", "quiet_to", "quiet_lets_critical", "digest_minutes", "most_in_10_min",
        ]  # fmt: skip


class RecipientSerializer(Serializer):
    """A person who can be told."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    email = serializers.CharField()

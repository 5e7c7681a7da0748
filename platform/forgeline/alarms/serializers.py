"""How alarms, journal entries and rules look outside."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from forgeline.alarms.definitions import Priority, dump
from forgeline.alarms.models import Alarm, JournalEntry, Rule, RuleVersion
from forgeline.alarms.plan import RuleInForce, Source
from forgeline.base.serializers import ChoiceField, ModelSerializer, Serializer


class AlarmSerializer(ModelSerializer):
    """``definition`` is the rule as it stood when the alarm last changed."""

    asset_name = serializers.CharField(source="asset.title", read_only=True)
    plant = serializers.IntegerField(source="asset.site_id", read_only=True)
    is_latched = serializers.BooleanField(read_only=True)
    is_silenced = serializers.BooleanField(read_only=True)
    severity = serializers.IntegerField(
        read_only=True, help_text="1 to 1,000; where the rule says none, by priority."
    )

    class Meta:
        model = Alarm
        fields = [
            "id", "asset", "asset_name", "plant", "key", "definition", "severity", "is_active", "is_latched",
            "raised_at", "cleared_at", "value", "is_acknowledged", "acknowledged_at", "acknowledged_by",
            "is_silenced", "is_suppressed", "shelved_until", "shelve_reason", "out_of_service_at", "assigned_to",
        ]  # fmt: skip
        read_only_fields = fields


class JournalEntrySerializer(ModelSerializer):
    """``happened_at`` is the time of the samples, or of the person; ``noted_at`` when it was written down."""

    key = serializers.CharField(source="alarm.key", read_only=True)
    asset = serializers.IntegerField(source="alarm.asset_id", read_only=True)

    class Meta:
        model = JournalEntry
        fields = [
            "id", "alarm", "asset", "key", "kind", "happened_at", "noted_at", "value", "is_quiet", "person",
            "person_name", "text",
        ]  # fmt: skip
        read_only_fields = fields


class RuleSerializer(ModelSerializer):
    """A rule that somebody wrote: for a machine (``asset``) or for all of a ``profile``."""

    class Meta:
        model = Rule
        fields = ["id", "asset", "profile", "key", "number", "definition", "is_enabled", "changed_at"]
        read_only_fields = fields


class VersionSerializer(ModelSerializer):
    class Meta:
        model = RuleVersion
        fields = ["number", "definition", "is_enabled", "note", "published_at", "publisher"]
        read_only_fields = fields


class RuleInForceSerializer(Serializer):
    """A rule as it stands for a machine; ``faults`` say why it is not judged."""

    asset = serializers.IntegerField(source="asset_id")
    key = serializers.CharField()
    # DRF types a field named so as where a field's value comes from.
    source = ChoiceField([source.value for source in Source])  # type: ignore[assignment]
    rule = serializers.IntegerField(source="rule_id", allow_null=True)
    number = serializers.IntegerField()
    is_enabled = serializers.BooleanField()
    is_judged = serializers.BooleanField()
    faults = serializers.ListField(child=serializers.CharField())
    definition = serializers.SerializerMethodField()

    def get_definition(self, rule: RuleInForce) -> dict[str, Any]:
        return dump(rule.definition)


class PublishSerializer(Serializer):
    """What is sent to publish a rule. ``number``: the version that was seen; left out: whatever it is."""

    asset = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=2**62)
    profile = serializers.CharField(required=False, allow_blank=True, max_length=60)
    key = serializers.SlugField(max_length=60)
    definition = serializers.DictField()
    is_enabled = serializers.BooleanField(default=True)
    note = serializers.CharField(required=False, allow_blank=True, max_length=200)
    number = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=2**31 - 1)


class CheckSerializer(Serializer):
    faults = serializers.ListField(child=serializers.CharField())


class RollBackSerializer(Serializer):
    number = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class MoveLimitSerializer(Serializer):
    """A limit rule in force on a machine, and its new limit in the point's unit."""

    asset = serializers.IntegerField(min_value=1, max_value=2**62)
    key = serializers.SlugField(max_length=60)
    limit = serializers.FloatField()
    note = serializers.CharField(required=False, allow_blank=True, max_length=200)


class AnswerSerializer(Serializer):
    """Which alarms, and what belongs to the answer."""

    alarms = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**62), min_length=1, max_length=1000
    )
    text = serializers.CharField(required=False, allow_blank=True, max_length=500)


class ShelveSerializer(AnswerSerializer):
    """``text`` is the reason."""

    minutes = serializers.FloatField()


class AssignSerializer(AnswerSerializer):
    user = serializers.IntegerField(allow_null=True, min_value=1, max_value=2**62)


class AnsweredSerializer(Serializer):
    answered = serializers.IntegerField(help_text="How many alarms this changed.")


class OpenCountSerializer(Serializer):
    """Open alarms by priority, and how many of them wait for an acknowledgement."""

    critical = serializers.IntegerField()
    high = serializers.IntegerField()
    medium = serializers.IntegerField()
    low = serializers.IntegerField()
    unacknowledged = serializers.IntegerField()


PRIORITIES = [priority.value for priority in Priority]

"""Shapes of the connections' API: what goes in, what comes out. Not here: what is done (api, services)."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from connectors.contract import BrowseNode, CheckStep, ConnectionState
from connectors.models import Binding, Connection, Undecodable, WaitingDevice, WaitingKey
from connectors.queries import StorageState, read_facts
from connectors.services import show_options
from connectors.wording import translate_sentence
from forgeline.base.serializers import ChoiceField, ModelSerializer, Serializer


class StatusSerializer(Serializer):
    """What the process that runs a connection tells of it."""

    state = ChoiceField(choices=[state.value for state in ConnectionState])
    since = serializers.DateTimeField(allow_null=True)
    fault_key = serializers.CharField(allow_blank=True)
    fault = serializers.CharField(allow_blank=True)
    owner = serializers.CharField(allow_blank=True)
    counters = serializers.JSONField()
    rates = serializers.JSONField()
    events = serializers.JSONField()
    last_value_at = serializers.DateTimeField(allow_null=True)
    storage = ChoiceField(choices=[state.value for state in StorageState])
    spool_bytes = serializers.IntegerField()


class ConnectionSerializer(ModelSerializer):
    """A connection. Secrets among its options are shown as ``true`` (set) or ``""``; sent back so, they stay."""

    options = serializers.SerializerMethodField()
    binding_count = serializers.IntegerField(read_only=True, default=0)
    status = serializers.SerializerMethodField()

    class Meta:
        model = Connection
        fields = [
            "id",
            "kind",
            "name",
            "enabled",
            "options",
            "binding_count",
            "revision",
            "created_at",
            "status",
        ]

    def get_options(self, row: Connection) -> dict[str, Any]:
        return show_options(row)

    @extend_schema_field(StatusSerializer)
    def get_status(self, row: Connection) -> dict[str, Any]:
        return dict(StatusSerializer(read_facts(row)).data)


class ConnectionInput(Serializer):
    """What makes a connection."""

    kind = serializers.CharField(max_length=32)
    name = serializers.CharField(max_length=120)
    options = serializers.DictField(default=dict)
    enabled = serializers.BooleanField(default=True)


class ConnectionChange(Serializer):
    """What may be changed of a connection."""

    name = serializers.CharField(max_length=120, required=False)
    options = serializers.DictField(required=False)
    enabled = serializers.BooleanField(required=False)


class KindAnswer(Serializer):
    """A kind of connection, and what one of it can be told."""

    kind = serializers.CharField()
    title = serializers.CharField()
    summary = serializers.CharField()
    can_browse = serializers.BooleanField()
    can_write = serializers.BooleanField()
    can_replay = serializers.BooleanField()
    options = serializers.ListField(
        child=serializers.DictField(),
        help_text="Each with name, label, help, type, unit, minimum, maximum, choices, required, default, secret.",
    )


class TestInput(Serializer):
    """Options to try. With ``connection``, secrets that are left out are taken from it."""

    kind = serializers.CharField(max_length=32)
    options = serializers.DictField(default=dict)
    connection = serializers.IntegerField(required=False)


class StepSerializer(Serializer):
    """One step of a test."""

    name = serializers.CharField()
    ok = serializers.BooleanField()
    detail = serializers.CharField()
    facts = serializers.JSONField()


class TestAnswer(Serializer):
    ok = serializers.BooleanField()
    steps = StepSerializer(many=True)


def render_steps(steps: list[CheckStep]) -> dict[str, Any]:
    """Return a test's answer in the reader's language."""
    return {
        "ok": bool(steps) and all(step.ok for step in steps),
        "steps": [
            {
                "name": step.name,
                "ok": step.ok,
                "detail": translate_sentence(step.detail, step.data),
                "facts": {name: value for name, value in step.data.items() if name != "sentence"},
            }
            for step in steps
        ],
    }


class NodeSerializer(Serializer):
    """One node of a source's address space."""

    address = serializers.CharField()
    name = serializers.CharField()
    node_class = serializers.CharField()
    data_type = serializers.CharField()
    has_children = serializers.BooleanField()
    is_readable = serializers.BooleanField()
    value = serializers.CharField()
    unit = serializers.CharField()


class NodesAnswer(Serializer):
    nodes = NodeSerializer(many=True)
    after = serializers.CharField(
        allow_null=True, help_text="Give it as `after` for the next page; null at the end."
    )


def render_nodes(nodes: list[BrowseNode], limit: int) -> dict[str, Any]:
    """Return a page of nodes, and where the next begins."""
    return {
        "nodes": [dataclasses.asdict(node) for node in nodes],
        "after": nodes[-1].address if len(nodes) >= limit else None,
    }


class BindingSerializer(ModelSerializer):
    point = serializers.IntegerField(source="point_id")

    class Meta:
        model = Binding
        fields = ["id", "address", "point", "scale", "offset", "source_unit", "options"]
        extra_kwargs = {name: {"required": False} for name in ("scale", "offset", "source_unit", "options")}
        validators: list[Any] = []


class UndecodableSerializer(ModelSerializer):
    """A message that could not be decoded; ``payload`` is base64, ``text`` what can be read of it."""

    payload = serializers.SerializerMethodField()
    text = serializers.SerializerMethodField()

    class Meta:
        model = Undecodable
        fields = ["id", "received_at", "source", "reason", "detail", "payload", "text"]

    def get_payload(self, row: Undecodable) -> str:
        return base64.b64encode(bytes(row.payload)).decode()

    def get_text(self, row: Undecodable) -> str:
        return bytes(row.payload).decode("utf-8", errors="replace")


class WaitingKeySerializer(ModelSerializer):
    class Meta:
        model = WaitingKey
        fields = [
            "key",
            "address",
            "sample",
            "is_text",
            "is_boolean",
            "count",
            "first_seen_at",
            "last_seen_at",
        ]


class WaitingDeviceSerializer(ModelSerializer):
    connection = serializers.IntegerField(source="connection_id")
    device = serializers.IntegerField(source="device_id", allow_null=True)
    values = WaitingKeySerializer(source="keys", many=True)

    class Meta:
        model = WaitingDevice
        fields = ["id", "connection", "key", "device", "first_seen_at", "last_seen_at", "values"]


class AdoptionInput(Serializer):
    """Where a waiting device belongs; everything may be left out."""

    asset = serializers.IntegerField(required=False, allow_null=True)
    name = serializers.CharField(required=False, allow_blank=True, max_length=120)
    keys = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Left out: all of them."
    )

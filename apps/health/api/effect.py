"""REST: failures, downtime, hours and cost before monitoring of each machine began, and since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.health import effect_words as words
from apps.health.queries.effect import MEASURES, SPANS, USUAL_SPAN, MachineEffect, Result, read_effect
from apps.health.queries.register import find_terms, list_machines
from apps.health.rules import VIEW
from forgeline.assets.queries import get_asset
from forgeline.base.api import ActorPermission
from forgeline.base.serializers import ChoiceField, Serializer
from forgeline.base.views import Answering, asks

_ID: dict[str, Any] = {"required": False, "min_value": 1, "max_value": (1 << 63) - 1}


class EffectResultSerializer(Serializer):
    before = serializers.FloatField(
        allow_null=True, help_text="Failures in 1,000 running hours; else hours or money a week."
    )
    after = serializers.FloatField(allow_null=True)
    change = serializers.FloatField(
        allow_null=True, help_text="Of failures a share (-0.4: 40 % less); else the difference a week."
    )
    low = serializers.FloatField(allow_null=True, help_text="Of the 95 % interval of the change.")
    high = serializers.FloatField(allow_null=True, help_text="null beside a low end: it has no upper end.")
    verdict = ChoiceField(
        choices=["", "less", "more", "open"],
        help_text="open: it cannot be told from chance; empty: no answer.",
    )
    reason = serializers.CharField(help_text="Why there is no answer; empty where there is one.")
    weeks_more = serializers.IntegerField(
        allow_null=True, help_text="Until there is enough, or until it could be told at these rates."
    )
    says = serializers.CharField(help_text="The same as a sentence, in the caller's language.")


class MeasuresSerializer(Serializer):
    failures = EffectResultSerializer()
    downtime = EffectResultSerializer()
    hours = EffectResultSerializer()
    cost = EffectResultSerializer()


class EffectSideSerializer(Serializer):
    since = serializers.DateTimeField(source="from_at")
    until = serializers.DateTimeField(source="to_at")
    weeks = serializers.IntegerField()
    failures = serializers.IntegerField()
    operating_h = serializers.FloatField()


class MachineEffectSerializer(Serializer):
    asset = serializers.IntegerField()
    machine = serializers.CharField()
    began_at = serializers.DateTimeField(allow_null=True, help_text="When its monitoring began.")
    is_by_state = serializers.BooleanField(help_text="False: running hours by shifts, on both sides.")
    before = EffectSideSerializer()
    after = EffectSideSerializer()
    results = MeasuresSerializer()


class EffectAnswer(Serializer):
    currency = serializers.CharField()
    weeks = serializers.IntegerField(help_text="At most so many on either side.")
    counted = serializers.IntegerField(help_text="Machines in the totals: eight weeks or more on both sides.")
    totals = MeasuresSerializer()
    machines = MachineEffectSerializer(many=True)


class EffectAsked(Serializer):
    asset = serializers.IntegerField(**_ID)
    plant = serializers.IntegerField(**_ID)
    weeks = ChoiceField(choices=SPANS, required=False, default=USUAL_SPAN)


class EffectView(Answering):
    """Did monitoring help? Before and since, with intervals, or why nobody can say; formulas in the module's README."""

    permission_classes = [ActorPermission]
    read_permission, write_permission = VIEW, VIEW

    @asks(
        OpenApiParameter("asset", int),
        OpenApiParameter("plant", int),
        OpenApiParameter("weeks", int, enum=SPANS, description="At most so many on either side."),
        responses=EffectAnswer,
    )
    def get(self, request: Request) -> Response:
        asked = EffectAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        assets = [get_asset(given["asset"])] if "asset" in given else list(list_machines())
        if "plant" in given:
            assets = [each for each in assets if each.site_id == given["plant"]]
        found, currency = read_effect(assets, weeks=int(given["weeks"])), find_terms().currency
        answer = {
            "currency": currency, "weeks": found.weeks, "counted": found.counted,
            "totals": _measures(found.totals, currency),
            "machines": [_machine(each, currency) for each in found.machines],
        }  # fmt: skip
        return Response(EffectAnswer(answer).data)


def _machine(each: MachineEffect, currency: str) -> dict[str, Any]:
    return {
        "asset": each.asset.pk, "machine": each.asset.name, "began_at": each.began_at, "is_by_state": each.is_by_state,
        "before": each.before, "after": each.after, "results": _measures(each.results, currency),
    }  # fmt: skip


def _measures(results: Mapping[Any, Result], currency: str) -> dict[str, Any]:
    names = ("before", "after", "change", "low", "high", "verdict", "reason", "weeks_more")
    return {
        measure: {name: getattr(results[measure], name) for name in names}
        | {"says": words.sentence(measure, results[measure], currency)}
        for measure in MEASURES
    }

"""REST: the modules that the company switches on and off."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.base.api import ActorPermission
from forgeline.base.resources import OneThing
from forgeline.base.serializers import Serializer
from forgeline.identity.authentication import actor_of
from forgeline.identity.roles import PEOPLE
from forgeline.identity.switches import list_modules, set_module


class ModuleSerializer(Serializer):
    module = serializers.CharField()
    title = serializers.CharField()
    is_on = serializers.BooleanField()
    is_in_plan = serializers.BooleanField(help_text="False: the plan does not hold it, or it is withheld.")
    is_withheld = serializers.BooleanField(help_text="True: the operator of the service has switched it off.")


class SwitchInput(Serializer):
    module = serializers.CharField(max_length=40)
    is_on = serializers.BooleanField()


class ModulesView(OneThing):
    """Modules: what they keep stays while they are off; their addresses answer `entitlements.module_off`."""

    permission_classes = [ActorPermission]
    read_permission, write_permission = "identity.view", PEOPLE

    @extend_schema(responses=ModuleSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response(list_modules(actor_of(request).tenant_id))

    @extend_schema(request=SwitchInput, responses=ModuleSerializer(many=True))
    def put(self, request: Request) -> Response:
        """Switch one on or off; answers how all of them stand then."""
        shape = SwitchInput(data=request.data)
        shape.is_valid(raise_exception=True)
        actor = actor_of(request)
        set_module(shape.validated_data["module"], is_on=shape.validated_data["is_on"], actor=actor)
        return Response(list_modules(actor.tenant_id))

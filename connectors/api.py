"""REST: connections, their tests, browsing, bindings, what couldn't be decoded, what waits. Parse, one call, render."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters  # type: ignore[import-untyped]  # ships no types
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from connectors import probing, queries, registry, serializers as shapes, services
from connectors.forms import list_fields
from connectors.models import Connection, WaitingDevice
from connectors.services.connections import require_spec
from connectors.wording import translate_sentence
from forgeline.base.api import NUMBER
from forgeline.base.filters import Choices, FilterSet, YesNo
from forgeline.base.resources import Resource
from forgeline.base.views import asks
from forgeline.identity.policy import Actor

VIEW, EDIT = "connectors.view", "connectors.edit"
MOST_NODES = 1000


class ConnectionFilter(FilterSet):
    kind = Choices([(spec.kind, spec.title) for spec in registry.list_specs()])
    enabled = YesNo()


class WaitingFilter(FilterSet):
    connection = filters.NumberFilter(field_name="connection_id")


class ConnectorViews(Resource):
    """Base: reads need connectors.view, writes connectors.edit."""

    read_permission, write_permission = VIEW, EDIT

    def _given(self, request: Request, shape: type[serializers.Serializer]) -> dict[str, Any]:
        serializer = shape(data=request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)


class ConnectionViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ConnectorViews):
    """Connections to sources of values. A change is picked up by the running processes within five seconds."""

    serializer_class = shapes.ConnectionSerializer
    filterset_class = ConnectionFilter
    search_fields = ("name", "kind")
    ordering_fields = ("name", "kind", "created_at", "id")

    def get_queryset(self) -> QuerySet[Connection]:
        return queries.list_connections()

    def _answer(self, connection_id: int, code: int = status.HTTP_200_OK) -> Response:
        return Response(self.get_serializer(queries.get_connection(connection_id)).data, status=code)

    @extend_schema(request=shapes.ConnectionInput, responses={201: shapes.ConnectionSerializer})
    def create(self, request: Request) -> Response:
        given = self._given(request, shapes.ConnectionInput)
        row = services.create_connection(actor=_actor(request), **given)
        return self._answer(row.pk, status.HTTP_201_CREATED)

    @extend_schema(request=shapes.ConnectionChange, responses=shapes.ConnectionSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        given = self._given(request, shapes.ConnectionChange)
        services.update_connection(connection_id=int(pk), actor=_actor(request), **given)
        return self._answer(int(pk))

    def destroy(self, request: Request, pk: str) -> Response:
        services.delete_connection(connection_id=int(pk), actor=_actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=shapes.ConnectionSerializer)
    @action(detail=True, methods=["post"])
    def enable(self, request: Request, pk: str) -> Response:
        services.update_connection(connection_id=int(pk), enabled=True, actor=_actor(request))
        return self._answer(int(pk))

    @extend_schema(request=None, responses=shapes.ConnectionSerializer)
    @action(detail=True, methods=["post"])
    def disable(self, request: Request, pk: str) -> Response:
        services.update_connection(connection_id=int(pk), enabled=False, actor=_actor(request))
        return self._answer(int(pk))

    @extend_schema(request=shapes.TestInput, responses=shapes.TestAnswer)
    @action(detail=False, methods=["post"], filterset_class=None, pagination_class=None)
    def test(self, request: Request) -> Response:
        """Try options without saving them."""
        given = self._given(request, shapes.TestInput)
        spec = require_spec(given["kind"])
        options = probing.complete_options(given["kind"], given["options"], given.get("connection"))
        return Response(shapes.render_steps(probing.check_source(spec, options)))

    @asks(
        OpenApiParameter(
            "address", str, description="The node whose children are wanted; left out: the root."
        ),
        OpenApiParameter("after", str),
        OpenApiParameter("limit", int),
        responses=shapes.NodesAnswer,
    )
    @action(detail=True, methods=["get"], filterset_class=None, pagination_class=None)
    def browse(self, request: Request, pk: str) -> Response:
        """List the children of a node of the source."""
        connection = queries.get_connection(int(pk))
        asked = request.query_params
        limit = _bounded_limit(asked.get("limit"))
        nodes = probing.browse_source(
            require_spec(connection.kind),
            probing.open_options(connection),
            asked.get("address") or None,
            limit=limit,
            after=asked.get("after") or None,
        )
        return Response(shapes.render_nodes(nodes, limit))

    @extend_schema(methods=["GET"], responses=shapes.BindingSerializer(many=True))
    @extend_schema(
        methods=["POST"],
        request=shapes.BindingSerializer(many=True),
        responses={201: shapes.BindingSerializer(many=True)},
    )
    @action(detail=True, methods=["get", "post"], filterset_class=None, pagination_class=None)
    def bindings(self, request: Request, pk: str) -> Response:
        """The connection's map; POST adds one binding or a list of them, all or none."""
        connection = queries.get_connection(int(pk))
        if request.method == "GET":
            return Response(shapes.BindingSerializer(queries.list_bindings(connection), many=True).data)
        data = request.data if isinstance(request.data, list) else [request.data]
        serializer = shapes.BindingSerializer(data=data, many=True)
        serializer.is_valid(raise_exception=True)
        rows = services.create_bindings(
            connection_id=connection.pk, bindings=list(serializer.validated_data), actor=_actor(request)
        )
        return Response(shapes.BindingSerializer(rows, many=True).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    @action(
        detail=True, methods=["delete"], url_path=f"bindings/(?P<binding_id>{NUMBER})", filterset_class=None
    )
    def unbind(self, request: Request, pk: str, binding_id: str) -> Response:
        """Take one binding off the map; the point and its history stay."""
        services.delete_binding(connection_id=int(pk), binding_id=int(binding_id), actor=_actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=shapes.UndecodableSerializer(many=True))
    @action(detail=True, methods=["get"], filterset_class=None, pagination_class=None)
    def undecodables(self, request: Request, pk: str) -> Response:
        """The last hundred messages that could not be decoded, newest first."""
        rows = queries.list_undecodables(queries.get_connection(int(pk)))
        return Response(shapes.UndecodableSerializer(rows, many=True).data)


class KindViewSet(ConnectorViews):
    """The kinds of connections, and what each can be told."""

    pagination_class = None
    serializer_class = shapes.KindAnswer
    queryset = Connection.objects.none()

    @extend_schema(responses=shapes.KindAnswer(many=True))
    def list(self, request: Request) -> Response:
        return Response(
            [
                {
                    "kind": spec.kind,
                    "title": translate_sentence(spec.title),
                    "summary": translate_sentence(spec.summary),
                    "can_browse": spec.can_browse,
                    "can_write": spec.can_write,
                    "can_replay": spec.can_replay,
                    "options": [
                        {
                            "name": field.name, "label": field.label, "help": field.help, "type": field.kind,
                            "unit": field.unit, "minimum": field.minimum, "maximum": field.maximum,
                            "choices": [choice for choice, _ in field.choices], "required": field.is_required,
                            "default": field.value, "secret": field.kind.startswith("secret"),
                        }
                        for field in list_fields(spec, {})
                    ],
                }
                for spec in registry.list_specs()
            ]
        )  # fmt: skip


class WaitingDeviceViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ConnectorViews):
    """Devices that send what nobody has asked for yet."""

    serializer_class = shapes.WaitingDeviceSerializer
    filterset_class = WaitingFilter
    search_fields = ("key", "keys__key")
    ordering_fields = ("key", "first_seen_at", "last_seen_at", "id")

    def get_queryset(self) -> QuerySet[WaitingDevice]:
        return queries.list_waiting_devices()

    @extend_schema(request=shapes.AdoptionInput, responses={201: shapes.BindingSerializer(many=True)})
    @action(detail=True, methods=["post"], filterset_class=None, pagination_class=None)
    def adopt(self, request: Request, pk: str) -> Response:
        """Make its values points, of a machine where one is named."""
        given = self._given(request, shapes.AdoptionInput)
        rows = services.adopt_device(
            waiting_device_id=int(pk),
            asset_id=given.get("asset"),
            name=given.get("name", ""),
            keys=given.get("keys"),
            actor=_actor(request),
        )
        return Response(shapes.BindingSerializer(rows, many=True).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def ignore(self, request: Request, pk: str) -> Response:
        """Take it off the list; what it sends stays refused."""
        services.ignore_waiting_device(waiting_device_id=int(pk), actor=_actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _bounded_limit(text: str | None) -> int:
    return min(max(int(text), 1), MOST_NODES) if text and text.isdigit() else 200


def _actor(request: Request) -> Actor:
    actor: Actor = request._request.actor  # type: ignore[attr-defined]  # set by TenantMiddleware
    return actor

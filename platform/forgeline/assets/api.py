"""REST: plants, assets, devices and their credentials, points. Parse, one call, render."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters  # type: ignore[import-untyped]  # ships no types
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.assets import queries, services
from forgeline.assets.models import Asset, Device, DeviceCredential, Point, Site
from forgeline.assets.models.place import AssetLevel
from forgeline.assets.models.point import Kind
from forgeline.assets.roles import POINT_ROLES
from forgeline.base.api import NUMBER
from forgeline.base.filters import Choices, FilterSet, Numbers, Words, YesNo
from forgeline.base.resources import Bulk, Resource
from forgeline.base.serializers import ChoiceField, ModelSerializer
from forgeline.identity.authentication import actor_of
from forgeline.identity.policy import Actor

VIEW, EDIT = "assets.view", "assets.edit"


class KindField(ChoiceField):
    """The kind of a point by its word."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=[kind.name.lower() for kind in Kind], **kwargs)

    def to_representation(self, value: Any) -> str:
        return Kind(value).name.lower()

    def to_internal_value(self, data: Any) -> Any:
        return Kind[str(super().to_internal_value(data)).upper()].value


class AssetFilter(FilterSet):
    plant = filters.NumberFilter(field_name="site_id")
    parent = Numbers(field_name="parent_id", lookup_expr="in")
    is_top = YesNo(field_name="parent", lookup_expr="isnull")
    level = Choices(AssetLevel.choices)
    profile = filters.CharFilter()
    name = filters.CharFilter()


class DeviceFilter(FilterSet):
    key = Words(lookup_expr="in")
    asset = Numbers(field_name="asset_id", lookup_expr="in")


class PointFilter(FilterSet):
    asset = Numbers(field_name="asset_id", lookup_expr="in")
    device = Numbers(field_name="device_id", lookup_expr="in")
    key = Words(lookup_expr="in")
    role = Choices([(role.key, role.title) for role in POINT_ROLES.values()])


class PlantSerializer(ModelSerializer):
    class Meta:
        model = Site
        fields = ["id", "name", "names", "zone", "country", "day_starts_at"]
        extra_kwargs = {"zone": {"required": False}, "country": {"required": False}}


class AssetSerializer(ModelSerializer):
    plant = serializers.IntegerField(source="site_id")
    # DRF types a field named so as the serializer above it.
    parent = serializers.IntegerField(source="parent_id", allow_null=True, required=False)  # type: ignore[assignment]
    level = ChoiceField(choices=AssetLevel.choices)
    with_points = serializers.BooleanField(
        write_only=True,
        required=False,
        default=False,
        help_text="Also make the points of the device profile.",
    )

    class Meta:
        model = Asset
        fields = [
            "id", "plant", "parent", "level", "name", "names", "path", "position", "profile", "with_points",
        ]  # fmt: skip
        read_only_fields = ["path"]
        extra_kwargs = {"profile": {"required": False}, "position": {"required": False}}
        validators: list[Any] = []


class DeviceSerializer(ModelSerializer):
    asset = serializers.IntegerField(source="asset_id", allow_null=True, required=False)

    class Meta:
        model = Device
        fields = ["id", "name", "key", "asset", "created_at"]
        extra_kwargs = {"name": {"required": False}}
        validators: list[Any] = []


class CredentialSerializer(ModelSerializer):
    class Meta:
        model = DeviceCredential
        fields = ["id", "username", "created_at"]


class NewCredentialSerializer(CredentialSerializer):
    """The one answer in which the password stands."""

    password = serializers.CharField()
    topic = serializers.CharField(help_text="The device may publish under this topic and nowhere else.")

    class Meta(CredentialSerializer.Meta):
        fields = [*CredentialSerializer.Meta.fields, "password", "topic"]


class PointSerializer(ModelSerializer):
    asset = serializers.IntegerField(source="asset_id")
    device = serializers.IntegerField(source="device_id", allow_null=True, required=False)
    kind = KindField(required=False)

    class Meta:
        model = Point
        fields = [
            "id", "asset", "device", "key", "name", "names", "unit", "kind", "role", "valid_min", "valid_max",
            "expected_interval_s", "decimals", "labels", "is_simulated", "position",
        ]  # fmt: skip
        extra_kwargs = {"name": {"required": False}, "position": {"required": False}}
        validators: list[Any] = []


class PlantObjects(Bulk, mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Base of the four: reads need assets.view, writes assets.edit, and ``DELETE`` retires: history stays."""

    read_permission, write_permission = VIEW, EDIT
    search_fields: tuple[str, ...] = ("name", "names")
    ordering_fields: tuple[str, ...] = ("name", "id")

    def create(self, request: Request) -> Response:
        row = self.make(self._given(request))
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, pk: int) -> Response:
        row = self.change(int(pk), self._given(request, partial=True))
        return Response(self.get_serializer(row).data)

    def _given(self, request: Request, *, partial: bool = False) -> dict[str, Any]:
        serializer = self.get_serializer(data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    @property
    def _actor(self) -> Actor:
        return actor_of(self.request)


class PlantViewSet(PlantObjects):
    """Plants: one address, one time zone."""

    serializer_class = PlantSerializer
    queryset = Site.objects.none()

    def get_queryset(self) -> QuerySet[Site]:
        return queries.list_sites()

    def make(self, given: dict[str, Any]) -> Site:
        return services.create_site(actor=self._actor, **given)

    def change(self, pk: int, given: dict[str, Any]) -> Site:
        return services.update_site(site_id=pk, actor=self._actor, **given)

    def destroy(self, request: Request, pk: int) -> Response:
        services.retire_site(site_id=int(pk), actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class AssetViewSet(PlantObjects):
    """Areas, lines and machines. A changed ``parent`` moves the branch."""

    serializer_class = AssetSerializer
    queryset = Asset.objects.none()
    search_column = "words"
    ordering_fields = ("name", "position", "path", "id")
    filterset_class = AssetFilter

    def get_queryset(self) -> QuerySet[Asset]:
        return queries.list_assets()

    def make(self, given: dict[str, Any]) -> Asset:
        given.pop("position", None)
        return services.create_asset(actor=self._actor, **given)

    def change(self, pk: int, given: dict[str, Any]) -> Asset:
        given.pop("with_points", None)
        if "level" in given and given["level"] == queries.get_asset(pk).level:
            # As it was read; another one is refused.
            given.pop("level")
        if "parent_id" in given or "site_id" in given:
            row = services.move_asset(
                asset_id=pk,
                parent_id=given.pop("parent_id", None),
                site_id=given.pop("site_id", None),
                actor=self._actor,
            )
            if not given:
                return row
        return services.update_asset(asset_id=pk, actor=self._actor, **given)

    def destroy(self, request: Request, pk: int) -> Response:
        services.retire_asset(asset_id=int(pk), actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class DeviceViewSet(PlantObjects):
    """Devices, and their credentials at the platform's own broker."""

    serializer_class = DeviceSerializer
    queryset = Device.objects.none()
    search_fields = ("name", "key")
    search_column = "words"
    ordering_fields = ("name", "key", "created_at", "id")
    filterset_class = DeviceFilter

    def get_queryset(self) -> QuerySet[Device]:
        return queries.list_devices()

    def make(self, given: dict[str, Any]) -> Device:
        return services.create_device(actor=self._actor, **{"name": "", **given})

    def change(self, pk: int, given: dict[str, Any]) -> Device:
        return services.update_device(device_id=pk, actor=self._actor, **given)

    def destroy(self, request: Request, pk: int) -> Response:
        services.retire_device(device_id=int(pk), actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(methods=["GET"], responses=CredentialSerializer(many=True))
    @extend_schema(methods=["POST"], request=None, responses={201: NewCredentialSerializer})
    @action(detail=True, methods=["get", "post"], pagination_class=None, filterset_class=None)
    def credentials(self, request: Request, pk: int) -> Response:
        device = queries.get_device(int(pk))
        if request.method == "GET":
            rows = queries.list_credentials(device_ids=[device.pk])
            return Response(CredentialSerializer(rows, many=True).data)
        row, password = services.create_credential(device_id=device.pk, actor=actor_of(request))
        answer = {**CredentialSerializer(row).data, "password": password, "topic": f"t/{row.username}/#"}
        return Response(answer, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    @action(detail=True, methods=["delete"], url_path=f"credentials/(?P<credential_id>{NUMBER})")
    def revoke(self, request: Request, pk: int, credential_id: str) -> Response:
        services.revoke_credential(credential_id=int(credential_id), actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class PointViewSet(PlantObjects):
    """Points of machines."""

    serializer_class = PointSerializer
    queryset = Point.objects.none()
    search_fields = ("name", "names", "key")
    search_column = "words"
    ordering_fields = ("name", "key", "position", "id")
    filterset_class = PointFilter

    def get_queryset(self) -> QuerySet[Point]:
        return queries.list_points()

    def make(self, given: dict[str, Any]) -> Point:
        return services.create_point(actor=self._actor, **given)

    def change(self, pk: int, given: dict[str, Any]) -> Point:
        if "key" in given and given["key"] == queries.get_point(pk).key:
            # As it was read; another one is refused.
            given.pop("key")
        asset_id = given.pop("asset_id", None)
        if asset_id is not None:
            row = services.move_point(point_id=pk, asset_id=asset_id, actor=self._actor)
            if not given:
                return row
        return services.update_point(point_id=pk, actor=self._actor, **given)

    def destroy(self, request: Request, pk: int) -> Response:
        services.retire_point(point_id=int(pk), actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

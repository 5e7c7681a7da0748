"""Addresses of the plant's API."""

from rest_framework.routers import SimpleRouter

from forgeline.assets import api

router = SimpleRouter()
router.register("plants", api.PlantViewSet, basename="plant")
router.register("assets", api.AssetViewSet, basename="asset")
router.register("devices", api.DeviceViewSet, basename="device")
router.register("points", api.PointViewSet, basename="point")

urlpatterns = router.urls

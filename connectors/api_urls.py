"""Addresses of the connections' API."""

from rest_framework.routers import SimpleRouter

from connectors import api

router = SimpleRouter()
router.register("connections", api.ConnectionViewSet, basename="connection")
router.register("connection-kinds", api.KindViewSet, basename="connection-kind")
router.register("waiting-devices", api.WaitingDeviceViewSet, basename="waiting-device")

urlpatterns = router.urls

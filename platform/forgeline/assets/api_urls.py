"""Addresses of the plant's API."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from forgeline.assets import api, calendar_api

router = SimpleRouter()
router.register("plants", api.PlantViewSet, basename="plant")
router.register("assets", api.AssetViewSet, basename="asset")
router.register("devices", api.DeviceViewSet, basename="device")
router.register("points", api.PointViewSet, basename="point")

urlpatterns = [
    *router.urls,
    path("plants/<int:plant_id>/calendar/", calendar_api.CalendarView.as_view(), name="calendar"),
    path("plants/<int:plant_id>/shifts/", calendar_api.ShiftsView.as_view(), name="shifts"),
    path("plants/<int:plant_id>/shifts/<int:shift_id>/", calendar_api.ShiftView.as_view(), name="shift"),
    path("plants/<int:plant_id>/special-days/", calendar_api.SpecialDaysView.as_view(), name="special-days"),
    path("plants/<int:plant_id>/holidays/", calendar_api.HolidaysView.as_view(), name="holidays"),
]

"""Addresses of the API on notifications."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from forgeline.notifications import api

router = SimpleRouter()
router.register("channels", api.ChannelViewSet, basename="channel")
router.register("rosters", api.RosterViewSet, basename="roster")
router.register("routes", api.RouteViewSet, basename="route")
router.register("deliveries", api.DeliveryViewSet, basename="delivery")

urlpatterns = [
    *router.urls,
    path("bell/", api.BellView.as_view(), name="bell"),
    path("bell/read/", api.BellReadView.as_view(), name="bell-read"),
    path("preferences/", api.PreferenceView.as_view(), name="preferences"),
    path("recipients/", api.RecipientsView.as_view(), name="recipients"),
]

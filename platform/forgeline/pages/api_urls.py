"""Addresses of the API on announcements."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from forgeline.pages import api

router = SimpleRouter()
router.register("operator/announcements", api.OperatorAnnouncementViewSet, basename="operator-announcement")

urlpatterns = [
    *router.urls,
    path("announcements/", api.AnnouncementsView.as_view(), name="announcements"),
]

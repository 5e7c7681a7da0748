"""Addresses of the API on people and keys."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from forgeline.identity import api

router = SimpleRouter()
router.register("api-keys", api.ApiKeyViewSet, basename="api-key")

urlpatterns = [*router.urls, path("me/", api.MeView.as_view(), name="me")]

"""Addresses of the API on webhooks."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from forgeline.webhooks import api

router = SimpleRouter()
router.register("webhooks", api.EndpointViewSet, basename="webhook")
router.register("webhook-deliveries", api.DeliveryViewSet, basename="webhook-delivery")

urlpatterns = [*router.urls, path("event-types/", api.EventTypesView.as_view(), name="event-types")]

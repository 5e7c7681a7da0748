"""Addresses of the telemetry API."""

from django.urls import path

from forgeline.telemetry import api, retention_api

urlpatterns = [
    path("latest/", api.LatestView.as_view(), name="latest"),
    path("samples/", api.SamplesView.as_view(), name="samples"),
    path("retention/", retention_api.RetentionView.as_view(), name="retention"),
]

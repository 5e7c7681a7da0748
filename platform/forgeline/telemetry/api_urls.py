"""Addresses of the telemetry API."""

from django.urls import path

from forgeline.telemetry import api

urlpatterns = [
    path("latest/", api.LatestView.as_view(), name="latest"),
    path("samples/", api.SamplesView.as_view(), name="samples"),
]

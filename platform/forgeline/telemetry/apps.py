from django.apps import AppConfig


class TelemetryConfig(AppConfig):
    name = "forgeline.telemetry"
    label = "telemetry"

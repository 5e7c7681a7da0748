"""Registers what follows points, machines and branches by the commit log."""

from django.apps import AppConfig


class TelemetryConfig(AppConfig):
    name = "forgeline.telemetry"
    label = "telemetry"

    def ready(self) -> None:
        from forgeline.realtime.topics import register_feed
        from forgeline.telemetry.feed import KINDS, SampleFeed
        from forgeline.telemetry.live import PULSE

        register_feed("samples", SampleFeed(), kinds=KINDS, pulse=PULSE, only_followed=("point", "branch"))

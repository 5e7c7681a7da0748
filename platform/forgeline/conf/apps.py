"""What happens once when a process has loaded the building: ingest gets its observers, Prometheus its port."""

from django.apps import AppConfig
from django.conf import settings
from django.utils.module_loading import import_string

from forgeline.conf.building import BATCH_OBSERVERS
from forgeline.conf.counters import serve


class ConfConfig(AppConfig):
    name = "forgeline.conf"
    label = "conf"

    def ready(self) -> None:
        from forgeline.telemetry import ingest

        for path in BATCH_OBSERVERS:
            ingest.register_observer(import_string(path))
        serve(settings.ENV["FORGELINE_METRICS_PORT"])

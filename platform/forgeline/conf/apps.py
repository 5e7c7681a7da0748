"""What happens once when a process has loaded the building: observers of stored batches are handed to ingest."""

from django.apps import AppConfig
from django.utils.module_loading import import_string

from forgeline.conf.building import BATCH_OBSERVERS


class ConfConfig(AppConfig):
    name = "forgeline.conf"
    label = "conf"

    def ready(self) -> None:
        from forgeline.telemetry import ingest

        for path in BATCH_OBSERVERS:
            ingest.register_observer(import_string(path))

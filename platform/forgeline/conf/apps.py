"""What happens once when a process has loaded the building: what lies low gets what lies above it handed down."""

from django.apps import AppConfig
from django.conf import settings
from django.utils.module_loading import import_string

from forgeline.conf.building import BATCH_OBSERVERS
from forgeline.conf.counters import serve


class ConfConfig(AppConfig):
    name = "forgeline.conf"
    label = "conf"

    def ready(self) -> None:
        # Whoever calls a task, the web server too, must know the building's broker.
        from forgeline.conf import celery, plant_facts
        from forgeline.notifications import providers
        from forgeline.telemetry import ingest

        assert celery.app is not None
        providers.register_calendar(plant_facts.read_calendar)
        providers.register_places(plant_facts.list_places)
        providers.register_shifts(plant_facts.list_shift_names)

        for path in BATCH_OBSERVERS:
            ingest.register_observer(import_string(path))
        serve(settings.ENV["FORGELINE_METRICS_PORT"])

from django.apps import AppConfig


class ModulesConfig(AppConfig):
    name = "forgeline.modules"
    label = "modules"

    def ready(self) -> None:
        from forgeline.modules.registry import load

        load()

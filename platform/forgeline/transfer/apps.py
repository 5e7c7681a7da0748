"""The transfer area."""

from django.apps import AppConfig


class TransferConfig(AppConfig):
    name = "forgeline.transfer"
    label = "transfer"

    def ready(self) -> None:
        from forgeline.pages.notices import register_notice
        from forgeline.transfer.company.telling import find_notice

        register_notice(find_notice)

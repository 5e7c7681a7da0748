"""The billing area."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "forgeline.billing"
    label = "billing"

    def ready(self) -> None:
        from forgeline.billing.overdue import find_notice
        from forgeline.pages.notices import register_notice

        register_notice(find_notice)

"""Registers who tells partners of their accesses."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "forgeline.web"
    label = "web"

    def ready(self) -> None:
        from forgeline.identity.partner_news import register_teller
        from forgeline.web.partner_news import tell

        register_teller(tell)

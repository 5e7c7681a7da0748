"""The webhooks area; tells identity which of its rows a partner may have left behind."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "forgeline.webhooks"
    label = "webhooks"

    def ready(self) -> None:
        from forgeline.identity.belongings import register_room
        from forgeline.webhooks.of_partners import ROOM

        register_room(ROOM)

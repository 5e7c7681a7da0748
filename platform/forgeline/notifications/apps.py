"""Registers the live topic of a person's bell, and which of its rows a partner may have left behind."""

from typing import Any

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "forgeline.notifications"
    label = "notifications"

    def ready(self) -> None:
        from forgeline.identity.belongings import register_room
        from forgeline.notifications.of_partners import ROOM
        from forgeline.realtime.topics import register_topic

        register_room(ROOM)
        register_topic("bell", may_listen_to_bell)


def may_listen_to_bell(actor: Any, ident: str) -> bool:
    """A person hears his own bell, in the company in which he is signed in."""
    return actor.user_id is not None and ident == f"{actor.tenant_id}-{actor.user_id}"

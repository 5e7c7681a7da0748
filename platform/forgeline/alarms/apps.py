"""Registers the live topic and feed of a company's alarms, and what the link in a message does."""

from typing import Any

from django.apps import AppConfig


class AlarmsConfig(AppConfig):
    name = "forgeline.alarms"
    label = "alarms"

    def ready(self) -> None:
        from forgeline.alarms.feed import AlarmFeed
        from forgeline.notifications.services import register_answer
        from forgeline.realtime.topics import register_feed, register_topic

        register_topic("alarms", may_listen_to_alarms)
        register_feed("alarms", AlarmFeed(), kinds=("alarms",), pulse="alarms")
        register_answer("alarm", answer_by_link)


def may_listen_to_alarms(actor: Any, ident: str) -> bool:
    """Whoever may look at alarms hears those of the own company."""
    return actor.has_permission("alarms.view") and ident == str(actor.tenant_id)


def answer_by_link(subject: str, user_id: int | None, person_name: str) -> None:
    """Acknowledge the alarm of a message; called in its tenant's scope, for whom the message was sent to."""
    from forgeline.alarms.services.answers import acknowledge_by_link

    acknowledge_by_link(int(subject.partition(":")[2]), user_id=user_id, person_name=person_name)

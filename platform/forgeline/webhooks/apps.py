"""The webhooks area."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "forgeline.webhooks"
    label = "webhooks"

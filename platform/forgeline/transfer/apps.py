"""The transfer area."""

from django.apps import AppConfig


class TransferConfig(AppConfig):
    name = "forgeline.transfer"
    label = "transfer"

"""The billing area."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "forgeline.billing"
    label = "billing"

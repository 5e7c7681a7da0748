"""The entitlements room."""

from django.apps import AppConfig


class EntitlementsConfig(AppConfig):
    name = "forgeline.entitlements"
    label = "entitlements"

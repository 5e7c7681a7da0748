"""The single sign-on area."""

from django.apps import AppConfig


class SsoConfig(AppConfig):
    name = "forgeline.sso"
    label = "sso"

"""Tells the OpenAPI description how callers sign in."""

from django.apps import AppConfig


class IdentityConfig(AppConfig):
    name = "forgeline.identity"
    label = "identity"

    def ready(self) -> None:
        from forgeline.identity import schema  # noqa: F401  # registers itself by being imported

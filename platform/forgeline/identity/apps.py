"""Tells the OpenAPI description how callers sign in, and has the audit told of sessions and second factors."""

from django.apps import AppConfig


class IdentityConfig(AppConfig):
    name = "forgeline.identity"
    label = "identity"

    def ready(self) -> None:
        from forgeline.identity import schema  # noqa: F401  # registers itself by being imported
        from forgeline.identity.factors import watch_factors
        from forgeline.identity.sessions import watch_sessions

        watch_sessions()
        watch_factors()

from django.apps import AppConfig


class IdentityConfig(AppConfig):
    name = "forgeline.identity"
    label = "identity"

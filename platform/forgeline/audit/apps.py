"""The audit area."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "forgeline.audit"
    label = "audit"

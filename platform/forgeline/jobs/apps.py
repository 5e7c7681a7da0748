"""The jobs area."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "forgeline.jobs"
    label = "jobs"

from django.apps import AppConfig


class TenancyConfig(AppConfig):
    name = "forgeline.tenancy"
    label = "tenancy"

from django.apps import AppConfig


class AlarmsConfig(AppConfig):
    name = "forgeline.alarms"
    label = "alarms"

from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    name = "forgeline.realtime"
    label = "realtime"

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "forgeline.web"
    label = "web"

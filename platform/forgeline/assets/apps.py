from django.apps import AppConfig


class AssetsConfig(AppConfig):
    name = "forgeline.assets"
    label = "assets"

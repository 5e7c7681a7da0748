from django.apps import AppConfig


class PagesConfig(AppConfig):
    name = "forgeline.pages"
    label = "pages"

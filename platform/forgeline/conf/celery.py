"""Celery's application; tasks are found in each area's and module's ``tasks.py``."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "forgeline.conf.settings")

from celery import Celery

app = Celery("forgeline")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

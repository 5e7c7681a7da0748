"""Set Django up in a benchmark's process, as pytest does it for tests."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "forgeline.conf.settings")
os.environ.setdefault("FORGELINE_SECRET_KEY", "only-for-benchmarks")
os.environ.setdefault("FORGELINE_LOG_LEVEL", "WARNING")

import django

django.setup()

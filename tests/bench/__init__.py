"""``make bench``: the figures that Forgeline promises, measured on real processes. Never part of ``make test``."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "forgeline.conf.settings")
os.environ.setdefault("FORGELINE_SECRET_KEY", "only-for-benchmarks")
os.environ.setdefault("FORGELINE_LOG_LEVEL", "WARNING")

import django

# Before any part imports models; pytest does the same for tests.
django.setup()

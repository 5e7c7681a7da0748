"""One part in a process of its own: ``python -m tests.bench.part NAME ANSWER.json``.

Django is set up here, so that importing a part, as tests do, changes no environment.
"""

from __future__ import annotations

import importlib
import os
import sys

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "forgeline.conf.settings")
    os.environ.setdefault("FORGELINE_SECRET_KEY", "only-for-benchmarks")
    os.environ.setdefault("FORGELINE_LOG_LEVEL", "WARNING")
    django.setup()
    importlib.import_module(f"tests.bench.{sys.argv[1]}").main(sys.argv[2])

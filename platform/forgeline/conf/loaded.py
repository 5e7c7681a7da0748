"""Load once what every process of ``make up`` needs, so that each begins where this one is (decision 0022).

Not here: how a process goes on from it (embedded.forked), which processes there are (up).
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping


def load(environment: Mapping[str, str]) -> None:
    """Load Django with every app, address and task as the processes with this environment will find it.

    Nothing is asked of a database, and no thread is left: this process is forked afterwards.
    """
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        import django

        django.setup()
        from django.urls import get_resolver

        # The addresses of all pages and calls are the longest part of a web server's first answer.
        _ = get_resolver().reverse_dict
        from forgeline.conf.celery import app

        app.loader.import_default_modules()
        for name in ("celery.apps.worker", "celery.apps.beat", "channels.auth", "forgeline.realtime.routing",
                     "uvicorn.server"):  # fmt: skip
            importlib.import_module(name)
    finally:
        os.environ.clear()
        os.environ.update(before)

"""``manage.py run_alarms``: judge alarm rules until told to stop. Several processes share the companies."""

from __future__ import annotations

import signal
from typing import Any

from django.core.management.base import BaseCommand

from forgeline.alarms.process import AlarmProcess


class Command(BaseCommand):
    # It serves no page: what is wrong with one must not keep alarms from people.
    requires_system_checks = ()
    help = "Judge alarm rules on what is stored."

    def handle(self, *args: Any, **options: Any) -> None:
        process = AlarmProcess()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: process.stop())
        process.run()

"""``manage.py check_beat``: does the clock of the periodic work still tick? For health checks; exit code 1 if not."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Max
from django_celery_beat.models import PeriodicTask

from forgeline.base import clock

SILENT_S = 600.0
"""The most frequent task is due each few seconds, and beat writes what it sent down every three minutes."""


class Command(BaseCommand):
    help = "Fail where beat has sent no task for ten minutes."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        newest = PeriodicTask.objects.filter(enabled=True).aggregate(newest=Max("last_run_at"))["newest"]
        if newest is None:
            raise CommandError("Beat has not sent any task yet.")
        age_s = (clock.now() - newest).total_seconds()
        if age_s > SILENT_S:
            raise CommandError(f"Beat sent its last task {age_s:.0f} s ago; restart it, and look at its log.")
        self.stdout.write(f"Beat sent a task {age_s:.0f} s ago or later.")

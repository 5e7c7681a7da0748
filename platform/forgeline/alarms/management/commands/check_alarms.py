"""``manage.py check_alarms``: are alarms being judged? For health checks; exit code 1 if not."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from forgeline.base import clock


class Command(BaseCommand):
    help = "Fail where no process judges alarms."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT alarms_find_life()")
            [expires_at] = cursor.fetchone()
        if expires_at is None or expires_at < clock.now():
            raise CommandError("No process judges alarms; start `manage.py run_alarms`, and look at its log.")
        self.stdout.write("Alarms are judged.")

"""``manage.py check_connectors``: does the connector process of this machine live? For health checks; exit code 1 if
not. It says so itself, each two seconds, in the database.
"""

from __future__ import annotations

import socket
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models.functions import Now

from connectors.models import ConnectorProcess


class Command(BaseCommand):
    help = "Fail where no connector process of this machine has told within ten seconds that it lives."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        here = f"{socket.gethostname()}-"
        alive = ConnectorProcess.objects.filter(name__startswith=here, expires_at__gt=Now()).count()
        if not alive:
            raise CommandError("No connector process of this machine tells that it lives; look at its log.")
        self.stdout.write(f"{alive} connector process(es) live.")

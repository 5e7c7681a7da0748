"""How the outbox fares, over all companies, for the operator's console."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection
from django.utils.translation import gettext as _

from forgeline.base import clock
from forgeline.modules.manifest import Figure


def read_figures() -> list[Figure]:
    """Return what waits now, and what went and was given up in a day; zeros outside the operator's scope."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT waiting, overdue, sent, failed FROM notifications_operator_outbox(%s)",
            [clock.now() - timedelta(days=1)],
        )
        waiting, overdue, sent, failed = cursor.fetchone()
    return [
        Figure(_("Messages waiting"), f"{waiting:,}"),
        Figure(_("due for more than a minute"), f"{overdue:,}", "down" if overdue else "running"),
        Figure(_("sent in 24 hours"), f"{sent:,}"),
        Figure(_("given up in 24 hours"), f"{failed:,}", "setup" if failed else "running"),
    ]

"""How deliveries to other programs fare, over all companies, for the operator's console."""

from __future__ import annotations

from django.db import connection
from django.utils.translation import gettext as _, ngettext

from forgeline.modules.manifest import Figure


def read_figures() -> list[Figure]:
    """Return what waits; zeros outside the operator's scope."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT waiting, tenants FROM webhooks_operator_outbox()")
        waiting, tenants = cursor.fetchone()
    note = ngettext("of %(n)d company", "of %(n)d companies", tenants) % {"n": tenants}
    return [Figure(_("Deliveries waiting"), f"{waiting:,}", "", note if tenants else "")]

"""How connections and their processes fare, over all companies, for the operator's console."""

from __future__ import annotations

from django.db import connection
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from connectors.models import BrokerCount, ConnectorProcess
from forgeline.base import clock
from forgeline.modules.manifest import Figure

_STATES = {
    "disabled": (gettext_lazy("Connections switched off"), ""),
    "new": (gettext_lazy("Connections that never ran"), "setup"),
    "silent": (gettext_lazy("Connections whose process is gone"), "down"),
    "starting": (gettext_lazy("Connections starting"), "setup"),
    "running": (gettext_lazy("Connections running"), "running"),
    "retrying": (gettext_lazy("Connections that try again"), "setup"),
    "faulted": (gettext_lazy("Connections in fault"), "down"),
    "stopping": (gettext_lazy("Connections stopping"), ""),
    "unowned": (gettext_lazy("Connections that no process has taken"), "setup"),
}


def read_figures() -> list[Figure]:
    """Return connections by state, then what waits in processes and on their disks and what the broker dropped."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT state, connections, tenants, samples_per_s FROM connectors_operator_states()")
        states = cursor.fetchall()
    found = []
    for state, count, tenants, rate in states:
        title, tone = _STATES.get(state, (state, ""))
        note = ngettext("of %(n)d company", "of %(n)d companies", tenants) % {"n": tenants}
        found.append(Figure(title, f"{count:,}", tone, f"{note} · {rate:,.1f} /s" if rate else note))
    facts = [row.facts for row in ConnectorProcess.objects.filter(expires_at__gt=clock.now())]
    spool = sum(int(each.get("spool_bytes") or 0) for each in facts)
    rows = sum(int(each.get("rows_waiting") or 0) for each in facts)
    is_full = any(each.get("spool_is_full") for each in facts)
    is_away = any(each.get("store_is_away") for each in facts)
    dropped = BrokerCount.objects.filter(name="dropped").values_list("total", flat=True).first()
    return [
        *found,
        Figure(
            _("Connector processes"), f"{len(facts):,}", "running" if facts else "down",
            _("The store is away for one of them.") if is_away else "",
        ),
        Figure(_("Samples on their way to the store"), f"{rows:,}"),
        Figure(_("Spool on disk"), f"{spool / 1e6:,.1f} MB", "down" if is_full else "setup" if spool else "running"),
        Figure(
            _("Dropped by the broker since it was started"), "–" if dropped is None else f"{dropped:,}",
            "setup" if dropped else "", "" if dropped is not None else _("It tells nothing of itself."),
        ),
    ]  # fmt: skip

"""The overview's card of the connections: how many run, what comes in, what needs a person."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _, ngettext

from connectors import queries
from connectors.contract import ConnectionState
from forgeline.base import clock
from forgeline.identity.policy import Actor

_RECENT_MS = 3_600_000


def _has_dropped(facts: queries.ConnectionFacts) -> bool:
    """Say whether the broker dropped messages within the last hour."""
    since_ms = clock.now_us() // 1000 - _RECENT_MS
    return any(
        event.get("event") == "broker_dropped" and int(event.get("at") or 0) >= since_ms
        for event in facts.events
    )


def connections_card(actor: Actor) -> dict[str, Any] | None:
    """Running connections of those switched on and their values a second; left out while there is none."""
    facts = [queries.read_facts(connection) for connection in queries.list_connections()]
    wanted = [each for each in facts if each.state is not ConnectionState.DISABLED]
    if not wanted:
        return None
    ill = sum(each.state in (ConnectionState.FAULTED, ConnectionState.RETRYING) for each in wanted)
    rate = sum(float(each.rates.get("samples_per_s") or 0) for each in wanted)
    waiting = queries.count_waiting()
    note = _("%(rate)s values a second") % {"rate": f"{rate:,.1f}"}
    if waiting:
        sentence = ngettext("%(n)d device waits for you", "%(n)d devices wait for you", waiting)
        note = f"{note} · {sentence % {'n': waiting}}"
    fault = ngettext("%(n)d connection needs help", "%(n)d connections need help", ill) % {"n": ill}
    if any(_has_dropped(each) for each in wanted):
        ill, fault = ill or 1, _("The broker dropped messages; see its page")
    return {
        "title": _("Connections running"),
        "value": f"{sum(each.state is ConnectionState.RUNNING for each in wanted)} / {len(wanted)}",
        "note": note,
        "fault": fault if ill else "",
        "href": reverse("connectors:list"),
    }

"""One connection: its state and how to mend it, its map, what it could not decode. Not here: the list, the forms."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from connectors import queries, registry, services
from connectors.contract import ConnectorSpec
from connectors.desk import is_polled
from connectors.models import Undecodable
from connectors.pages.access import EDIT, VIEW, actor_of, is_partial, needs, tell
from connectors.pages.editing import group_digits
from connectors.pages.listing import make_row
from connectors.pages.words import event_words, reason_word
from connectors.wording import translate_sentence
from forgeline.assets.queries import read_home_zone
from forgeline.base.errors import ForgelineError
from forgeline.entitlements.rights import rights_of

_SHOWN_PAYLOAD = 600


@require_safe
@needs(VIEW)
def show_connection(request: HttpRequest, connection_id: int) -> HttpResponse:
    """State, counters, what is wrong, the map and the last undecodable messages."""
    connection = queries.get_connection(connection_id)
    row = make_row(connection)
    spec = next((each for each in registry.list_specs() if each.kind == connection.kind), None)
    context: dict[str, Any] = {
        "row": row,
        "spec": spec,
        "may_edit": actor_of(request).has_permission(EDIT),
        "counters": list_counters(row.facts),
        "reasons": [(reason_word(reason), reason, count) for reason, count in row.facts.rejected.items()],
        "events": [_event(each) for each in row.facts.events],
        "is_slowed": is_polled(connection)
        and rights_of(actor_of(request).tenant_id).excess_since is not None,
        "zone": read_home_zone(),
        "is_untrusted": row.facts.fault_key == "opcua.untrusted_certificate",
    }
    if is_partial(request):
        return render(request, "connectors/_live.html", context)
    bindings = list(queries.list_bindings(connection))
    context |= {
        "bindings": bindings,
        "left_out": sum(binding.is_left_out for binding in bindings),
        "undecodables": [_message(each) for each in queries.list_undecodables(connection)],
        "certificate": own_certificate(spec),
    }
    return render(request, "connectors/detail.html", context)


def list_counters(facts: queries.ConnectionFacts) -> list[tuple[str, int, str]]:
    """Return the counters with their words and what they mean."""
    counted = facts.counters
    words = [
        ("received", _("Messages received"), _("Since the connector process started.")),
        ("decoded", _("Values decoded"), _("Found in the messages.")),
        ("stored", _("Samples stored"), _("On disk.")),
        ("duplicate", _("Duplicates"), _("Sent again by the source; stored once.")),
        ("late", _("Late"), _("Older than the newest sample of their point.")),
        ("replayed", _("Replayed"), _("From a spool or the source's history.")),
        ("spooled", _("In the spool"), _("On our disk until the store is back.")),
        ("dropped", _("Dropped"), _("Lost while the store and the spool had no room.")),
    ]
    return [(word, int(counted.get(name) or 0), help_text) for name, word, help_text in words]


def _event(event: dict[str, Any]) -> dict[str, Any]:
    at = datetime.fromtimestamp(int(event.get("at") or 0) / 1000, UTC)
    facts = {name: value for name, value in event.items() if name not in ("at", "event")}
    return {"at": at, "text": event_words(str(event.get("event")), facts), "name": event.get("event")}


def _message(row: Undecodable) -> dict[str, Any]:
    payload = bytes(row.payload)
    text = payload[:_SHOWN_PAYLOAD].decode("utf-8", errors="replace")
    is_text = text.isprintable() or "\n" in text
    return {
        "row": row,
        "reason": reason_word(row.reason),
        "detail": translate_sentence(row.detail),
        "text": text if is_text else payload[:_SHOWN_PAYLOAD].hex(" "),
        "size": len(payload),
    }


def own_certificate(spec: ConnectorSpec | None) -> dict[str, Any] | None:
    """Return what is shown of our OPC UA certificate, where the connection is of that kind."""
    if spec is None or spec.kind != "opcua":
        return None
    from connectors.opcua.certificates import get_identity  # cryptography loads with the first OPC UA page

    facts = get_identity(settings.CONNECTORS["OPCUA_CERTIFICATES"]).facts
    left = facts.not_after_at - datetime.now(UTC)
    return {
        "fingerprint": group_digits(facts.fingerprint),
        "not_after": facts.not_after_at,
        "is_ending": left.days < 90,
    }


@require_safe
@needs(VIEW)
def download_certificate(request: HttpRequest) -> HttpResponse:
    """Our OPC UA certificate, to hand to a server's owner."""
    from connectors.opcua.certificates import get_identity

    identity = get_identity(settings.CONNECTORS["OPCUA_CERTIFICATES"])
    response = HttpResponse(identity.certificate_der, content_type="application/pkix-cert")
    response["Content-Disposition"] = 'attachment; filename="forgeline.der"'
    return response


@require_POST
@needs(EDIT)
def switch_connection(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Switch a connection on or off."""
    queries.get_connection(connection_id)
    enabled = request.POST.get("enabled") == "1"
    try:
        services.update_connection(connection_id=connection_id, enabled=enabled, actor=actor_of(request))
    except ForgelineError as error:
        tell(request, error)
    return redirect("connectors:detail", connection_id)


@require_POST
@needs(EDIT)
def delete_connection(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Take a connection away; points and their history stay."""
    name = queries.get_connection(connection_id).name
    services.delete_connection(connection_id=connection_id, actor=actor_of(request))
    messages.success(request, _("%(name)s is gone; its points and their history stay.") % {"name": name})
    return redirect("connectors:list")


@require_POST
@needs(EDIT)
def delete_binding(request: HttpRequest, connection_id: int, binding_id: int) -> HttpResponse:
    """Take one line off the map."""
    services.delete_binding(connection_id=connection_id, binding_id=binding_id, actor=actor_of(request))
    return redirect("connectors:detail", connection_id)

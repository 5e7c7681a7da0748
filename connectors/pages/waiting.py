"""Devices that send what nobody has asked for yet: adopt them with one click, or take them off the list."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.http import require_POST, require_safe

from connectors import queries, services
from connectors.pages.access import EDIT, VIEW, actor_of, is_partial, needs, tell
from connectors.pages.browsing import list_machines
from forgeline.base.errors import ForgelineError

SHOWN = 200


@require_safe
@needs(VIEW)
def show_waiting(request: HttpRequest) -> HttpResponse:
    """What waits, the most recently heard first."""
    devices = list(queries.list_waiting_devices()[: SHOWN + 1])
    context = {
        "devices": devices[:SHOWN],
        "is_cut": len(devices) > SHOWN,
        "shown": SHOWN,
        "machines": list_machines(),
        "may_edit": actor_of(request).has_permission(EDIT),
    }
    return render(
        request, "connectors/_waiting.html" if is_partial(request) else "connectors/waiting.html", context
    )


@require_POST
@needs(EDIT)
def adopt_device(request: HttpRequest, waiting_device_id: int) -> HttpResponse:
    """Make a waiting device's values points."""
    machine = request.POST.get("asset", "")
    name = queries.get_waiting_device(waiting_device_id).key
    try:
        rows = services.adopt_device(
            waiting_device_id=waiting_device_id,
            asset_id=int(machine) if machine.isdigit() else None,
            actor=actor_of(request),
        )
    except ForgelineError as error:
        tell(request, error)
    else:
        messages.success(
            request,
            ngettext(
                "%(name)s is adopted: %(count)d value is stored from now on.",
                "%(name)s is adopted: %(count)d values are stored from now on.",
                len(rows),
            )
            % {"name": name, "count": len(rows)},
        )
    return redirect("connectors:waiting")


@require_POST
@needs(EDIT)
def ignore_device(request: HttpRequest, waiting_device_id: int) -> HttpResponse:
    """Take a waiting device off the list."""
    name = queries.get_waiting_device(waiting_device_id).key
    services.ignore_waiting_device(waiting_device_id=waiting_device_id, actor=actor_of(request))
    messages.success(request, _("%(name)s is off the list; what it sends is not stored.") % {"name": name})
    return redirect("connectors:waiting")

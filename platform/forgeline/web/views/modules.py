"""The modules of the company: which there are, which are switched on."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from forgeline.base.errors import ForgelineError
from forgeline.entitlements.rights import rights_of
from forgeline.identity.roles import PEOPLE
from forgeline.identity.switches import switch_modules
from forgeline.modules.registry import list_switchable
from forgeline.web.access import needs


@needs(PEOPLE)
def modules(request: HttpRequest) -> HttpResponse:
    """List the modules that are installed; switch them on and off."""
    actor = request.actor  # type: ignore[attr-defined]
    if request.method == "POST":
        try:
            switch_modules(request.POST.getlist("module"), actor=actor)
        except ForgelineError as error:
            messages.error(request, str(error), extra_tags="bad")
        else:
            messages.success(request, _("Saved."))
        return redirect("web:modules")
    held = rights_of(actor.tenant_id)
    rows = [
        {
            "module": module,
            "is_chosen": held.chosen is None or module.key in held.chosen,
            "is_held": held.modules is None or module.key in held.modules,
        }
        for module in list_switchable()
    ]
    return render(request, "web/modules.html", {"rows": rows})

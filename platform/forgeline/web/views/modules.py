"""The modules of the company: which there are, and their switches."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from forgeline.base.errors import ForgelineError
from forgeline.identity.roles import PEOPLE
from forgeline.identity.switches import list_modules, set_module
from forgeline.web.access import needs


@needs(PEOPLE)
def modules(request: HttpRequest) -> HttpResponse:
    """List the modules; a POST switches one."""
    actor = request.actor  # type: ignore[attr-defined]
    if request.method == "POST":
        is_on = request.POST.get("is_on") == "1"
        try:
            set_module(request.POST.get("module", "")[:40], is_on=is_on, actor=actor)
        except ForgelineError as error:
            messages.error(request, str(error), extra_tags="bad")
        else:
            messages.success(
                request,
                _("Switched on.") if is_on else _("Switched off. What the module has kept is still there."),
            )
        return redirect("web:modules")
    return render(request, "web/modules.html", {"modules": list_modules(actor.tenant_id)})

"""The guided first hour of a company."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from forgeline.base.errors import ForgelineError
from forgeline.web import first_hour
from forgeline.web.access import fault, needs


@needs(first_hour.PERMISSION)
def start(request: HttpRequest) -> HttpResponse:
    """Show the steps with their states; leave one out, put the reminder away, bring either back."""
    actor = request.actor  # type: ignore[attr-defined]
    if request.method == "POST":
        try:
            if key := request.POST.get("skip", ""):
                first_hour.skip_step(key, actor=actor)
            elif key := request.POST.get("unskip", ""):
                first_hour.skip_step(key, actor=actor, is_skipped=False)
            else:
                is_dismissed = "dismiss" in request.POST
                first_hour.dismiss(actor=actor, is_dismissed=is_dismissed)
                return redirect("web:overview" if is_dismissed else "web:start")
        except ForgelineError as error:
            messages.error(request, str(error), extra_tags="bad")
        return redirect("web:start")
    hour = first_hour.read_first_hour(actor)
    if hour is None:
        return fault(
            request, 403, _("Your role does not allow this"), _("It is for those who build the whole plant.")
        )
    return render(request, "web/start.html", {"hour": hour})

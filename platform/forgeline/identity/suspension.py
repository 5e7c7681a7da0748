"""What a company that has not paid may still open: what shows how to pay, and its way out. Not here: when (billing)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from forgeline.base.api import render_problem
from forgeline.modules.registry import list_open_paths

_ALWAYS = (
    "/sign-",
    "/i18n/",
    "/jsi18n/",
    "/static/",
    "/healthz",
    "/readyz",
    "/api/schema/",
    "/api/v1/me/",
    "/companies/",
)
_SAMPLES = "/api/v1/samples/"


def is_open(request: HttpRequest) -> bool:
    """Say whether a suspended company may ask for this. Its devices go on: alarms are judged, nothing is lost."""
    if request.path == _SAMPLES and request.method == "POST":
        return True
    return request.path.startswith((*_ALWAYS, *list_open_paths()))


def shut(request: HttpRequest) -> HttpResponse:
    """Answer 402 with what to do."""
    title = _("Your subscription is suspended")
    text = _(
        "An invoice has not been paid. The owner or a manager sees under Company, Plan and invoices how to pay; "
        "your machines are recorded meanwhile and their alarms are told."
    )
    if request.path.startswith("/api/"):
        return render_problem(status=402, key="entitlements.suspended", title=title, detail=text)
    return render(request, "pages/error.html", {"title": title, "text": text, "is_of_plan": True}, status=402)

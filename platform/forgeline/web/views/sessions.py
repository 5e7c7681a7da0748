"""Where a person is signed in, and the way to end each of these sessions."""

from __future__ import annotations

import re

from allauth.usersessions.models import UserSession
from allauth.usersessions.views import ListUserSessionsView
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _, pgettext

_BROWSERS = (
    ("MicroMessenger/", ""), ("DingTalk/", "DingTalk"), ("Edg", "Edge"), ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"), ("Firefox/|FxiOS/", "Firefox"), ("Chrome/|CriOS/|Chromium/", "Chrome"),
    ("Safari/", "Safari"),
)  # fmt: skip
"""The first that fits: each calls itself all that stand behind it."""
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("HarmonyOS|OpenHarmony", "HarmonyOS"), ("Android", "Android"),
    ("Windows", "Windows"), ("Mac OS X|Macintosh", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def device_word(agent: str) -> str:
    """Return the browser and the system of a User-Agent as people call them; the first word of it where it has none."""
    browser = next(
        (name or pgettext("app", "WeChat") for mark, name in _BROWSERS if re.search(mark, agent)), ""
    )
    system = next((name for mark, name in _SYSTEMS if re.search(mark, agent)), "")
    return ", ".join(filter(None, (browser, system))) or agent.split("/")[0] or _("unknown")


class Sessions(ListUserSessionsView):
    """allauth's list, from which one session can be ended as well as all others."""

    template_name = "web/sessions.html"

    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if "session" not in request.POST:
            return super().post(request, *args, **kwargs)
        wanted = request.POST["session"]
        row = UserSession.objects.filter(
            user_id=request.user.pk, pk=int(wanted) if wanted.isdecimal() else 0
        ).first()
        if row is not None and not row.is_current():
            row.end()
        # One that is gone already is what was asked for.
        messages.success(request, _("That session has ended."))
        return redirect("usersessions_list")

    def get_context_data(self, **kwargs: object) -> dict[str, object]:
        context = super().get_context_data(**kwargs)
        rows = sorted(
            context["sessions"], key=lambda row: (not row.is_current(), -row.created_at.timestamp())
        )
        return {**context, "sessions": [(row, device_word(row.user_agent)) for row in rows]}

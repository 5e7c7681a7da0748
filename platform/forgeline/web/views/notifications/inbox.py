"""A person's own messages, the bell that counts them, and how he wants to be told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext as _, gettext_lazy

from forgeline.base.errors import ForgelineError
from forgeline.identity.services import set_language
from forgeline.notifications import editing, queries
from forgeline.notifications.message import text_in
from forgeline.notifications.models import Delivery, Preference
from forgeline.web.access import needs, put_faults
from forgeline.web.forms import zone_choices

ROWS = 50
MUCH_EARLIER = timedelta(minutes=10)
"""What happened so long before somebody was told says so: the list is by when one was told."""
_TIME = forms.TimeInput(format="%H:%M", attrs={"type": "time"})


@needs("notifications.view")
def inbox(request: HttpRequest) -> HttpResponse:
    """List what the bell has rung for; mark it as read."""
    user_id = _user_id(request)
    if request.method == "POST":
        words = request.POST.get("read", "").split(",")
        ids = [int(word) for word in words if word.isdecimal() and len(word) < 19]
        editing.mark_read(user_id, None if words == ["all"] else ids)
        return redirect("web:inbox")
    rows = queries.list_bell(user_id)
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 18:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows[: ROWS + 1])
    context = {
        "rows": _fold(found[:ROWS]),
        "older": found[ROWS - 1].pk if len(found) > ROWS else None,
        "unread": queries.count_unread(user_id),
    }
    return render(request, "web/notifications_inbox.html", context)


def bell(request: HttpRequest) -> HttpResponse:
    """The count on the bell; a page whose session has ended meanwhile keeps what it shows."""
    if request.actor is None:  # type: ignore[attr-defined]
        return HttpResponse(status=204)
    unread = queries.count_unread(_user_id(request))
    shown = f"{queries.MOST_BELLS}+" if unread > queries.MOST_BELLS else str(unread)
    return render(request, "web/parts/bell.html", {"unread": unread, "shown": shown})


def _user_id(request: HttpRequest) -> int:
    return request.actor.user_id or 0  # type: ignore[attr-defined]


def _fold(rows: Sequence[Delivery]) -> list[dict[str, Any]]:
    """Return one entry for all that say the same of the same thing: an alarm that comes and goes fills no page."""
    entries: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        entry = _row(row)
        notice = entry["notice"]
        same = entries.setdefault((notice.path or row.pk, entry["title"], entry["is_read"]), entry)
        same["ids"].append(row.pk)
        same["awaits"] |= notice.needs_answer and notice.settled_at is None
    return list(entries.values())


def _row(row: Delivery) -> dict[str, Any]:
    language = get_language() or "en"
    notice = row.notice
    assert notice is not None
    return {
        "ids": [], "awaits": False, "notice": notice, "title": text_in(notice.title, language),
        "body": text_in(notice.body, language), "is_read": row.read_at is not None, "told_at": row.created_at,
        "is_of_before": row.created_at - notice.happened_at > MUCH_EARLIER,
    }  # fmt: skip


class PreferenceForm(forms.Form):
    by_email = forms.BooleanField(
        label=gettext_lazy("Also by e-mail"), required=False,
        help_text=gettext_lazy("The bell on every page rings in any case."),
    )  # fmt: skip
    language = forms.ChoiceField(
        label=gettext_lazy("Language of messages"),
        choices=[("", gettext_lazy("The company's")), ("en", "English"), ("zh-hans", "简体中文")], required=False,
    )  # fmt: skip
    zone = forms.ChoiceField(
        label=gettext_lazy("Times by the clock of"), required=False,
        choices=lambda: [("", gettext_lazy("The plant")), *zone_choices()],
    )  # fmt: skip
    quiet_from = forms.TimeField(label=gettext_lazy("Quiet from"), required=False, widget=_TIME)
    quiet_to = forms.TimeField(
        label=gettext_lazy("Quiet until"), required=False, widget=_TIME,
        help_text=gettext_lazy(
            "E-mails wait until then; who is next in the chain is told at once in your place."
        ),
    )  # fmt: skip
    quiet_lets_critical = forms.BooleanField(
        label=gettext_lazy("Critical messages come through"), required=False
    )
    digest_minutes = forms.TypedChoiceField(
        label=gettext_lazy("Messages of low priority"), coerce=int,
        choices=[
            (0, gettext_lazy("each at once")), (15, gettext_lazy("collected every 15 minutes")),
            (60, gettext_lazy("collected every hour")), (240, gettext_lazy("collected every four hours")),
            (1440, gettext_lazy("collected once a day")),
        ],
    )  # fmt: skip
    most_in_10_min = forms.IntegerField(
        label=gettext_lazy("Most e-mails in ten minutes"), min_value=1, max_value=200,
        help_text=gettext_lazy("What is beyond comes as one message: how many more, and where to look."),
    )  # fmt: skip


@needs("notifications.view")
def preferences(request: HttpRequest) -> HttpResponse:
    """How the signed-in person wants to be told."""
    user_id = _user_id(request)
    row = queries.read_preference(user_id)
    form = PreferenceForm(request.POST or None, initial=_initial(row, request.user.language))  # type: ignore[union-attr]
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        try:
            language = given.pop("language")
            editing.update_preference(user_id, **given)
            set_language(user_id=user_id, language=language)
        except ForgelineError as error:
            put_faults(form, error)
        else:
            messages.success(request, _("Saved."))
            return redirect("web:preferences")
    status = 422 if form.errors else 200
    return render(request, "web/notifications_preferences.html", {"form": form}, status=status)


def _initial(row: Preference, language: str) -> dict[str, Any]:
    names = (
        "by_email",
        "zone",
        "quiet_from",
        "quiet_to",
        "quiet_lets_critical",
        "digest_minutes",
        "most_in_10_min",
    )
    return {"language": language, **{name: getattr(row, name) for name in names}}

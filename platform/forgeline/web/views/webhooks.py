"""Webhooks of the company: the list, a new one, one with its deliveries, tests and replays."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.cache import never_cache

from forgeline.base import clock
from forgeline.base.errors import ForgelineError
from forgeline.modules.registry import list_manifests
from forgeline.notifications.wording import reason_words
from forgeline.web.access import needs, put_faults
from forgeline.web.times import read_company_zone
from forgeline.webhooks import services
from forgeline.webhooks.catalogue import list_titles, list_types
from forgeline.webhooks.models import Delivery, State

ROWS = 100
TONES = {State.SENT: "running", State.FAILED: "down", State.WAITING: "idle", State.SENDING: "idle"}


class EndpointForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    url = forms.URLField(
        label=gettext_lazy("Address"), max_length=500, assume_scheme="https",
        help_text=gettext_lazy("The program that is told, such as https://erp.example.com/forgeline."),
    )  # fmt: skip
    events = forms.MultipleChoiceField(
        label=gettext_lazy("Events"), widget=forms.CheckboxSelectMultiple(attrs={"class": "tree"})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["events"]
        field.choices = [("*", _("Everything")), *_event_choices()]


def _event_choices() -> list[tuple[str, str]]:
    """Each area as a whole, then its events."""
    titles = {manifest.key: manifest.title for manifest in list_manifests()}
    choices: list[tuple[str, str]] = []
    area = ""
    for each in list_types():
        first = each.key.partition(".")[0]
        if first != area:
            area = first
            choices.append((f"{area}.*", _("%(area)s: all of it") % {"area": titles.get(area, area)}))
        choices.append((each.key, f"\u00a0\u00a0\u00a0{each.title}"))
    return choices


@never_cache
@needs(services.MANAGE)
def webhooks(request: HttpRequest) -> HttpResponse:
    """List endpoints, and make one; its secret is shown on the answer and never again."""
    actor = request.actor  # type: ignore[attr-defined]
    form = EndpointForm(request.POST or None, initial={"events": ["alarms.*"]})
    made = secret = None
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = services.create_endpoint(**form.cleaned_data, actor=actor)
            form = EndpointForm(initial={"events": ["alarms.*"]})
        except ForgelineError as error:
            put_faults(form, error)
    context = {"form": form, "rows": services.list_endpoints(), "made": made, "secret": secret}
    return render(request, "web/webhooks.html", context, status=422 if form.errors else 200)


@never_cache
@needs(services.MANAGE)
def webhook(request: HttpRequest, endpoint_id: int) -> HttpResponse:
    """Show one endpoint with its deliveries; change, test, replay, rotate, switch, take away."""
    actor = request.actor  # type: ignore[attr-defined]
    row = services.get_endpoint(endpoint_id)
    initial = {"name": row.name, "url": row.url, "events": row.events}
    form = EndpointForm(request.POST if "save" in request.POST else None, initial=initial)
    secret = ""
    if request.method == "POST":
        try:
            if "save" in request.POST:
                if form.is_valid():
                    services.update_endpoint(row.pk, actor=actor, **form.cleaned_data)
                    messages.success(request, _("Saved."))
                    return redirect("web:webhook", row.pk)
            elif "rotate" in request.POST:
                row, secret = services.rotate_secret(row.pk, actor=actor)
            elif "delete" in request.POST:
                services.delete_endpoint(row.pk, actor=actor)
                return redirect("web:webhooks")
            else:
                messages.success(request, _do(request, row.pk))
                return redirect("web:webhook", row.pk)
        except ForgelineError as error:
            if form.is_bound:
                put_faults(form, error)
            else:
                messages.error(request, str(error))
                return redirect("web:webhook", row.pk)
    zone = read_company_zone()
    deliveries = list(services.list_deliveries().filter(endpoint_id=row.pk)[:ROWS])
    titles = list_titles()
    context = {
        "row": row,
        "form": form,
        "secret": secret,
        "zone": zone,
        "deliveries": [_row(each, zone, titles) for each in deliveries],
        "is_busy": any(each.state in {State.WAITING, State.SENDING} for each in deliveries),
    }
    return render(request, "web/webhook.html", context, status=422 if form.errors else 200)


def _do(request: HttpRequest, endpoint_id: int) -> str:
    """Do what a button asks for; returns what came of it."""
    actor = request.actor  # type: ignore[attr-defined]
    if "ping" in request.POST:
        services.ping(endpoint_id, actor=actor)
        return _("A test is on its way; its line below tells what came of it.")
    if "replay" in request.POST:
        word = request.POST["replay"]
        ids = [int(word)] if word.isdecimal() and len(word) < 19 else []
        since = None if ids else clock.now().astimezone(UTC) - timedelta(days=1)
        count = services.replay(endpoint_id, actor=actor, delivery_ids=ids, since=since)
        return _("%(count)d events are told once more.") % {"count": count}
    services.update_endpoint(endpoint_id, actor=actor, is_enabled="on" in request.POST)
    return _("Saved.")


def _row(each: Delivery, zone: str, titles: dict[str, Any]) -> dict[str, Any]:
    tries = list(each.tries.all())
    last = tries[-1] if tries else None
    return {
        "delivery": each,
        "at": each.event.happened_at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S"),
        "title": titles.get(each.event.type, each.event.type),
        "tone": TONES[State(each.state)],
        "last": last,
        "why": reason_words(last.reason) if last and last.reason else "",
        "is_open": each.state in {State.WAITING, State.SENDING},
    }

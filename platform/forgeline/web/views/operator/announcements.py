"""What the operator announces; and any person's button that puts an announcement away."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _, gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_POST

from forgeline.base import clock
from forgeline.base.errors import ForgelineError
from forgeline.base.moments import check_moment
from forgeline.billing import console, subscriptions
from forgeline.identity.policy import Actor
from forgeline.identity.roles import OPERATE
from forgeline.pages import announcements as services
from forgeline.pages.models import Tone
from forgeline.web.access import needs, put_faults
from forgeline.web.times import read_company_zone

ROWS = 50


class AnnouncementForm(forms.Form):
    """A sentence in each language, for whom, from when until when."""

    text_en = forms.CharField(
        label=gettext_lazy("In English"),
        max_length=services.LONGEST,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    text_zh_hans = forms.CharField(
        label=gettext_lazy("In Chinese"),
        max_length=services.LONGEST,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    tone = forms.ChoiceField(label=gettext_lazy("It is"), choices=Tone.choices)
    audience = forms.ChoiceField(label=gettext_lazy("For"), required=False)
    from_at = forms.DateTimeField(
        validators=[check_moment], label=pgettext_lazy("time", "From"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip
    to_at = forms.DateTimeField(
        validators=[check_moment], label=gettext_lazy("Until"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip

    def __init__(self, *args: Any, choices: list[tuple[str, str]], zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        audience: Any = self.fields["audience"]
        audience.choices = choices
        for name in ("from_at", "to_at"):
            self.fields[name].help_text = _("On the clock of %(zone)s.") % {"zone": zone}


@needs(OPERATE)
def announcements(request: HttpRequest) -> HttpResponse:
    """List what was announced; announce, withdraw. Times are those of the reader's company."""
    zone = read_company_zone()
    with timezone.override(ZoneInfo(zone)):
        return _announcements(request, zone)


def _announcements(request: HttpRequest, zone: str) -> HttpResponse:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    choices = _audiences(actor)
    now = clock.now().replace(second=0, microsecond=0)
    initial = {"from_at": now, "to_at": now + timedelta(days=7)}
    form = AnnouncementForm(
        request.POST if "announce" in request.POST else None, choices=choices, zone=zone, initial=initial
    )
    try:
        if request.method == "POST" and (word := request.POST.get("withdraw", "")):
            services.withdraw(int(word) if word.isdecimal() and len(word) < 19 else 0, actor=actor)
            messages.success(request, _("Saved."))
            return redirect("web:operator_announcements")
        if request.method == "POST" and form.is_valid():
            _announce(form.cleaned_data, actor)
            messages.success(request, _("Announced."))
            return redirect("web:operator_announcements")
    except ForgelineError as error:
        if not form.is_bound:
            messages.error(request, str(error), extra_tags="bad")
            return redirect("web:operator_announcements")
        put_faults(form, error)
    titles, now = dict(choices), clock.now()
    rows = [
        {
            "row": each,
            "audience": titles.get(_audience_of(each.plan, each.company_id), _("somebody who is gone")),
            "is_over": each.withdrawn_at is not None or each.to_at <= now,
            "is_ahead": each.from_at > now,
        }
        for each in services.list_announcements(actor=actor)[:ROWS]
    ]
    context = {"form": form, "rows": rows, "clock": " UTC" if zone == "UTC" else ""}
    return render(request, "web/operator/announcements.html", context, status=422 if form.errors else 200)


def _audiences(actor: Actor) -> list[tuple[str, str]]:
    plans = [
        (f"plan:{plan.key}", _("companies with %(plan)s") % {"plan": plan.title})
        for plan in subscriptions.list_plans()
    ]
    rows = console.list_tenants(actor=actor)[: console.ROWS]
    tenants = [(f"company:{each.tenant_id}", each.name) for each in rows]
    return [("", _("everybody")), *plans, *tenants]


def _audience_of(plan: str, company_id: int | None) -> str:
    if company_id is not None:
        return f"company:{company_id}"
    return f"plan:{plan}" if plan else ""


def _announce(given: dict[str, Any], actor: Actor) -> None:
    kind, _colon, word = given["audience"].partition(":")
    services.announce(
        texts={"en": given["text_en"], "zh-hans": given["text_zh_hans"]}, tone=given["tone"],
        from_at=given["from_at"], to_at=given["to_at"], plan=word if kind == "plan" else "",
        company_id=int(word) if kind == "company" else None, actor=actor,
    )  # fmt: skip


@require_POST
@needs("web.view")
def put_away(request: HttpRequest, announcement_id: int) -> HttpResponse:
    """Show an announcement to this person no more."""
    services.put_away(announcement_id, actor=request.actor)  # type: ignore[attr-defined]
    # 204 would leave the notice where it is.
    return HttpResponse("") if request.headers.get("HX-Request") else redirect("web:overview")

"""Channels: mailboxes, programs and group robots, each with a test message."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy

from forgeline.base.errors import ForgelineError
from forgeline.notifications import editing, queries
from forgeline.notifications.models import Channel, Via
from forgeline.web.access import needs, put_faults

EDIT = "notifications.edit"


class ChannelForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        help_text=gettext_lazy("Such as: maintenance group, hall 2."),
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"), choices=[choice for choice in Via.choices if choice[0] != Via.BELL]
    )
    address = forms.CharField(
        label=gettext_lazy("Address"), max_length=1000, widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy(
            "For a group robot the webhook address that DingTalk, WeCom, Feishu, Slack or Teams gives you; for e-mail "
            "a mailbox. It is stored encrypted and not shown again."
        ),
    )  # fmt: skip
    secret = forms.CharField(
        label=gettext_lazy("Signing secret"), max_length=300, required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("If the robot of DingTalk or Feishu signs, or to sign a webhook of your own."),
    )  # fmt: skip
    language = forms.ChoiceField(
        label=gettext_lazy("Language of messages"), choices=[("en", "English"), ("zh-hans", "简体中文")]
    )
    most_in_10_min = forms.IntegerField(
        label=gettext_lazy("Most messages in ten minutes"), min_value=1, max_value=200, initial=15,
        help_text=gettext_lazy("DingTalk shuts a robot out after 20 in one minute."),
    )  # fmt: skip
    is_enabled = forms.BooleanField(label=gettext_lazy("In use"), required=False, initial=True)

    def __init__(self, *args: Any, row: Channel | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if row is not None:
            self.fields["address"].required = False
            self.fields["address"].widget.attrs["placeholder"] = row.hint
            self.fields["address"].help_text = _("Leave it empty to keep the one that is stored.")
            if row.secret_sealed:
                self.fields["secret"].widget.attrs["placeholder"] = _("set; leave empty to keep it")


@needs(EDIT)
def channels(request: HttpRequest) -> HttpResponse:
    """List the channels."""
    rows = queries.list_channels()
    return render(request, "web/notifications_channels.html", {"rows": rows, "tab": "channels"})


@needs(EDIT)
def channel(request: HttpRequest, channel_id: int | None = None) -> HttpResponse:
    """Make or change a channel, delete it, or send a test message."""
    actor = request.actor  # type: ignore[attr-defined]
    row = queries.get_channel(channel_id) if channel_id is not None else None
    deed = request.POST.get("deed", "save")
    if request.method == "POST" and row is not None and deed in ("test", "delete"):
        return _try(request, row) if deed == "test" else _delete(request, row)
    names = ("name", "kind", "language", "most_in_10_min", "is_enabled")
    initial = {name: getattr(row, name) for name in names} if row else {"language": request.LANGUAGE_CODE}
    form = ChannelForm(request.POST or None, row=row, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            if row is None:
                row = editing.create_channel(actor=actor, **form.cleaned_data)
            else:
                row = editing.update_channel(row.pk, actor=actor, **form.cleaned_data)
        except ForgelineError as error:
            put_faults(form, error)
        else:
            messages.success(request, _("Saved. Send a test message to see whether it arrives."))
            return redirect("web:notify_channel", channel_id=row.pk)
    context = {"form": form, "row": row, "tab": "channels"}
    return render(request, "web/notifications_channel.html", context, status=422 if form.errors else 200)


def _try(request: HttpRequest, row: Channel) -> HttpResponse:
    try:
        result = editing.try_channel(row.pk, actor=request.actor)  # type: ignore[attr-defined]
    except ForgelineError as error:
        messages.error(request, str(error))
    else:
        sentence = f"{result.sentence} ({result.detail})" if result.detail else result.sentence
        if result.is_sent:
            messages.success(request, sentence)
        else:
            messages.error(request, sentence)
    return redirect("web:notify_channel", channel_id=row.pk)


def _delete(request: HttpRequest, row: Channel) -> HttpResponse:
    try:
        editing.delete_channel(row.pk, actor=request.actor)  # type: ignore[attr-defined]
    except ForgelineError as error:
        messages.error(request, str(error))
        return redirect("web:notify_channel", channel_id=row.pk)
    messages.success(request, _("%(name)s is deleted.") % {"name": row.name})
    return redirect("web:notify_channels")

"""The company's keys for programs."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _

from forgeline.identity import services
from forgeline.identity.models import ApiKey, Role
from forgeline.identity.policy import Actor, list_givable
from forgeline.web.access import needs


class KeyForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=120, help_text=_("What will use the key, such as ERP or gateway 3.")
    )
    role = forms.ChoiceField(label=_("Role"), initial=Role.VIEWER)

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: Any = self.fields["role"]
        choices.choices = role_choices(actor)


def role_choices(actor: Actor) -> list[tuple[str, str]]:
    """Return the roles that an actor may give, with their names."""
    return [(key, str(Role(key).label)) for key in list_givable(actor)]


@needs("identity.edit")
def keys(request: HttpRequest) -> HttpResponse:
    """List, make and revoke API keys; a new key is shown on the answer and never again."""
    actor = request.actor  # type: ignore[attr-defined]
    form = KeyForm(request.POST if "make" in request.POST else None, actor=actor)
    made = ""
    if request.method == "POST" and "revoke" in request.POST:
        services.revoke_api_key(tenant_id=actor.tenant_id, api_key_id=int(request.POST["revoke"]))
        return redirect("web:keys")
    if request.method == "POST" and form.is_valid():
        _row, made = services.create_api_key(tenant_id=actor.tenant_id, **form.cleaned_data)
        form = KeyForm(actor=actor)
    rows = ApiKey.objects.filter(revoked_at=None)
    return render(request, "web/keys.html", {"form": form, "keys": rows, "made": made})

"""The company's keys for programs, and the roles that it made for itself."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _, gettext_lazy, pgettext_lazy

from forgeline.base.errors import ForgelineError, NotFoundError
from forgeline.base.moments import check_moment
from forgeline.identity import keys as key_services, own_roles
from forgeline.identity.models import Role
from forgeline.identity.policy import Actor
from forgeline.identity.roles import PEOPLE
from forgeline.web.access import needs, put_faults
from forgeline.web.grant_forms import GrantForm, branch_titles, group_permissions, name_branches
from forgeline.web.times import read_company_zone


class KeyForm(GrantForm):
    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=120,
        help_text=gettext_lazy("What will use the key, such as ERP or gateway 3."),
    )  # fmt: skip
    expires_at = forms.DateTimeField(
        validators=[check_moment], label=gettext_lazy("Serves until"), required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip
    field_order = ("name", "role", "branches", "expires_at")
    first_role = Role.VIEWER

    def __init__(self, *args: Any, zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["expires_at"].help_text = _(
            "On the plant's clock (%(zone)s); empty for as long as nobody revokes it."
        ) % {"zone": zone}


class RoleForm(forms.Form):
    """A role of the company's own: its name, and what it may."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)
    permissions = forms.MultipleChoiceField(
        label=pgettext_lazy("role", "May"),
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "tree"}),
    )

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["permissions"]
        field.choices = group_permissions(actor)


@needs(PEOPLE)
def keys(request: HttpRequest) -> HttpResponse:
    """List, make, rotate and revoke API keys; a new key is shown on the answer and never again."""
    zone = read_company_zone()
    with timezone.override(ZoneInfo(zone)):
        return _keys(request, zone)


def _keys(request: HttpRequest, zone: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    form = KeyForm(request.POST if "make" in request.POST else None, actor=actor, zone=zone)
    made = ""
    try:
        if request.method == "POST" and (word := request.POST.get("revoke", "")):
            key_services.revoke_api_key(tenant_id=actor.tenant_id, api_key_id=_number(word))
            return redirect("web:keys")
        if request.method == "POST" and (word := request.POST.get("rotate", "")):
            _row, made = key_services.rotate_key(_number(word), actor=actor)
        elif request.method == "POST" and form.is_valid():
            _row, made = key_services.make_key(**form.cleaned_data, actor=actor)
            form = KeyForm(actor=actor, zone=zone)
    except ForgelineError as error:
        if form.is_bound:
            put_faults(form, error)
        else:
            messages.error(request, str(error))
    names, titles = {role.key: role.title for role in own_roles.list_roles()}, branch_titles()
    rows = [
        {"key": key, "role": names.get(key.role, key.role), "branches": name_branches(key.branches, titles)}
        for key in key_services.list_keys()
    ]
    context = {
        "form": form,
        "rows": rows,
        "made": made,
        "zone": zone,
        "overlap_hours": key_services.OVERLAP_HOURS,
    }
    return render(request, "web/keys.html", context, status=422 if form.errors else 200)


@needs(PEOPLE)
def roles(request: HttpRequest) -> HttpResponse:
    """List all roles with what they may; copy one, take one's own away."""
    actor = request.actor  # type: ignore[attr-defined]
    if request.method == "POST":
        try:
            if word := request.POST.get("remove", ""):
                own_roles.remove_role(_number(word), actor=actor)
                return redirect("web:roles")
            row = own_roles.copy_role(
                key=request.POST.get("copy", ""), name=request.POST.get("name", ""), actor=actor
            )
        except ForgelineError as error:
            messages.error(request, str(error))
            return redirect("web:roles")
        return redirect("web:role", row.pk)
    listed = own_roles.list_roles()
    context = {
        "roles": listed,
        "own": [role for role in listed if role.is_own],
        "copyable": own_roles.list_givable(actor),
        "table": [
            (title, [(word, [key in role.permissions for role in listed]) for key, word in entries])
            for title, entries in group_permissions(None)
        ],
    }
    return render(request, "web/roles.html", context)


@needs(PEOPLE)
def role(request: HttpRequest, role_id: int) -> HttpResponse:
    """Change a role of the company's own."""
    actor = request.actor  # type: ignore[attr-defined]
    found = next((each for each in own_roles.list_roles() if each.row_id == role_id), None)
    if found is None:
        raise NotFoundError(_("There is no such role."))
    initial = {"name": found.title, "permissions": sorted(found.permissions)}
    form = RoleForm(request.POST or None, actor=actor, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            own_roles.change_role(role_id, actor=actor, **form.cleaned_data)
        except ForgelineError as error:
            put_faults(form, error)
        else:
            messages.success(request, _("Saved."))
            return redirect("web:roles")
    context = {"form": form, "role": found}
    return render(request, "web/role.html", context, status=422 if form.errors else 200)


def _number(word: str) -> int:
    """The id that a button carries; 0, which nothing has, for anything else."""
    return int(word) if word.isdecimal() and len(word) < 19 else 0

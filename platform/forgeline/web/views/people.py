"""Who belongs to the company: members and their roles, invitations, and the page behind an invitation's link."""

from __future__ import annotations

import logging
from smtplib import SMTPException
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.password_validation import validate_password
from django.core.mail import send_mail
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import get_language, gettext as _, gettext_lazy
from django.views.decorators.cache import never_cache

from forgeline.base.errors import ForgelineError, InvalidInputError
from forgeline.identity import people as services
from forgeline.identity.models import Invitation, Membership
from forgeline.identity.own_roles import RoleFacts, list_roles, name_role
from forgeline.identity.policy import Actor
from forgeline.identity.roles import OWN, PEOPLE
from forgeline.identity.seats import SESSION_TENANT
from forgeline.tenancy.scoping import tenant_scope
from forgeline.web.access import fault, needs, put_faults
from forgeline.web.grant_forms import GrantForm, branch_titles, name_branches

_log = logging.getLogger(__name__)


class InviteForm(GrantForm):
    email = forms.EmailField(label=gettext_lazy("E-mail"))
    field_order = ("email", "role", "branches")


class JoinForm(forms.Form):
    """A new account for whoever was invited."""

    name = forms.CharField(label=gettext_lazy("Your name"), max_length=120)
    password = forms.CharField(
        label=gettext_lazy("Password"), strip=False, help_text=gettext_lazy("At least ten characters."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        validate_password(password)
        return password


@needs(PEOPLE)
def people(request: HttpRequest) -> HttpResponse:
    """List members and open invitations; invite, give a role, keep out, let in, hand over."""
    actor = request.actor  # type: ignore[attr-defined]
    form = InviteForm(request.POST if "invite" in request.POST else None, actor=actor)
    link = ""
    if request.method == "POST" and "invite" not in request.POST:
        _do(request, actor)
        return redirect("web:people")
    if request.method == "POST" and form.is_valid():
        try:
            _row, links = services.invite(**form.cleaned_data, actor=actor)
        except ForgelineError as error:
            put_faults(form, error)
        else:
            link = _address(request, links.shown)
            company = request.seat.company_name  # type: ignore[attr-defined]
            if not _send(form.cleaned_data["email"], _address(request, links.mailed), company):
                messages.warning(request, _("The e-mail could not be sent; pass on the link yourself."))
            form = InviteForm(actor=actor)
    roles, titles = {role.key: role for role in list_roles()}, branch_titles()
    context = {
        "form": form,
        "link": link,
        "rows": [_row_of(member, actor, roles, titles) for member in services.list_members()],
        "invitations": [_invited(row, roles, titles) for row in services.list_invitations()],
        "roles": roles.values(),
        "may_hand_over": actor.has_permission(OWN),
        "link_days": services.LINK_DAYS,
    }
    return render(request, "web/people.html", context, status=422 if form.errors else 200)


def _row_of(
    member: Membership, actor: Actor, roles: dict[str, RoleFacts], titles: dict[str, str]
) -> dict[str, Any]:
    role = roles.get(member.role)
    return {
        "member": member,
        "role": role.title if role else member.role,
        "branches": name_branches(member.branches, titles),
        "is_self": member.user_id == actor.user_id,
        "may_change": role is None or actor.may_give(role.permissions),
    }


def _invited(row: Invitation, roles: dict[str, RoleFacts], titles: dict[str, str]) -> dict[str, Any]:
    role = roles.get(row.role)
    return {
        "row": row,
        "role": role.title if role else row.role,
        "branches": name_branches(row.branches, titles),
    }


@needs(PEOPLE)
def person(request: HttpRequest, membership_id: int) -> HttpResponse:
    """Give a member another role, for the whole company or for parts of the plant."""
    actor = request.actor  # type: ignore[attr-defined]
    member = services.get_member(membership_id)
    form = GrantForm(
        request.POST or None, actor=actor, initial={"role": member.role, "branches": member.branches}
    )
    if request.method == "POST" and form.is_valid():
        try:
            services.change_role(member.pk, **form.cleaned_data, actor=actor)
        except ForgelineError as error:
            put_faults(form, error)
        else:
            messages.success(request, _("Saved."))
            return redirect("web:people")
    context = {"form": form, "member": member}
    return render(request, "web/person.html", context, status=422 if form.errors else 200)


def _do(request: HttpRequest, actor: Actor) -> None:
    """Do what a button of the page asks for; say what came of it."""
    deed, _colon, word = request.POST.get("deed", "").partition(":")
    number = int(word) if word.isdecimal() and len(word) < 19 else 0
    try:
        if deed == "deactivate":
            services.deactivate(number, actor=actor)
        elif deed == "reactivate":
            services.reactivate(number, actor=actor)
        elif deed == "hand_over":
            services.hand_over(number, actor=actor)
        elif deed == "withdraw":
            services.withdraw_invitation(number, actor=actor)
        else:
            raise InvalidInputError(_("Choose what to do."))
    except ForgelineError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Saved."))


def _address(request: HttpRequest, token: str) -> str:
    return request.build_absolute_uri(reverse("web:invitation", args=[token]))


def _send(email: str, link: str, company: str) -> bool:
    """Write to whoever was invited; returns whether the letter was taken."""
    body = render_to_string(
        "web/invitation_email.txt", {"link": link, "company": company, "days": services.LINK_DAYS}
    )
    try:
        send_mail(
            _("You are invited to %(company)s on Forgeline") % {"company": company}, body, None, [email]
        )
    except (SMTPException, OSError) as error:
        _log.warning("an invitation could not be sent (%s)", type(error).__name__)
        return False
    return True


@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Join a company by a link: with an account that is signed in, else with a new one."""
    found = services.find_invitation(token)
    if found is None:
        return fault(
            request, 404, _("This link serves no more"), _("Ask for a new invitation; each serves once.")
        )
    user = request.user if request.user.is_authenticated else None
    if user is None and services.needs_letter(found):
        return _ask_for_letter(request, found)
    form = JoinForm(request.POST or None) if user is None else None
    fault_words = ""
    if request.method == "POST" and (form is None or form.is_valid()):
        given = form.cleaned_data if form is not None else {}
        try:
            joined = services.accept(token, user=user, language=get_language() or "", **given)
        except ForgelineError as error:
            fault_words = str(error)
            if error.key == "identity.email_taken":
                fault_words = _(
                    "There is an account with this e-mail address; sign in, then open the link again."
                )
        else:
            if user is None:
                login(request, joined, backend="django.contrib.auth.backends.ModelBackend")
            request.session[SESSION_TENANT] = found.tenant_id
            return redirect("web:overview")
    with tenant_scope(found.tenant_id):
        role = name_role(found.role)
    context = {"found": found, "role": role, "form": form, "fault": fault_words}
    status = 422 if fault_words or (form is not None and form.errors) else 200
    return render(request, "web/invitation.html", context, status=status)


def _ask_for_letter(request: HttpRequest, found: services.InvitationRow) -> HttpResponse:
    """Who was handed the link may be anybody: the letter to the address has the one that opens an account."""
    is_sent, sentence = False, ""
    if request.method == "POST":
        try:
            token = services.renew_mailed(found)
        except ForgelineError as error:
            sentence = str(error)
        else:
            is_sent = _send(found.email, _address(request, token), found.tenant_name)
            sentence = "" if is_sent else _("The e-mail could not be sent; try again in a few minutes.")
    context = {"found": found, "is_sent": is_sent, "fault": sentence}
    return render(request, "web/invitation_letter.html", context, status=422 if sentence else 200)

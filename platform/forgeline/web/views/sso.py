"""Signing in with one's company, from its name to the way back; and the page on which an owner sets that up."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.cache import never_cache

from forgeline.base.errors import ForgelineError
from forgeline.identity.attempts import take_attempt
from forgeline.identity.doors import enter
from forgeline.identity.own_roles import list_givable, name_role
from forgeline.identity.policy import Actor
from forgeline.identity.roles import OWN
from forgeline.identity.seats import SESSION_TENANT
from forgeline.sso import flow, services
from forgeline.sso.discovery import Findings
from forgeline.web.access import needs, put_faults

_BETWEEN = re.compile(r"[,;，；、\n]+")


class CompanyForm(forms.Form):
    company = forms.CharField(
        label=gettext_lazy("Work e-mail, or short name of your company"), max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True, "autocapitalize": "none"}),
    )  # fmt: skip


class ProviderForm(forms.Form):
    """What an owner has from the provider, and who comes in by it."""

    discovery_url = forms.CharField(
        label=gettext_lazy("Issuer or discovery address"), max_length=450,
        help_text=gettext_lazy("Such as https://login.example.com/realms/plant"),
    )  # fmt: skip
    client_id = forms.CharField(label=gettext_lazy("Client id"), max_length=200)
    secret = forms.CharField(
        label=gettext_lazy("Client secret"), max_length=1000, required=False, strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Kept encrypted and never shown again; empty, the one that is kept stays."),
    )  # fmt: skip
    domains = forms.CharField(
        label=gettext_lazy("E-mail domains of your company"), max_length=6000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("One a line. Nobody with another address comes in."),
    )  # fmt: skip
    role = forms.ChoiceField(label=gettext_lazy("Who comes for the first time"), required=False)
    trusts_email = forms.BooleanField(
        label=gettext_lazy("The provider's addresses count as proven"), required=False,
        help_text=gettext_lazy(
            "For a provider that does not tell, such as Entra ID. It must give addresses to their owners alone."
        ),
    )  # fmt: skip
    is_required = forms.BooleanField(
        label=gettext_lazy("Only by the provider, for members with an address of these domains"), required=False,
        help_text=gettext_lazy(
            "Their passwords open this company no more. Owners keep theirs for the day when the provider is away."
        ),
    )  # fmt: skip

    def __init__(self, *args: Any, actor: Actor, **named: Any) -> None:
        super().__init__(*args, **named)
        role: Any = self.fields["role"]
        role.choices = [
            ("", _("stays outside, but for members and the invited")),
            *((each.key, _("comes in as: %(role)s") % {"role": each.title}) for each in list_givable(actor)),
        ]

    @property
    def facts(self) -> dict[str, Any]:
        """The cleaned data as the service takes it."""
        given = dict(self.cleaned_data)
        given["domains"] = [each for line in _BETWEEN.split(given["domains"]) for each in _domains_in(line)]
        return given


def _domains_in(line: str) -> list[str]:
    """Return the domains of a line: its words where each may be one, else the line, which a fault quotes whole."""
    words = line.split()
    return words if all("." in word for word in words) else [line.strip()]


@never_cache
def companies(request: HttpRequest) -> HttpResponse:
    """Ask for the company, and show where it signs in; the way there is a link, which leads to another origin."""
    word = request.POST.get("company") or request.GET.get("company", "")
    form = CompanyForm({"company": word} if word or request.method == "POST" else None)
    found = None
    if form.is_bound and form.is_valid():
        if not take_attempt("sso_company", request.META.get("REMOTE_ADDR", ""), most=60, within_s=3600):
            form.add_error(None, _("There were sixty tries from your address within an hour. Wait a while."))
        elif (found := flow.find_company(word)) is None:
            form.add_error(
                "company",
                _("No company signs in by this address or short name. Ask your manager for the link."),
            )
    context = {"form": form, "found": found, "next": _safe(request, request.GET.get("next", ""))}
    return render(request, "web/sso_companies.html", context, status=422 if form.errors else 200)


@never_cache
def go(request: HttpRequest, company: str) -> HttpResponse:
    """Lead to the company's provider."""
    try:
        return flow.begin(request, company, then=_safe(request, request.GET.get("next", "")))
    except ForgelineError as error:
        return _broken(request, company, error)


@never_cache
def callback(request: HttpRequest, company: str) -> HttpResponse:
    """Take whoever comes back from the provider in, to this one company."""
    try:
        arrival, then = flow.finish(request, company)
    except ForgelineError as error:
        return _broken(request, company, error)
    enter(request, arrival.user, tenant_id=arrival.tenant_id, generation=arrival.generation)
    request.session[SESSION_TENANT] = arrival.tenant_id
    return redirect(_safe(request, then) or "web:overview")


def _safe(request: HttpRequest, address: str) -> str:
    is_ours = url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return address if is_ours else ""


def _broken(request: HttpRequest, company: str, error: ForgelineError) -> HttpResponse:
    context = {"text": str(error), "company": company if error.key != "sso.unknown_company" else ""}
    return render(request, "web/sso_broken.html", context, status=error.status)


@never_cache
@needs(services.LOOK)
def sso(request: HttpRequest) -> HttpResponse:
    """Show how people sign in with the company; an owner tests, saves, proves domains, takes it away."""
    actor = request.actor  # type: ignore[attr-defined]
    row = services.find_provider()
    # A test asks the provider alone: what else is filled in stays as it is, and is not judged.
    typed = (
        {name: request.POST.get(name, "") for name in ProviderForm.base_fields if name != "secret"}
        if "check" in request.POST
        else {}
    )
    form = ProviderForm(
        request.POST if "save" in request.POST else None, actor=actor, initial=_initial() | typed
    )
    findings: Findings | None = None
    if request.method == "POST":
        try:
            if "check" in request.POST:
                findings = services.check_provider(typed.get("discovery_url", ""), actor=actor)
            elif "save" in request.POST:
                if form.is_valid():
                    services.save_provider(**form.facts, actor=actor)
                    messages.success(request, _("Saved."))
                    return redirect("web:sso")
            else:
                _do(request, actor)
                return redirect("web:sso")
        except ForgelineError as error:
            if not form.is_bound:
                messages.error(request, str(error), extra_tags="bad")
                return redirect("web:sso")
            put_faults(form, error)
    slug = flow.slug_of(actor.tenant_id)
    context = {
        "row": row,
        "form": form,
        "findings": findings,
        "role": name_role(row.role) if row and row.role else "",
        "domains": (domains := services.list_domains()),
        "is_open": any(domain.proven_at for domain in domains),
        "identities": services.list_identities()[:200],
        "proof": services.PROOF,
        "may_change": actor.has_permission(OWN),
        "callback": request.build_absolute_uri(reverse(flow.CALLBACK, args=[slug])),
        "entrance": request.build_absolute_uri(reverse("web:sso_go", args=[slug])),
    }
    is_refused = "save" in request.POST and bool(form.errors)
    return render(request, "web/sso.html", context, status=422 if is_refused else 200)


def _initial() -> dict[str, Any]:
    row = services.find_provider()
    if row is None:
        return {}
    names = ("discovery_url", "client_id", "role", "trusts_email", "is_required")
    domains = "\n".join(domain.name for domain in services.list_domains())
    return {**{name: getattr(row, name) for name in names}, "domains": domains}


def _do(request: HttpRequest, actor: Actor) -> None:
    """Do what a button asks for, and say what came of it."""
    if "prove" in request.POST:
        if left := services.prove_domains(actor=actor):
            sentence = _("Still without a proof: %(names)s. A new record may take an hour to be seen.")
            names = ", ".join(row.name for row in left)
            messages.warning(request, sentence % {"names": names}, extra_tags="warn")
        else:
            messages.success(request, _("Every domain is proven."))
    elif "release" in request.POST:
        word = request.POST["release"]
        services.release_identity(int(word) if word.isdecimal() and len(word) < 19 else 0, actor=actor)
        messages.success(request, _("Saved."))
    else:
        services.remove_provider(actor=actor)
        messages.success(request, _("People sign in with their passwords again."))

"""What partners may do at the company; a partner's customers; going from one of one's companies to another."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.cache import never_cache

from forgeline.alarms.queries import count_open
from forgeline.base import clock
from forgeline.base.errors import ForgelineError
from forgeline.base.moments import check_moment
from forgeline.identity import belongings, partners as services, seats
from forgeline.identity.middleware import source_of
from forgeline.identity.models import PartnerGrant, Role
from forgeline.identity.own_roles import list_roles
from forgeline.identity.policy import Actor, actor_scope
from forgeline.identity.queries import MembershipRow, actor_of_member
from forgeline.identity.roles import CUSTOMERS, PEOPLE
from forgeline.telemetry.queries import find_newest
from forgeline.tenancy.models import Tenant
from forgeline.web.access import fault, needs, put_faults
from forgeline.web.grant_forms import GrantForm, branch_titles, name_branches
from forgeline.web.times import read_company_zone, say_end, say_moment

ROWS = 50
DAYS = 30
"""How long a grant serves where nobody chooses otherwise."""


class PartnerForm(GrantForm):
    """Whom to let in, as what, where, and until when."""

    partner = forms.SlugField(
        label=gettext_lazy("Partner's short name"), max_length=60,
        help_text=gettext_lazy("Your integrator or machine maker reads it on its page “Customers”."),
        error_messages={
            "invalid": gettext_lazy(
                "A short name has Latin letters, digits and hyphens only, such as acme-automation-k3x9; it is not the "
                "partner's name. Ask the partner for it."
            )
        },
    )  # fmt: skip
    until_on = forms.DateField(
        validators=[check_moment], label=gettext_lazy("Last day"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("At the end of that day, on the plant's clock, the access ends by itself."),
    )  # fmt: skip
    reason = forms.CharField(label=gettext_lazy("What for"), max_length=200, required=False)
    field_order = ("partner", "role", "branches", "until_on", "reason")
    first_role = Role.MAINTENANCE

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, actor=actor, **kwargs)
        role: Any = self.fields["role"]
        role.choices = [(each.key, each.title) for each in services.list_roles_for_partners(actor)]


@needs(PEOPLE)
def partners(request: HttpRequest) -> HttpResponse:
    """List what partners may do here; let one in, take it back."""
    actor = request.actor  # type: ignore[attr-defined]
    zone = read_company_zone()
    today = clock.now().astimezone(ZoneInfo(zone)).date()
    initial = {"until_on": today + timedelta(days=DAYS)}
    form = PartnerForm(request.POST if "grant" in request.POST else None, actor=actor, initial=initial)
    try:
        if request.method == "POST" and (word := request.POST.get("revoke", "")):
            row = services.revoke_grant(_number(word), actor=actor)
            messages.success(
                request, _("%(partner)s may not come in any more.") % {"partner": row.partner_name}
            )
            return redirect("web:partners")
        if request.method == "POST" and "adopt" in request.POST:
            belongings.adopt(request.POST["adopt"], actor=actor)
            messages.success(request, _("It is your company's own now."))
            return redirect("web:partners")
        if request.method == "POST" and form.is_valid():
            given = dict(form.cleaned_data)
            last = given.pop("until_on")
            ends_at = datetime.combine(last + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)
            row = services.grant_partner(**given, expires_at=ends_at, actor=actor)
            messages.success(request, _("%(partner)s may come in now.") % {"partner": row.partner_name})
            return redirect("web:partners")
    except ForgelineError as error:
        if not form.is_bound:
            messages.error(request, str(error), extra_tags="bad")
            return redirect("web:partners")
        _put(form, error)
    roles, titles = {role.key: role.title for role in list_roles()}, branch_titles()
    rows = [_row(grant, roles, titles, zone) for grant in services.list_grants()[:ROWS]]
    context = {
        "form": form,
        "live": [row for row in rows if row["is_live"]],
        "over": [row for row in rows if not row["is_live"]],
        "left": services.list_left(),
    }
    return render(request, "web/partners.html", context, status=422 if form.errors else 200)


def _put(form: forms.Form, error: ForgelineError) -> None:
    fields = error.data.get("fields", {})
    if "expires_at" in fields:
        form.add_error("until_on", fields["expires_at"][0])
    else:
        put_faults(form, error)


def _row(grant: PartnerGrant, roles: dict[str, str], titles: dict[str, str], zone: str) -> dict[str, Any]:
    return {
        "grant": grant,
        "role": roles.get(grant.role, grant.role),
        "branches": name_branches(grant.branches, titles),
        "is_live": services.is_live(grant),
        "until": say_end(grant.expires_at, zone),
        "ended": "" if grant.revoked_at is None else say_moment(grant.revoked_at, zone),
    }


@never_cache
@needs(CUSTOMERS)
def customers(request: HttpRequest) -> HttpResponse:
    """For a partner: who lets it in, until when, and what calls for somebody there."""
    seat = request.seat  # type: ignore[attr-defined]
    actor: Actor = request.actor  # type: ignore[attr-defined]
    doors = {row.tenant_id: row for row in seat.memberships if row.via_id == actor.tenant_id}
    builtin = {str(key): str(word) for key, word in Role.choices}
    now, zone, rows = clock.now(), read_company_zone(), []
    for customer in services.list_customers():
        door = doors.get(customer.tenant_id)
        rows.append(
            {
                "customer": customer,
                "role": customer.own_role or builtin.get(customer.role, customer.role),
                "has_expired": customer.expires_at <= now,
                "until": say_end(customer.expires_at, zone),
                "days": (customer.expires_at - now).days,
                "state": None if door is None else _look_in(request, door),
            }
        )
    context = {"rows": rows, "slug": Tenant.objects.get().slug}
    return render(request, "web/customers.html", context)


def _look_in(request: HttpRequest, door: MembershipRow) -> dict[str, Any]:
    """What calls for somebody at a customer, as far as the grant lets its people see; the customer's audit tells."""
    guest = actor_of_member(door, user_id=request.user.pk, label=str(request.user))  # type: ignore[arg-type]
    seats.note_visit(request.session, guest, source_of(request, guest))
    with actor_scope(guest):
        counts = count_open() if guest.has_permission("alarms.view") else None
        newest = find_newest() if guest.has_permission("assets.view") else None
    return {
        "open": None if counts is None else sum(n for key, n in counts.items() if key != "unacknowledged"),
        "urgent": None if counts is None else counts["critical"] + counts["high"],
        "newest": newest,
    }


@never_cache
def companies(request: HttpRequest) -> HttpResponse:
    """Go to another of one's companies, or to a customer of the partner one belongs to; end a visit."""
    seat = request.seat  # type: ignore[attr-defined]
    if not request.user.is_authenticated or seat.actor is None:
        return redirect("web:sign_in")
    if request.method == "POST":
        visited = seat.actor.tenant_id if seat.actor.visit == "operator" else None
        seats.end_impersonation(request.session, user_id=seat.actor.user_id)
        word = request.POST.get("company", "")
        if not word:
            seats.leave(request.session)
            return redirect("web:overview") if visited is None else redirect("web:operator_tenant", visited)
        if not any(row.tenant_id == _number(word) for row in seat.memberships):
            return fault(
                request,
                404,
                _("There is nothing here"),
                _("You may not come to this company, or not any more."),
            )
        request.session[seats.SESSION_TENANT] = _number(word)
        return redirect("web:overview")
    zone = read_company_zone()
    context = {
        "own": [row for row in seat.memberships if row.is_own],
        "customers": [
            {"door": row, "until": say_end(row.expires_at, zone)}
            for row in seat.memberships
            if not row.is_own
        ],
    }
    return render(request, "web/companies.html", context)


def _number(word: str) -> int:
    """The id that a button carries; 0, which nothing has, for anything else."""
    return int(word) if word.isdecimal() and len(word) < 19 else 0

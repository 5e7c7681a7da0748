"""What partners may do at the company; a partner's customers; going from one of one's companies to another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy, pgettext
from django.views.decorators.cache import never_cache

from forgeline.alarms.queries import count_open
from forgeline.base import clock
from forgeline.base.errors import ForgelineError
from forgeline.base.moments import check_moment
from forgeline.identity import belongings, partners as services, seats
from forgeline.identity.middleware import source_of
from forgeline.identity.models import Ending, PartnerGrant, Role
from forgeline.identity.own_roles import list_roles, name_role
from forgeline.identity.policy import Actor, actor_scope
from forgeline.identity.queries import MembershipRow, actor_of_member
from forgeline.identity.roles import CUSTOMERS, PEOPLE
from forgeline.telemetry.queries import find_newest
from forgeline.tenancy.models import Tenant
from forgeline.web.access import fault, needs, put_faults
from forgeline.web.grant_forms import GrantForm, branch_titles, say_part
from forgeline.web.times import read_company_zone, say_end, say_moment

ROWS = 50
DAYS = 30
"""How long a grant serves where nobody chooses otherwise."""
_SWITCHED_OFF = gettext_lazy(
    "The operator of the service has switched off for %(company)s that it lets partners in."
)


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

    def __init__(self, *args: Any, actor: Actor, today: date, **kwargs: Any) -> None:
        super().__init__(*args, actor=actor, **kwargs)
        self._today = today
        if "partner" in self.initial:
            self.fields["partner"].widget.attrs["readonly"] = True
        role: Any = self.fields["role"]
        role.choices = [(each.key, each.title) for each in services.list_roles_for_partners(actor)]
        if self.initial.get("role", self.first_role) not in dict(role.choices):
            # A role that is gone, or above the actor's: another is to be chosen, not taken because it is the first.
            role.choices = [("", "–"), *role.choices]

    def clean_until_on(self) -> date:
        day: date = self.cleaned_data["until_on"]
        if not timedelta() <= day - self._today < services.LONGEST:
            raise forms.ValidationError(_("Choose a day from today on, at most a year ahead."))
        return day


@needs(PEOPLE)
def partners(request: HttpRequest) -> HttpResponse:
    """List what partners may do here; let one in, change what it may, take it back."""
    actor = request.actor  # type: ignore[attr-defined]
    zone, slugs, is_open = read_company_zone(), services.list_slugs(), services.may_let_in()
    changed = services.find_live(slugs.get(_number(request.GET.get("change", "")), "")) if is_open else None
    form = PartnerForm(
        request.POST if "grant" in request.POST else None, actor=actor, initial=_begin(changed, slugs, zone),
        today=_today(zone),
    )  # fmt: skip
    asked = None
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
            ends_at = _end_of(given.pop("until_on"), zone)
            asked = _ask(request, form, ends_at, zone) if is_open else None
            if asked is None:
                former = services.find_live(given["partner"])
                row = services.grant_partner(**given, expires_at=ends_at, actor=actor)
                said = (
                    _("%(partner)s may come in now.")
                    if former is None
                    else _("What %(partner)s may is changed.")
                )
                messages.success(request, said % {"partner": row.partner_name})
                return redirect("web:partners")
    except ForgelineError as error:
        if not form.is_bound or not is_open:
            messages.error(request, str(error), extra_tags="bad")
            return redirect("web:partners")
        put_faults(form, error)
    context = {
        "form": form,
        "is_open": is_open,
        "changed": changed,
        "asked": asked,
        "live": _rows(services.list_live(), slugs, zone),
        "over": _rows(services.list_over()[:ROWS], slugs, zone),
        "left": services.list_left(),
    }
    return render(request, "web/partners.html", context, status=422 if form.errors or asked else 200)


def _today(zone: str) -> date:
    return clock.now().astimezone(ZoneInfo(zone)).date()


def _begin(changed: PartnerGrant | None, slugs: Mapping[int, str], zone: str) -> dict[str, Any]:
    """Return what the form begins with: all of the grant that is to be changed."""
    if changed is None:
        return {"until_on": _today(zone) + timedelta(days=DAYS)}
    last = (changed.expires_at - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).date()
    return {
        "partner": slugs[changed.partner_id], "role": changed.role, "branches": changed.branches, "until_on": last,
        "reason": changed.reason,
    }  # fmt: skip


def _end_of(last: date, zone: str) -> datetime:
    return datetime.combine(last + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)


def _ask(request: HttpRequest, form: forms.Form, ends_at: datetime, zone: str) -> dict[str, Any] | None:
    """Return what is to be confirmed: the partner may come in already, and would come in as something else or reach
    further. None where that is not so, or just this has been confirmed.
    """
    role, branches = form.cleaned_data["role"], form.cleaned_data["branches"]
    former = services.find_live(form.cleaned_data["partner"])
    if former is None or not services.is_wider(former, role=role, branches=branches):
        return None
    mark = " ".join([str(former.pk), role, *branches])
    if request.POST.get("confirmed") == mark:
        return None
    titles = branch_titles()
    return {
        "partner": former.partner_name,
        "pairs": [
            (_("Role"), name_role(former.role), name_role(role)),
            (_("Part of the plant"), say_part(former.branches, titles), say_part(branches, titles)),
            (pgettext("time", "Until"), say_end(former.expires_at, zone), say_end(ends_at, zone)),
        ],
        "given": [(name, each) for name in form.fields for each in request.POST.getlist(name)],
        "mark": mark,
    }


def _rows(grants: Iterable[PartnerGrant], slugs: Mapping[int, str], zone: str) -> list[dict[str, Any]]:
    roles, titles = {role.key: role.title for role in list_roles()}, branch_titles()
    return [
        {
            "grant": grant,
            "slug": slugs.get(grant.partner_id, ""),
            "role": roles.get(grant.role, grant.role),
            "part": say_part(grant.branches, titles),
            "until": say_end(grant.expires_at, zone),
            "ended": _say_ended(grant, zone),
        }
        for grant in grants
    ]


def _say_ended(grant: PartnerGrant, zone: str) -> str:
    """Return how and when a grant came to its end."""
    if grant.revoked_at is None or grant.expires_at <= grant.revoked_at:
        return _("ended %(when)s") % {"when": say_end(grant.expires_at, zone)}
    how = grant.get_ending_display() if grant.ending else Ending.TAKEN_BACK.label
    return f"{how} {say_moment(grant.revoked_at, zone)}"


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
                # Of a customer that may let nobody in nothing is read.
                "state": None if door is None or customer.is_switched_off else _look_in(request, door),
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
            if visited is not None:
                return redirect("web:operator_tenant", visited)
            seats.leave(request.session)
            return redirect("web:overview")
        row = next((each for each in seat.memberships if each.tenant_id == _number(word)), None)
        if row is None:
            return fault(
                request,
                404,
                _("There is nothing here"),
                _("You may not come to this company, or not any more."),
            )
        if seats.is_closed_to_partners(row):
            return fault(
                request,
                403,
                _("You may not come to this company now"),
                _SWITCHED_OFF % {"company": row.tenant_name},
            )
        seats.go(request.session, seat, row)
        return redirect("web:overview")
    zone = read_company_zone()
    context = {
        "own": [row for row in seat.memberships if row.is_own],
        "customers": [
            {
                "door": row,
                "until": say_end(row.expires_at, zone),
                "is_switched_off": seats.is_closed_to_partners(row),
            }
            for row in seat.memberships
            if not row.is_own
        ],
    }
    return render(request, "web/companies.html", context)


def _number(word: str) -> int:
    """The id that a button carries; 0, which nothing has, for anything else."""
    return int(word) if word.isdecimal() and len(word) < 19 else 0

"""Plan and invoices: what the company has, what it uses, what it can change to, and what is to be paid."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import date_format
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.cache import never_cache

from forgeline.assets.queries import list_devices, list_points, list_sites
from forgeline.base import clock
from forgeline.base.errors import ForgelineError
from forgeline.billing import invoicing, mailing, metering, quota, subscriptions
from forgeline.billing.api import PAY, pdf_answer
from forgeline.billing.gateways.catalogue import GATEWAYS
from forgeline.billing.models import Invoice, Kind, Period, State, Subscription
from forgeline.billing.money import percent, words
from forgeline.billing.paper import describe_line, name_days
from forgeline.billing.quoting import Quote
from forgeline.entitlements.rights import rights_of
from forgeline.identity.calls import read_bound
from forgeline.identity.people import list_members
from forgeline.identity.switches import list_modules
from forgeline.modules.registry import list_switchable
from forgeline.telemetry.retention import get_retention
from forgeline.web.access import needs

DAYS = 31
TONES = {
    State.TRIAL: "setup", State.ACTIVE: "running", State.PAST_DUE: "warn", State.GRACE: "warn",
    State.SUSPENDED: "down", State.CLOSED: "off",
}  # fmt: skip


# Words of their own: those of entitlements.KINDS follow a number, which Chinese joins to a measure word.
TITLES = {
    "devices": gettext_lazy("Devices"), "points": gettext_lazy("Points"), "users": gettext_lazy("People"),
    "samples_per_month": gettext_lazy("Samples a month"), "raw_days": gettext_lazy("Days of raw samples"),
    "audit_days": gettext_lazy("Days of the audit log"),
    "api_calls_per_minute": gettext_lazy("Most API calls a minute"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Gauge:
    """How much of a limit is used; ``limit`` None where there is none."""

    title: str
    used: int
    limit: int | None
    is_choice: bool = False
    """All of it may be used with no harm: nothing to warn of."""

    @property
    def percent(self) -> int:
        return 0 if not self.limit else min(100, 100 * self.used // self.limit)

    @property
    def tone(self) -> str:
        if self.is_choice:
            return ""
        return "bad" if self.percent >= 100 else "warn" if self.percent >= 80 else ""


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of a plot: its place and height out of 100."""

    day: date
    count: int
    x: float
    width: float
    height: float

    @property
    def top(self) -> float:
        return round(100 - self.height, 2)


class PartyForm(forms.ModelForm):
    class Meta:
        model = Subscription
        fields = ["title", "tax_number", "address", "bank", "email"]


@never_cache
@needs(PAY)
def plan(request: HttpRequest) -> HttpResponse:
    """Show the plan, what is used of it, the plans that there are, and the invoices; take the name for them."""
    actor = request.actor  # type: ignore[attr-defined]
    row = subscriptions.get_subscription()
    form = None if row is None else PartyForm(request.POST or None, instance=row)
    if request.method == "POST" and form is not None and form.is_valid():
        form.save()
        messages.success(request, _("Saved: it stands on invoices from now on."))
        return redirect("web:plan")
    offers = [] if row is None else _offers(row)
    context = {
        "row": row,
        "form": form,
        "balance": "" if row is None else words(row.balance, row.currency),
        "tone": "" if row is None else TONES[State(row.state)],
        "span": "" if row is None else name_days(row.from_on, row.to_on),
        "may_cancel": row is not None
        and row.state != State.TRIAL
        and subscriptions.FREE not in (row.plan_id, row.next_plan_id),
        "gauges": _gauges(row, actor.tenant_id),
        "modules": list_modules(actor.tenant_id),
        "bars": _bars("UTC" if row is None else row.zone),
        "plans": offers,
        "kinds": [
            {"title": title, "limits": [each["plan"].limits.get(kind) for each in offers]}
            for kind, title in TITLES.items()
        ],
        "invoices": [] if row is None else _ledger(row),
    }
    return render(
        request, "web/billing/plan.html", context, status=422 if form is not None and form.errors else 200
    )


@never_cache
@needs(PAY)
def change(request: HttpRequest) -> HttpResponse:
    """Show what a change of plan means, and make it."""
    facts = request.POST if request.method == "POST" else request.GET
    plan_key, period = facts.get("plan", ""), facts.get("period", "")
    try:
        if request.method == "POST":
            at_once = facts.get("when") == "now"
            if facts.get("when") == "cancel":
                row = subscriptions.cancel()
            else:
                row = subscriptions.change_plan(plan_key, period, at_once=at_once)
            messages.success(request, _say_changed(row, at_once=at_once))
            return redirect("web:plan")
        quotes = {
            when: subscriptions.quote(plan_key, period, at_once=when == "now") for when in ("now", "later")
        }
    except ForgelineError as error:
        # Where plans are chosen stands what there is to choose; also for who comes back after buying.
        messages.error(request, str(error), extra_tags="bad")
        return redirect("web:plan")
    row = subscriptions.get_subscription()
    assert row is not None
    context = {
        "row": row, "later": quotes["later"], "period": Period(period).label, "losses": _losses(quotes["later"]),
        "choices": [_choice(when, quote, row.currency) for when, quote in quotes.items()],
    }  # fmt: skip
    return render(request, "web/billing/change.html", context)


def _say_changed(row: Subscription, *, at_once: bool) -> str:
    if at_once:
        return _("Your plan is now %(plan)s.") % {"plan": row.plan.title}
    if row.next_plan is None:
        return _("Called back: your plan stays %(plan)s.") % {"plan": row.plan.title}
    told = {"plan": row.next_plan.title, "day": date_format(row.to_on)}
    return _("Your plan changes to %(plan)s on %(day)s.") % told


def _choice(when: str, quote: Quote, currency: str) -> dict[str, Any]:
    """What a quote says, as words."""
    titles = {each.key: each.title for each in subscriptions.list_plans()}
    gives_back = quote.totals.total < 0
    return {
        "when": when,
        "quote": quote,
        "lines": [
            (describe_line(item, titles), item.days, item.of_days, words(item.net, currency))
            for item in quote.items
        ],
        "tax": words(quote.totals.tax, currency),
        "total": words(quote.totals.total, currency),
        "drawn": words(-quote.drawn, currency) if quote.drawn else "",
        "to_pay": words(-quote.totals.total if gives_back else quote.to_pay, currency),
        "gives_back": gives_back,
    }


def _losses(quote: Quote) -> list[str]:
    """Return a sentence for each thing that a company has and would lose; both days of a change lose the same."""
    titles = {each.key: str(each.title) for each in list_switchable()}
    found = [
        _("The module %(module)s is hidden; what it has kept stays.") % {"module": titles[key]}
        for key in quote.lost_modules
    ]
    if quote.raw_days_then < quote.raw_days_now:
        found.append(
            _(
                "Raw samples are kept for %(then)s days instead of %(now)s; their minutes, hours and days stay."
            )
            % {"then": quote.raw_days_then, "now": quote.raw_days_now}
        )
    return found


@never_cache
@needs(PAY)
def invoice(request: HttpRequest, invoice_id: int) -> HttpResponse:
    """Return an invoice as PDF."""
    return pdf_answer(invoicing.get_invoice(invoice_id))


def _gauges(row: Subscription | None, tenant_id: int) -> list[Gauge]:
    limits: dict[str, Any] = {} if row is None else row.plan.limits
    used = {
        "devices": list_devices().count(),
        "points": list_points().count(),
        "users": list_members().filter(deactivated_at=None).count(),
    }
    gauges = [Gauge(str(TITLES[kind]), count, limits.get(kind)) for kind, count in used.items()]
    if row is not None:
        month = quota.read_month(row)
        gauges.append(Gauge(_("Samples this month"), month.used, month.limit))
    kept = int(get_retention().raw_days)
    gauges.append(Gauge(str(TITLES["raw_days"]), kept, limits.get("raw_days"), is_choice=True))
    calls = read_bound(tenant_id, rights_of(tenant_id))
    if calls is not None:
        gauges.append(Gauge(_("API calls in the last minute"), calls.most - calls.left, calls.most))
    return gauges


def _bars(zone: str) -> list[Bar]:
    """The samples of each of the last days, in the company's days."""
    site = list_sites().first()
    here = ZoneInfo(zone if zone != "UTC" or site is None else site.zone)
    now = clock.now()
    today = now.astimezone(here).date()
    counts: dict[date, int] = defaultdict(int)
    for row in metering.read_usage(now - timedelta(days=DAYS), now):
        counts[row.hour.astimezone(here).date()] += row.samples_stored
    most = max(counts.values(), default=0)
    if not most:
        return []
    days = [today - timedelta(days=ago) for ago in range(DAYS - 1, -1, -1)]
    width = 100 / DAYS
    return [
        Bar(
            day,
            counts[day],
            round(number * width, 3),
            round(width * 0.8, 3),
            round(100 * counts[day] / most, 2),
        )
        for number, day in enumerate(days)
    ]


def _offers(row: Subscription) -> list[dict[str, Any]]:
    offers = []
    for each in subscriptions.list_plans():
        price = next((price for price in each.prices.all() if price.currency == row.currency), None)
        if price is None:
            continue
        offers.append(
            {
                "plan": each,
                "monthly": words(price.monthly, price.currency),
                "yearly": words(price.yearly, price.currency),
                "tax": percent(price.tax_bp) if price.monthly else "",
                "is_mine": each.pk == row.plan_id and row.state != State.TRIAL,
                "is_free": not price.monthly,
            }
        )
    return offers


def _ledger(row: Subscription) -> list[dict[str, Any]]:
    entries = []
    today = clock.now().astimezone(ZoneInfo(row.zone)).date()
    for each in invoicing.list_invoices():
        open_ = invoicing.open_amount(each)
        letter = getattr(each, "letter", None)
        entries.append(
            {
                "invoice": each,
                "total": words(each.total, each.currency),
                "open": words(open_, each.currency) if open_ else "",
                "state": _state_of(each, open_, today),
                "mail": ""
                if letter is None
                else mailing.say(
                    letter.address, sent_at=letter.sent_at, due_at=letter.due_at, fault=letter.fault
                ),
                "is_unmailed": letter is not None and letter.fault,
                "ways": [way.explain(each, open_) for way in GATEWAYS if open_ and way.is_offered(each)],
            }
        )
    return entries


def _state_of(row: Invoice, open_: int, today: date) -> tuple[str, str]:
    """The tone and the word of an invoice."""
    if row.kind == Kind.CREDIT:
        return "idle", _("credit note")
    if invoicing.is_corrected(row):
        return "idle", _("taken back")
    if not open_:
        return "running", _("paid")
    if row.due_on < today:
        return "down", _("overdue")
    return "setup", _("open")

"""An invoice as PDF, set by typst with its own fonts: Chinese and Latin look the same on every screen and printer."""

from __future__ import annotations

import json
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _, pgettext

from forgeline.base.typesetting import set_paper
from forgeline.billing.gateways.catalogue import GATEWAYS
from forgeline.billing.invoicing import BALANCE, Item, find_corrections, open_amount
from forgeline.billing.models import Invoice, InvoiceLine, Kind, Payment, Plan
from forgeline.billing.money import percent, words

TEMPLATE = Path(__file__).with_name("invoice.typ")


def print_invoice(invoice: Invoice) -> bytes:
    """Return the PDF of an invoice in the language in which it was issued. **Raises** UnavailableError where the
    fonts are not there.
    """
    with translation.override(invoice.language):
        return _set(json.dumps(describe(invoice), ensure_ascii=False))


@lru_cache(maxsize=32)
def _set(told: str) -> bytes:
    return set_paper(TEMPLATE, json.loads(told), no_fonts="billing.no_fonts")


def describe(invoice: Invoice) -> dict[str, Any]:
    """Return everything that stands on an invoice, as words in the language in force."""
    titles = {plan.key: plan.title for plan in Plan.objects.all()}
    lines = list(invoice.lines.all())
    rates = sorted({line.tax_bp for line in lines})
    rate = " / ".join(percent(each) for each in rates)
    open_ = open_amount(invoice)
    ways = [gateway.explain(invoice, open_) for gateway in GATEWAYS if open_ and gateway.is_offered(invoice)]
    return {
        "title": _("Credit note") if invoice.kind == Kind.CREDIT else _("Invoice"),
        "number": invoice.number,
        "language": "zh" if invoice.language.startswith("zh") else "en",
        "facts": [
            [pgettext("invoice", "Number"), invoice.number],
            [pgettext("invoice", "Date"), date_format(invoice.issued_on)],
            _fact_of_kind(invoice),
            *[[_("Taken back by"), note.number] for note in find_corrections(invoice)],
            *([[pgettext("invoice", "Reason"), invoice.reason]] if invoice.reason else []),
        ],
        "seller": _party(invoice.seller),
        "buyer": _party(invoice.buyer),
        "seller_word": pgettext("invoice", "From"),
        "buyer_word": pgettext("invoice", "To"),
        "heads": [
            pgettext("invoice", "What"),
            pgettext("invoice", "Days"),
            _("Price of the period"),
            pgettext("invoice", "Amount"),
        ],
        "lines": [_row(line, titles, invoice.currency) for line in lines],
        "sums": [
            [_("Sum before tax"), words(invoice.net, invoice.currency)],
            [_("Tax (%(rate)s)") % {"rate": rate}, words(invoice.tax, invoice.currency)],
        ],
        "total": [pgettext("invoice", "Total"), words(invoice.total, invoice.currency)],
        "paid": [
            [_paid_word(each) % {"day": date_format(each.paid_on)}, words(-each.amount, invoice.currency)]
            for each in invoice.payments.all()
        ],
        "open": [pgettext("invoice", "Open"), words(open_, invoice.currency)],
        "ways": [{"title": way.title, "facts": [list(fact) for fact in way.facts]} for way in ways],
        "used_title": _used_title(invoice),
        "used": describe_usage(invoice.used),
        "page": pgettext("invoice", "Page"),
    }  # fmt: skip


def _paid_word(payment: Payment) -> str:
    # What a credit note or an earlier payment left over is no money that came in on that day.
    return _("From the credit balance, %(day)s") if payment.gateway == BALANCE else _("Paid on %(day)s")


def _used_title(invoice: Invoice) -> str:
    zone = ZoneInfo(str(invoice.buyer.get("zone", "UTC")))
    first, after = (at.astimezone(zone).date() for at in (invoice.used_from, invoice.used_to))
    return _("Used from %(first)s to %(last)s") % _ends(first, after)


def name_days(first: date, after: date) -> str:
    """Return the days [first, after) as people name them, by the first and the last, in the language in force."""
    return _("%(first)s to %(last)s") % _ends(first, after)


def _ends(first: date, after: date) -> dict[str, str]:
    return {"first": date_format(first), "last": date_format(max(first, after - timedelta(days=1)))}


def _fact_of_kind(invoice: Invoice) -> list[str]:
    if invoice.corrects is None:
        return [_("To be paid by"), date_format(invoice.due_on)]
    return [pgettext("invoice", "Corrects"), invoice.corrects.number]


def describe_usage(used: dict[str, Any]) -> list[list[str]]:
    """Return (what, how much) of sums of usage, in the language in force."""
    return [
        [_("samples stored"), f"{used['samples_stored']:,}"],
        [_("GB-days of storage"), f"{used['gb_days']:,.3f}"],
        [_("active devices at most"), f"{used['active_devices']:,}"],
        [_("seconds of model jobs"), f"{used['cpu_s']:,.1f}"],
        [_("messages sent"), f"{used['notifications']:,}"],
        [_("API calls"), f"{used['api_calls']:,}"],
    ]


def describe_line(line: InvoiceLine | Item, titles: dict[str, str]) -> str:
    """Return what a line is for, in the language in force."""
    plan = titles.get(line.plan, line.plan)
    period = _("yearly") if line.period == "year" else _("monthly")
    told = {
        "subscription": _("%(plan)s, %(period)s"),
        "unused": _("Unused part of %(plan)s, %(period)s"),
        "correction": _("Correction of %(plan)s, %(period)s"),
    }[line.what]
    return told % {"plan": plan, "period": period}


def _row(line: InvoiceLine, titles: dict[str, str], currency: str) -> list[str]:
    days = _("%(days)s of %(of)s") % {"days": line.days, "of": line.of_days}
    return [
        describe_line(line, titles),
        name_days(line.from_on, line.to_on),
        days,
        words(line.price, currency),
        words(line.net, currency),
    ]


def _party(facts: dict[str, Any]) -> list[str]:
    tax_number = str(facts.get("tax_number") or "")
    return [
        str(word)
        for word in (
            facts.get("title"),
            facts.get("address"),
            tax_number and _("Tax number: %(number)s") % {"number": tax_number},
            facts.get("bank") if isinstance(facts.get("bank"), str) else "",
        )
        if word
    ]

"""States, steps and priorities as words and shapes; money."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.translation import gettext as _, pgettext

from apps.health.models.orders import State
from apps.health.rules import OPEN

register = template.Library()

_TONES = {
    "requested": "idle", "approved": "setup", "planned": "setup", "in_progress": "maintenance", "done": "running",
    "verified": "running", "rejected": "off", "cancelled": "off",
}  # fmt: skip


@register.filter
def tone(state: str) -> str:
    """Return the shape and colour of a state."""
    return _TONES.get(state, "idle")


@register.filter
def order_state(state: str) -> str:
    """Return the word of a state."""
    return str(State(state).label) if state in State.values else state


@register.filter
def step_word(to: str) -> str:
    """Return what a button does that takes an order to a state."""
    return {
        "approved": pgettext("work order", "Approve"),
        "planned": pgettext("work order", "Plan"),
        "in_progress": pgettext("work order", "Start"),
        "done": pgettext("work order", "Done"),
        "verified": pgettext("work order", "Verify"),
        "rejected": pgettext("work order", "Reject"),
        "cancelled": pgettext("work order", "Cancel"),
    }.get(to, to)


@register.filter
def is_overdue(order: Any, now: Any) -> bool:
    """Say whether an open order should be done by now."""
    return order.state in OPEN and order.due_at is not None and order.due_at < now


@register.filter
def percent(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.1f} %"


@register.filter
def hours(value: float | None) -> str:
    return "–" if value is None else _("%(n)s h") % {"n": f"{value:,.1f}"}


@register.filter
def money(value: Any, currency: str = "") -> str:
    return f"{float(value or 0):,.0f} {currency_word(currency)}".strip()


@register.filter
def currency_word(currency: str) -> str:
    """How the reader's language writes a currency behind an amount."""
    return pgettext("currency", "CNY") if currency == "CNY" else currency


@register.filter
def plain(value: Any) -> str:
    """A decimal without the zeros behind it."""
    return "" if value is None else f"{float(value):,.10g}"


@register.filter
def days(seconds: float) -> str:
    """A time of days, or of hours below two days."""
    if seconds < 2 * 86_400:
        return _("%(n)s h") % {"n": f"{seconds / 3600:,.1f}"}
    return _("%(n)s days") % {"n": f"{seconds / 86_400:,.0f}"}

"""Tell a company's owners what the operator did to its plan. Not here: overdue invoices (overdue), how it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from forgeline.base import clock
from forgeline.billing import subscriptions
from forgeline.billing.models import Subscription
from forgeline.notifications.owners import tell_owners


def told(change: Callable[[], Subscription]) -> Subscription:
    """Make a change to the plan of the company in force, and tell its owners where it changed anything."""
    before = _held(subscriptions.get_subscription())
    row = change()
    if _held(row) != before:
        now = clock.now()
        tell_owners(
            lambda: _words(row), subject=f"plan:{now.isoformat()}", kind="billing.plan", priority="medium",
            path="/company/plan/", happened_at=now,
        )  # fmt: skip
    return row


def _held(row: Subscription | None) -> tuple[Any, ...]:
    return () if row is None else (row.plan_id, row.period, row.next_plan_id, row.next_period, row.from_on)


def _words(row: Subscription) -> tuple[str, str]:
    facts = {"plan": row.plan.title, "period": row.get_period_display()}
    body = _("You have %(plan)s, %(period)s.") % facts
    if row.next_plan:
        later = {
            "day": date_format(row.to_on, "Y-m-d"), "next": row.next_plan.title,
            "period": row.get_next_period_display(),
        }  # fmt: skip
        body += (
            " "
            + _(
                "From %(day)s on: %(next)s, %(period)s; until then it can be called back under Plan and invoices."
            )
            % later
        )
    return _("The operator of the service has changed your plan"), body

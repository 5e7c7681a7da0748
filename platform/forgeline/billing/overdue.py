"""Tell a company that an invoice is overdue: a message at each step on the way to shut pages, a notice on every page.

Not here: when (subscriptions).
"""

from __future__ import annotations

from datetime import date, timedelta

from django.conf import settings
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from forgeline.base import clock
from forgeline.billing import invoicing
from forgeline.billing.models import Invoice, State
from forgeline.billing.money import words
from forgeline.entitlements.rights import rights_of
from forgeline.identity.policy import Actor
from forgeline.notifications import services as notifications
from forgeline.notifications.message import Message
from forgeline.pages.notices import PageNotice

KIND = "billing.overdue"


def find_notice(actor: Actor) -> PageNotice | None:
    """Return what stands on the pages of an actor while an invoice of the company is overdue."""
    if not rights_of(actor.tenant_id).is_overdue:
        return None
    text = _(
        "An invoice of your company is overdue. Without a payment these pages are shut; machines go on being recorded."
    )
    if not actor.has_permission("billing.pay"):
        return PageNotice(text)
    return PageNotice(text, path="/company/plan/", button=_("See how to pay"))


def tell(invoice: Invoice, state: str, shut_on: date) -> None:
    """Announce to the company in force that an invoice is late, when its pages are shut, and that they are.

    ``shut_on`` is the first day without pages. Says nothing in states in which there is nothing to do.
    """
    if state not in (State.PAST_DUE, State.GRACE, State.SUSPENDED):
        return
    title, body = {}, {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            facts = {
                "number": invoice.number,
                "open": words(invoicing.open_amount(invoice), invoice.currency),
                "due": date_format(invoice.due_on, "Y-m-d"),
                "last": date_format(shut_on - timedelta(days=1), "Y-m-d"),
            }
            if state == State.SUSPENDED:
                title[language] = _("Invoice %(number)s is not paid: the pages are shut") % facts
                body[language] = _(
                    "%(open)s have been open since %(due)s. Machines are recorded meanwhile and their alarms are told. "
                    "Pay, and everything opens at once."
                )
            else:
                title[language] = _("Invoice %(number)s is overdue") % facts
                body[language] = _(
                    "%(open)s were to be paid by %(due)s. Without a payment the pages are shut after %(last)s; "
                    "machines go on being recorded."
                )
            body[language] %= facts
    notifications.announce(
        Message(
            subject=f"invoice:{invoice.pk}-{state}", kind=KIND, priority="high", site_id=None, title=title, body=body,
            path="/company/plan/", happened_at=clock.now(), needs_answer=False,
        )
    )  # fmt: skip

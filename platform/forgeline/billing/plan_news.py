"""Tell a company's owners what the operator did to its plan. Not here: overdue invoices (overdue), how it is done."""

from __future__ import annotations

from django.conf import settings
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from forgeline.base import clock
from forgeline.billing.models import Subscription
from forgeline.identity.models import Membership, Role
from forgeline.notifications import services as notifications
from forgeline.notifications.message import Message


def tell_owners(row: Subscription) -> None:
    """Send every owner of the company in force what it has and what comes after, by bell and e-mail."""
    title, body = {}, {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            facts = {
                "plan": row.plan.title, "period": row.get_period_display(),
                "day": date_format(row.to_on, "Y-m-d"),
                "next": (row.next_plan or row.plan).title,
                "next_period": row.get_next_period_display() or row.get_period_display(),
            }  # fmt: skip
            title[language] = _("The operator of the service has changed your plan")
            body[language] = (
                _(
                    "You have %(plan)s, %(period)s. From %(day)s on: %(next)s, %(next_period)s. What was chosen for "
                    "later can be called back under Plan and invoices."
                )
                % facts
            )
    now = clock.now()
    owners = Membership.objects.filter(role=Role.OWNER, deactivated_at=None)
    notifications.announce(
        Message(
            subject=f"plan:{now.isoformat()}", kind="billing.plan", priority="medium", site_id=None, title=title,
            body=body, path="/company/plan/", happened_at=now, needs_answer=False,
        ),
        user_ids=list(owners.values_list("user_id", flat=True)),
    )  # fmt: skip

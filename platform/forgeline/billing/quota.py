"""Samples of a month against the plan: warnings on the way, and what happens beyond (decision 0010).

Nothing is refused: what is beyond the plan is stored, judged and shown, and as raw samples kept for a week.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from forgeline.base import clock
from forgeline.billing.metering import sum_usage
from forgeline.billing.models import Subscription
from forgeline.entitlements import rights
from forgeline.notifications import services as notifications
from forgeline.notifications.message import Message
from forgeline.telemetry import retention
from forgeline.tenancy.context import require_tenant_id
from forgeline.tenancy.scoping import list_tenant_ids, tenant_scope

TOLD_AT = (50, 80, 90, 100)
"""Per cent of the month's samples."""


@dataclass(frozen=True, slots=True)
class Month:
    """The samples of the month that runs; ``limit`` None where the plan has no bound."""

    began_at: datetime
    used: int
    limit: int | None

    @property
    def percent(self) -> int:
        return 0 if not self.limit else 100 * self.used // self.limit


def read_month(row: Subscription, *, now: datetime | None = None) -> Month:
    """Return what the company in force has stored since its month began."""
    at = clock.now() if now is None else now
    first = at.astimezone(ZoneInfo(row.zone)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Month(first, sum_usage(first, at).samples_stored, row.plan.limits.get("samples_per_month"))


def review_all(*, now: datetime | None = None) -> None:
    """Warn, and mark what is beyond, for every company."""
    for tenant_id in list_tenant_ids():
        with tenant_scope(tenant_id, branches=()):
            review(now=now)


def review(*, now: datetime | None = None) -> Month | None:
    """Warn the company in force once at each step, and say from when on its raw samples are beyond its plan."""
    at = clock.now() if now is None else now
    row = Subscription.objects.select_for_update(of=("self",)).select_related("plan").first()
    if row is None:
        return None
    month = read_month(row, now=at)
    key = f"{month.began_at:%Y-%m}"
    reached = max((step for step in TOLD_AT if month.percent >= step), default=0)
    if reached > row.warned_at.get(key, 0):
        _tell(month, reached, at)
        row.warned_at = {key: reached}
        row.save(update_fields=["warned_at"])
    is_beyond = reached == 100
    before = rights.rights_of(require_tenant_id()).excess_since
    if is_beyond and (before is None or before < month.began_at):
        rights.set_excess(at)
        retention.begin_excess(at)
    elif not is_beyond and before is not None:
        rights.set_excess(None)
        retention.end_excess(at)
    return month


def _tell(month: Month, step: int, at: datetime) -> None:
    title, body = {}, {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            title[language] = _("%(step)s %% of this month's samples are used") % {"step": step}
            body[language] = _("%(used)s of %(limit)s samples of your plan are stored.") % {
                "used": f"{month.used:,}",
                "limit": f"{month.limit:,}",
            }
            if step == 100:
                body[language] += " " + _(
                    "Everything is still stored and judged; raw samples beyond the plan are kept for 7 days, then "
                    "only their minutes, hours and days. A larger plan keeps them."
                )
    priority = "medium" if step < 100 else "high"
    notifications.announce(
        Message(
            subject=f"quota:{month.began_at:%Y-%m}-{step}", kind="billing.quota", priority=priority, site_id=None,
            title=title, body=body, path="/company/plan/", happened_at=at, needs_answer=False,
        )
    )  # fmt: skip

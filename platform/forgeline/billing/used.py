"""What an invoice tells of the use: from when, and the sums of it. Not here: how use is counted (metering)."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from forgeline.billing.metering import sum_usage
from forgeline.billing.models import Invoice, Subscription
from forgeline.tenancy.models import Tenant


def find_span(row: Subscription, tenant: Tenant, used_to: datetime) -> datetime:
    """Return from when the next invoice tells the use: where the last one ended; for the first a month before it,
    not before the subscription began.
    """
    last = Invoice.objects.order_by("-used_to").values_list("used_to", flat=True).first()
    if last is not None:
        return last
    zone = ZoneInfo(row.zone)
    began_on = row.began_on or tenant.created_at.astimezone(zone).date()
    return min(used_to, max(used_to - timedelta(days=31), datetime.combine(began_on, time(), zone)))


def sum_used(since: datetime, until: datetime) -> dict[str, Any]:
    """Return the sums of ``[since, until)`` as an invoice keeps them."""
    sums = sum_usage(since, until)
    return {
        "samples_stored": sums.samples_stored,
        "gb_days": round(sums.gb_days, 6),
        "active_devices": sums.active_devices,
        "cpu_s": round(sums.cpu_s, 3),
        "notifications": sums.notifications,
        "api_calls": sums.api_calls,
    }

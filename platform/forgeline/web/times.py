"""Moments that belong to no plant, on the clock of the reader's company. Not here: a plant's own times (its zone)."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from forgeline.assets.queries import list_sites
from forgeline.billing.models import Subscription

SHAPE = "%Y-%m-%d %H:%M"


def read_company_zone() -> str:
    """Return the zone of the company's first plant, else the one that it signed up with; UTC where there is neither."""
    zone = list_sites().values_list("zone", flat=True).first()
    return zone or Subscription.objects.values_list("zone", flat=True).first() or "UTC"


def say_moment(at: datetime, zone: str, shape: str = SHAPE) -> str:
    """Return a moment on a clock; the clock is named where it is nobody's own."""
    told = at.astimezone(ZoneInfo(zone)).strftime(shape)
    return f"{told} UTC" if zone == "UTC" else told


def say_end(at: datetime, zone: str) -> str:
    """Return when something ends: the midnight that ends a day is told as that day."""
    here = at.astimezone(ZoneInfo(zone))
    return say_moment(here - timedelta(seconds=1) if f"{here:%H%M%S}" == "000000" else here, zone)

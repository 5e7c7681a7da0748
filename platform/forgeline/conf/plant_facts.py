"""What notifications must know of plants, which lie above them: handed down here. Not here: what they do with it."""

from __future__ import annotations

from datetime import datetime

from forgeline.assets import queries
from forgeline.assets.models import Site
from forgeline.base import clock
from forgeline.notifications.providers import Place


def read_calendar(site_id: int, at: datetime) -> tuple[str | None, bool]:
    """Return the shift that runs at a plant, or None, and whether its calendar calls the day a day off."""
    site = Site.objects.filter(pk=site_id).first()
    if site is None:
        return None, False
    plan = queries.read_calendar(site)
    at_us = clock.to_us(at)
    span = plan.find_shift(at_us)
    special = plan.days.get(clock.in_zone(at_us, plan.zone).date())
    return (span.name if span else None), special is not None and not special.is_working


def list_places() -> dict[int, Place]:
    """Return the plants in use of the tenant in scope, by id."""
    return {site.pk: Place(site.name, site.zone, site.names) for site in queries.list_sites().order_by("pk")}

"""What notifications must know of plants, which lie above them: handed down here. Not here: what they do with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from forgeline.assets import queries
from forgeline.assets.models import Site
from forgeline.base import clock
from forgeline.notifications.providers import Place


def read_calendar(site_id: int, at: datetime) -> tuple[str | None, bool]:
    """Return the shift that runs at a plant, or None, and whether its calendar calls the day a day off.

    The shift goes by its own name, not by what a reader's language calls it: nobody reads here.
    """
    site = Site.objects.filter(pk=site_id).first()
    if site is None:
        return None, False
    plan = queries.read_calendar(site)
    plan = replace(plan, shifts=[replace(row.rule, name=row.name) for row in queries.list_shifts(site)])
    at_us = clock.to_us(at)
    span = plan.find_shift(at_us)
    special = plan.days.get(clock.in_zone(at_us, plan.zone).date())
    return (span.name if span else None), special is not None and not special.is_working


def list_shift_names(site_id: int) -> dict[str, str]:
    """Return the shifts that a plant works or will work: name → what the reader's language calls it."""
    site = Site.objects.filter(pk=site_id).first()
    if site is None:
        return {}
    today = queries.read_calendar(site).production_day_of(clock.now_us())
    rows = queries.list_shifts(site)
    return {row.name: row.title for row in rows if row.valid_until is None or row.valid_until >= today}


def list_places() -> dict[int, Place]:
    """Return the plants in use of the tenant in scope, by id."""
    return {site.pk: Place(site.name, site.zone, site.names) for site in queries.list_sites().order_by("pk")}

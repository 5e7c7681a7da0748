"""Weekly reports: each plant's week once, made within the hours after its end and kept; and reading them.

A week is one transaction, so that a worker that dies leaves nothing half; the next one begins it anew.
Not here: what is computed (queries, worst), who calls the worker (tasks).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from django.db import OperationalError
from django.db.models import Max, Min, QuerySet
from django.utils.translation import gettext as _

from forgeline.alarms import metrics
from forgeline.alarms.analysis import wording
from forgeline.alarms.analysis.calls import within
from forgeline.alarms.analysis.models import AlarmReport
from forgeline.alarms.analysis.queries import calendar_of, describe, find_sites, iso, read_positions
from forgeline.alarms.analysis.weeks import Week, week_before, week_from, week_of, word_of
from forgeline.alarms.analysis.worst import (
    Budget,
    choose_week,
    compute_bad_actors,
    describe_actors,
    read_week,
)
from forgeline.alarms.models import EntryKind, JournalEntry
from forgeline.assets.models import Site
from forgeline.assets.queries import list_sites
from forgeline.base import clock
from forgeline.base.clock import from_us, to_us
from forgeline.base.errors import NotFoundError
from forgeline.tenancy.scoping import list_tenant_ids, tenant_scope

SETTLES_US = 3_600_000_000
"""So long after its end a week is looked at: the judge, and what was spooled, have caught up by then."""
MOST_BACK = timedelta(weeks=8)
"""Weeks that were missed are made up for as far back as this."""
WORK_FOR_S = 300.0
"""Well below the time that a task may take; the next tick goes on."""
SAMPLES_OF_A_REPORT = 20_000_000
"""About what is judged in two minutes."""

_log = logging.getLogger(__name__)


def work(*, now: Callable[[], datetime] = clock.now) -> int:
    """Make the reports that are due, of every company, until there is none or the time is up; return how many."""
    until, made = time.monotonic() + WORK_FOR_S, 0
    for tenant_id in list_tenant_ids():
        with tenant_scope(tenant_id):
            due = [(site.pk, week) for site in list_sites() for week in _list_due(site, to_us(now()))]
        for site_id, week in due:
            if time.monotonic() >= until:
                return made
            made += _try(tenant_id, site_id, week)
    return made


def make_report(site: Site, week: Week) -> bool:
    """Make the report of a week that is over; False where it is there already. In the tenant's scope."""
    if AlarmReport.objects.filter(site=site, on=week.on).exists():
        return False
    spans = {site.pk: (week.from_us, week.to_us)}
    positions, alarms, journal = read_positions([site], spans)
    to_us_ = max(journal.until_us, week.from_us + 1)
    spans = {site.pk: (week.from_us, to_us_)}
    found = {**describe(positions[site.pk], alarms, *spans[site.pk]), "is_cut": journal.is_cut}
    actors = describe_actors(positions, alarms, spans, Budget(SAMPLES_OF_A_REPORT))
    _report, is_new = AlarmReport.objects.get_or_create(
        site=site,
        on=week.on,
        defaults={
            "from_at": from_us(week.from_us),
            "to_at": from_us(to_us_),
            "alarms": len(within(positions[site.pk].calls, *spans[site.pk])),
            "kpis": found.pop("kpis"),
            "details": found,
            "bad_actors": actors[site.pk],
        },
    )
    return is_new


def list_reports() -> QuerySet[AlarmReport]:
    """Return the weeks that are kept, the newest first."""
    return AlarmReport.objects.select_related("site").order_by("-from_at", "-pk")


def get_report(report_id: int) -> AlarmReport:
    """Return a week with its bad actors told in sentences. **Raises** NotFoundError."""
    report: AlarmReport | None = list_reports().filter(pk=report_id).first()
    if report is None:
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": report_id})
    report.bad_actors = wording.with_sentences(report.bad_actors)
    return report


def list_bad_actors(
    *, site_id: int | None = None, week: str | None = None, now_us: int | None = None
) -> list[dict[str, Any]]:
    """Return the bad actors of a week, of one plant or of all: as they are kept, or as the journal tells them now.

    ``week`` is an ISO week; without one it is the week that runs. **Shape** rows as worst.compute_bad_actors, with
    ``report`` (the id of the report, null where there is none) and a ``sentence`` for each actor.
    **Raises** NotFoundError for a plant that is not there, InvalidInputError for what is no week.
    """
    now_us = clock.now_us() if now_us is None else now_us
    sites = find_sites(site_id)
    kept = _read_kept(sites, week, now_us)
    missing = [site.pk for site in sites if site.pk not in kept]
    rows = {**kept}
    if missing:
        chosen = missing[0] if len(missing) == 1 else None
        for row in compute_bad_actors(site_id=chosen, week=week, now_us=now_us):
            rows.setdefault(row["plant"], {**row, "report": None})
    return [
        {**rows[site.pk], "bad_actors": wording.with_sentences(rows[site.pk]["bad_actors"])} for site in sites
    ]


def _read_kept(sites: list[Site], week: str | None, now_us: int) -> dict[int, dict[str, Any]]:
    if not week:
        return {}
    monday = read_week(week)
    for site in sites:
        choose_week(site, week, now_us)
    reports = AlarmReport.objects.filter(site__in=sites, on=monday).select_related("site")
    return {
        report.site_id: {
            "plant": report.site_id, "plant_name": report.site.title, "week": word_of(report.on),
            "from": iso(to_us(report.from_at)), "to": iso(to_us(report.to_at)), "is_final": True,
            "is_cut": report.details["is_cut"],
            "alarms": report.alarms, "bad_actors": report.bad_actors, "report": report.pk,
        }
        for report in reports
    }  # fmt: skip


def _list_due(site: Site, now_us: int) -> list[Week]:
    """Return the weeks of a plant that are over and have no report yet, the oldest first."""
    calendar = calendar_of(site)
    first = _find_first(site)
    if first is None:
        return []
    week = week_before(calendar, week_of(calendar, now_us - SETTLES_US))
    due = []
    while week.on >= first and from_us(now_us) - from_us(week.from_us) <= MOST_BACK:
        due.append(week)
        week = week_before(calendar, week)
    return due[::-1]


def _find_first(site: Site) -> date | None:
    """Return the Monday after the last report, or of the week in which people were first told; None before that."""
    last: date | None = AlarmReport.objects.filter(site=site).aggregate(last=Max("on"))["last"]
    if last is not None:
        return last + timedelta(days=7)
    calendar = calendar_of(site)
    told = JournalEntry.objects.filter(alarm__asset__site=site, kind=EntryKind.RAISED, is_quiet=False)
    began = told.aggregate(began=Min("happened_at"))["began"]
    return None if began is None else week_of(calendar, to_us(began)).on


def _try(tenant_id: int, site_id: int, week: Week) -> bool:
    try:
        with tenant_scope(tenant_id):
            site = Site.objects.get(pk=site_id)
            is_made = make_report(site, week_from(calendar_of(site), week.on))
    except OperationalError:
        # The store is away: so it is for all the others.
        metrics.REPORT_FAILURES.inc()
        raise
    except Exception:  # noqa: BLE001  # one plant's fault must not take the others' reports
        metrics.REPORT_FAILURES.inc()
        _log.exception("the report of %s of plant %d failed; it is tried again", week.word, site_id)
        return False
    metrics.REPORTS.inc(int(is_made))
    return is_made

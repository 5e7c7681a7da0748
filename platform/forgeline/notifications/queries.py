"""Reads: whose outbox is due, a person's bell, the log, routes with their steps, who is on duty."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import connection
from django.db.models import Count, Model, QuerySet
from django.utils.translation import gettext as _

from forgeline.base import clock
from forgeline.base.errors import NotFoundError
from forgeline.identity.models import User
from forgeline.notifications import providers
from forgeline.notifications.directory import Directory, plan_of
from forgeline.notifications.duty import next_change, who_is_on_duty
from forgeline.notifications.models import Channel, Delivery, Preference, Roster, Route, Via

Row = TypeVar("Row", bound=Model)

MOST_BELLS = 99
"""A count beyond this is shown as 99+."""


def list_due_tenant_ids(at: datetime | None = None) -> list[int]:
    """Return the tenants in whose outbox something is due; needs no scope."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id FROM notifications_list_due_tenants(%s)", [at or clock.now()])
        return [row[0] for row in cursor.fetchall()]


def list_bell(user_id: int) -> QuerySet[Delivery]:
    """Return what a person's bell has rung for, the newest first."""
    return Delivery.objects.filter(user_id=user_id, via=Via.BELL).select_related("notice").order_by("-id")


def count_unread(user_id: int) -> int:
    """Return how many messages a person has not looked at, at most one more than MOST_BELLS."""
    return list_bell(user_id).filter(read_at=None)[: MOST_BELLS + 1].count()


def count_sent(since: datetime, until: datetime) -> int:
    """Return how many messages left the house in a span; a bell rings inside of it."""
    return Delivery.objects.filter(sent_at__gte=since, sent_at__lt=until).exclude(via=Via.BELL).count()


def list_channels() -> QuerySet[Channel]:
    """Return the channels by name."""
    return Channel.objects.order_by("name", "pk")


def list_rosters() -> QuerySet[Roster]:
    """Return the rosters by name, with their entries."""
    return Roster.objects.prefetch_related("entries__user", "stand_ins__user").order_by("name", "pk")


def list_routes() -> QuerySet[Route]:
    """Return the routes by name, with their steps and whom these name."""
    steps = ("steps", "steps__roster", "steps__user", "steps__channel")
    return Route.objects.prefetch_related(*steps).order_by("name", "pk")


def list_deliveries() -> QuerySet[Delivery]:
    """Return the delivery log, the newest first; what stands in a collected message names it as parent."""
    return Delivery.objects.select_related("notice", "route", "channel", "parent").order_by("-id")


def list_told(subject: str) -> QuerySet[Delivery]:
    """Return who was told of a subject, in order, what failed and what reached nobody included."""
    return list_deliveries().filter(notice__subject=subject).order_by("id")


def get_channel(channel_id: int) -> Channel:
    """Return a channel. **Raises** NotFoundError."""
    return _get(list_channels(), channel_id)


def get_roster(roster_id: int) -> Roster:
    """Return a roster with its entries. **Raises** NotFoundError."""
    return _get(list_rosters(), roster_id)


def get_route(route_id: int) -> Route:
    """Return a route with its steps. **Raises** NotFoundError."""
    return _get(list_routes(), route_id)


def get_delivery(delivery_id: int) -> Delivery:
    """Return a delivery. **Raises** NotFoundError."""
    return _get(list_deliveries(), delivery_id)


def _get(rows: QuerySet[Row], number: int) -> Row:
    row = rows.filter(pk=number).first()
    if row is None:
        raise NotFoundError(_("There is nothing here that you may see."))
    return row


def read_preference(user_id: int) -> Preference:
    """Return a person's wishes; unsaved defaults where he has said none."""
    return Preference.objects.filter(user_id=user_id).first() or Preference(user_id=user_id)


def list_people() -> list[User]:
    """Return the active members by name."""
    ids = list(Directory().people)
    rows = {row.pk: row for row in User.objects.filter(pk__in=ids)}
    return [rows[number] for number in ids if number in rows]


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Who is on duty by a roster, and until when that is so."""

    names: list[str]
    user_ids: list[int]
    until: datetime | None


def read_duty(at: datetime) -> dict[int, OnDuty]:
    """Return who is on duty by each roster."""
    directory = Directory()
    found = {}
    for roster_id, (_roster, plan) in directory.rosters.items():
        people = [
            directory.people[user_id]
            for user_id in directory.on_duty(roster_id, at)
            if user_id in directory.people
        ]
        found[roster_id] = OnDuty(
            [person.name for person in people], [person.user_id for person in people], next_change(plan, at)
        )
    return found


def count_states() -> dict[str, int]:
    """Return how many deliveries wait, are held or have failed, for the head of the log."""
    rows = Delivery.objects.filter(state__in=["waiting", "sending", "held", "failed"])
    return dict(rows.values_list("state").annotate(Count("pk")).order_by())


@dataclass(frozen=True, slots=True)
class DutySpan:
    """The same people on duty for a while: ``[begins_at, ends_at)``."""

    begins_at: datetime
    ends_at: datetime
    names: list[str]


def read_spans(roster: Roster, begins_at: datetime, ends_at: datetime) -> list[DutySpan]:
    """Return who is on duty in a span of time, at most some days, split where that changes.

    **Time** to the hour where an entry is tied to a shift, whose borders this room does not know.
    """
    directory = Directory()
    people, plan = directory.people, plan_of(roster)
    by_shift = any(duty.shift for duty in plan.duties)
    spans: list[DutySpan] = []
    at = begins_at
    while at < ends_at:
        change = next_change(plan, at, within_days=2) or ends_at
        until = min(change, ends_at, at + timedelta(hours=1) if by_shift else ends_at)
        shift, is_holiday = providers.read_calendar(roster.site_id, at)
        on_duty = who_is_on_duty(plan, at, shift=shift, is_holiday=is_holiday)
        names = [people[user_id].name for user_id in on_duty if user_id in people]
        if spans and spans[-1].names == names:
            spans[-1] = replace(spans[-1], ends_at=until)
        else:
            spans.append(DutySpan(at, until, names))
        at = until
    return spans

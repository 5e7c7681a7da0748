"""Bring what was announced on its way: the routes that fit, the first steps, and the later ones as they fall due.

Each function claims rows with FOR UPDATE SKIP LOCKED inside the caller's transaction, so that several workers share
the work. Not here: who a step's people are (telling), the sending (outbox).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import IntegrityError, InterfaceError, OperationalError, transaction

from forgeline.notifications.directory import Directory
from forgeline.notifications.message import matches_kind, rank
from forgeline.notifications.models import Delivery, Escalation, Form, Notice, Route, RouteStep, State, Via
from forgeline.notifications.telling import (
    Occasion,
    note_nobody,
    ring_managers,
    tell_channel,
    tell_people,
    tell_step,
)

_log = logging.getLogger(__name__)

AT_ONCE = 100
"""Rows that one claim takes."""
AFTER_A_FAULT = timedelta(minutes=5)
LONGEST = timedelta(days=7)
"""An escalation that nobody answered ends after this, and its end stands in the log."""


def route_new(at: datetime) -> int:
    """Route the notices that wait; returns how many there were."""
    notices = list(
        Notice.objects.select_for_update(skip_locked=True).filter(routed_at=None).order_by("id")[:AT_ONCE]
    )
    if not notices:
        return 0
    directory = Directory()
    routes = list(Route.objects.filter(is_enabled=True).prefetch_related("steps").order_by("pk"))
    for notice in notices:
        try:
            with transaction.atomic():
                _route(notice, routes, directory, at)
        except (OperationalError, InterfaceError):
            # The database is away or busy: nothing is marked, the next sweep begins anew.
            raise
        except Exception:  # noqa: BLE001  # logged with its trace, and told to the managers
            # One message that breaks must not keep all later ones from going, nor pass in silence.
            _log.exception("message %s cannot be routed", notice.pk)
            _note(notice, "fault", at)
            ring_managers(Occasion(notice, at), directory)
    Notice.objects.filter(pk__in=[notice.pk for notice in notices]).update(routed_at=at)
    return len(notices)


def _route(notice: Notice, routes: list[Route], directory: Directory, at: datetime) -> None:
    fitting = [route for route in routes if fits(route, notice)]
    if not fitting:
        occasion = Occasion(notice, at)
        note_nobody(occasion, "route", "", "no_route")
        ring_managers(occasion, directory)
    for route in fitting:
        _begin(notice, route, directory, at)


def fits(route: Route, notice: Notice) -> bool:
    """Say whether a route takes a notice: by priority, kind and plant."""
    return (
        rank(notice.priority) >= rank(route.min_priority)
        and matches_kind(notice.kind, route.kinds)
        and (route.site_id is None or route.site_id == notice.site_id)
    )


def _begin(notice: Notice, route: Route, directory: Directory, at: datetime) -> None:
    """Tell the first steps, and open an escalation where an answer is needed.

    A subject that is under way on this route already goes on where it is: those who were told so far hear the news.
    """
    steps = list(route.steps.all())
    running = Escalation.objects.filter(route=route, subject=notice.subject, ended_at=None).first()
    if running is not None:
        Escalation.objects.filter(pk=running.pk).update(notice=notice)
        told = steps if running.round else steps[: running.position]
        for step in told:
            tell_step(Occasion(notice, at, route, running), step, directory)
        return
    first = [step for step in steps if step.after_minutes == 0]
    wants_answer = notice.needs_answer and notice.settled_at is None
    later = steps[len(first) :]
    escalation = None
    if wants_answer and (later or route.repeat_minutes):
        escalation = _open(notice, route, len(first), at)
        if escalation is None:
            return
        escalation.due_at = _due_next(escalation, steps, route, at)
    is_reached = False
    for step in first:
        is_reached |= tell_step(Occasion(notice, at, route, escalation), step, directory)
    if escalation is not None:
        if not is_reached and later:
            escalation.due_at = at
        escalation.save(update_fields=["due_at"])


def _open(notice: Notice, route: Route, position: int, at: datetime) -> Escalation | None:
    """Open an escalation; None where another worker has opened the same a moment ago."""
    try:
        with transaction.atomic():
            return Escalation.objects.create(
                notice=notice, route=route, subject=notice.subject, position=position,
                began_at=at, round_began_at=at, due_at=at,
            )  # fmt: skip
    except IntegrityError:
        return None


def fire_due(at: datetime) -> int:
    """Take the next step of every escalation that is due; returns how many there were."""
    rows = list(
        Escalation.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(ended_at=None, due_at__lte=at)
        .select_related("notice", "route")
        .order_by("due_at", "id")[:AT_ONCE]
    )
    directory = Directory()
    for row in rows:
        try:
            with transaction.atomic():
                _fire(row, directory, at)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # noqa: BLE001  # logged with its trace, and told in the delivery log
            _log.exception("escalation %s cannot go on", row.pk)
            _note(row.notice, "fault", at, row)
            Escalation.objects.filter(pk=row.pk).update(due_at=at + AFTER_A_FAULT)
    return len(rows)


def _fire(row: Escalation, directory: Directory, at: datetime) -> None:
    steps: list[RouteStep] = list(row.route.steps.all())
    if at - row.began_at > LONGEST:
        _end_unanswered(row, at)
        return
    if not row.route.is_enabled or not steps:
        row.ended_at = at
        row.save(update_fields=["ended_at"])
        return
    if row.position >= len(steps):
        row.round, row.round_began_at, row.position = row.round + 1, at, 0
    step = steps[row.position]
    is_reached = tell_step(
        Occasion(row.notice, at, row.route, row, step=row.position, round=row.round), step, directory
    )
    row.position += 1
    if row.position >= len(steps) and not row.route.repeat_minutes:
        row.ended_at = at
    row.due_at = _due_next(row, steps, row.route, at)
    if not is_reached and row.position < len(steps):
        # Nobody hears this step: waiting for an answer to it would be waiting for nothing.
        row.due_at = at
    row.save()


def _due_next(row: Escalation, steps: list[RouteStep], route: Route, at: datetime) -> datetime:
    if row.position < len(steps):
        return max(row.round_began_at + timedelta(minutes=steps[row.position].after_minutes), at)
    return at + timedelta(minutes=max(route.repeat_minutes, 1))


def _end_unanswered(row: Escalation, at: datetime) -> None:
    row.ended_at = at
    row.save(update_fields=["ended_at"])
    _note(row.notice, "unanswered", at, row)


def _note(notice: Notice, reason: str, at: datetime, row: Escalation | None = None) -> None:
    """Write into the log why a message went no further."""
    mark = f"e{row.pk}r{row.round}s{row.position}" if row is not None else "0"
    line = Delivery(
        key=f"{notice.pk}.{reason}.{mark}", notice=notice, route=row.route if row else None, escalation=row,
        to_name=row.route.name if row else "", state=State.NOBODY, reason=reason, created_at=at, due_at=at,
    )  # fmt: skip
    Delivery.objects.bulk_create([line], ignore_conflicts=True)


def hasten(delivery: Delivery, at: datetime) -> None:
    """Take the next step at once when a step's last delivery has failed for good."""
    if delivery.escalation_id is None:
        return
    others = Delivery.objects.filter(
        escalation_id=delivery.escalation_id, step=delivery.step, round=delivery.round, notice=delivery.notice_id,
        state__in=[State.WAITING, State.SENDING, State.SENT],
    ).exclude(via=Via.BELL)  # fmt: skip
    if not others.exists():
        Escalation.objects.filter(pk=delivery.escalation_id, ended_at=None, due_at__gt=at).update(due_at=at)


def tell_end(subjects: Iterable[str], at: datetime) -> None:
    """Tell those who were told of subjects, once each, that they are answered or over, where their route says so."""
    told = (
        Delivery.objects.filter(
            notice__subject__in=subjects, notice__settled_at=at, route__tells_end=True, form=Form.SINGLE,
            state__in=[State.WAITING, State.SENDING, State.SENT, State.COLLECTED],
        )
        .exclude(via=Via.BELL)
        .select_related("notice", "route")
        .order_by("notice_id")
    )  # fmt: skip
    newest = {
        (row.notice.subject, row.user_id, row.channel_id): row for row in told if row.notice is not None
    }
    directory = Directory()
    for (_subject, user_id, channel_id), row in newest.items():
        assert row.notice is not None
        occasion = Occasion(row.notice, at, row.route, form=Form.END)
        if user_id is not None:
            tell_people(occasion, [user_id], directory)
        elif channel_id is not None:
            tell_channel(occasion, channel_id, directory)

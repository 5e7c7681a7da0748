"""The door of this room for others: announce, settle, and what conf hands in.

Not here: writes of channels, rosters, routes and wishes (editing), the work behind (routing, outbox).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from functools import partial

from django.db import transaction

from forgeline.base import clock
from forgeline.base.workers import call_worker
from forgeline.notifications import routing
from forgeline.notifications.directory import Directory
from forgeline.notifications.message import MAX_BODY, MAX_TITLE, Message, list_faults
from forgeline.notifications.metrics import ANNOUNCED, NOT_WOKEN
from forgeline.notifications.models import Delivery, Escalation, Notice, State
from forgeline.notifications.providers import register_answer, register_calendar, register_places
from forgeline.notifications.telling import Occasion, tell_people
from forgeline.tenancy.context import require_tenant_id

__all__ = [
    "Message",
    "announce",
    "register_answer",
    "register_calendar",
    "register_places",
    "settle",
    "settle_all",
]

_WAKE_EVERY_S = 0.25
_woken_at: dict[int, float] = {}


def announce(message: Message, *, user_ids: Sequence[int] = ()) -> None:
    """Write a message into the outbox, in the caller's transaction and tenant: both are kept or neither.

    With ``user_ids`` it goes to these people, by bell and e-mail, and to no route.
    **Raises** ValueError with every fault of the message: a fault of the caller, never of a user.
    """
    if faults := list_faults(message):
        raise ValueError(f"{message.subject or 'a message'} cannot be announced: {'; '.join(faults)}")
    at = clock.now()
    notice = Notice.objects.create(
        subject=message.subject,
        kind=message.kind,
        priority=message.priority,
        site_id=message.site_id,
        title={language.lower(): text[:MAX_TITLE] for language, text in message.title.items()},
        body={language.lower(): text[:MAX_BODY] for language, text in message.body.items()},
        path=message.path,
        happened_at=message.happened_at,
        needs_answer=message.needs_answer,
        announced_at=at,
        routed_at=at if user_ids else None,
    )
    if user_ids:
        tell_people(Occasion(notice, at), user_ids, Directory())
    ANNOUNCED.labels(message.kind).inc()
    transaction.on_commit(partial(wake, require_tenant_id()), robust=True)


def settle(subject: str, *, by: str) -> None:
    """Say that a subject is answered or gone: its escalations end, and what quiet hours held back is dropped.

    ``by`` is a person's name; '' says that it is over by itself. Those who were told are told once of the end, where
    the route says so; a subject that was settled before, or never needed an answer, changes nothing. In the caller's
    transaction and tenant.
    """
    settle_all([subject], by=by)


def settle_all(subjects: Iterable[str], *, by: str) -> None:
    """Settle many subjects together: a plant that comes back ends thousands of alarms at once."""
    at = clock.now()
    wanted = list(set(subjects))
    waiting = Notice.objects.filter(subject__in=wanted, needs_answer=True, settled_at=None)
    settled = set(waiting.values_list("subject", flat=True)) if wanted else set()
    if not settled:
        return
    waiting.filter(subject__in=settled).update(settled_at=at, settled_by=by[:120])
    Escalation.objects.filter(subject__in=settled, ended_at=None).update(ended_at=at, ended_by=by[:120])
    Delivery.objects.filter(
        notice__subject__in=settled, notice__needs_answer=True, state=State.HELD, reason="quiet"
    ).update(state=State.DROPPED, reason="settled")
    routing.tell_end(settled, at)
    transaction.on_commit(partial(wake, require_tenant_id()), robust=True)


def wake(tenant_id: int) -> None:
    """Call a worker to a tenant's outbox; a burst calls once in a quarter of a second, the sweep finds the rest.

    Never raises: what is in the outbox goes out with the next sweep, whether or not somebody could be called.
    """
    from forgeline.notifications.tasks import work

    now = time.monotonic()
    if now - _woken_at.get(tenant_id, -1.0) < _WAKE_EVERY_S:
        return
    _woken_at[tenant_id] = now
    if not call_worker(work, tenant_id):
        NOT_WOKEN.inc()

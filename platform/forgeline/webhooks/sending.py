"""Tell events: claim what is due, post it signed, write down what came of it. At least once, with one id.

The next event of a subject waits for the former; other subjects pass. What fails is tried for 24 hours, then given up;
an endpoint that has taken nothing for as long is stopped, and people are told. Not here: writing events (outbox).
"""

from __future__ import annotations

import contextlib
import logging
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef, Q
from django.utils import translation
from django.utils.translation import gettext as _
from redis.exceptions import LockError
from redis.lock import Lock

from forgeline.base import clock, valkey
from forgeline.base.sealing import box
from forgeline.notifications import services as notifications
from forgeline.notifications.message import Message
from forgeline.notifications.sending.http import post
from forgeline.notifications.sending.outcome import SendError
from forgeline.tenancy.scoping import list_tenant_ids, tenant_scope
from forgeline.webhooks.metrics import DELIVERED, FAILED, RETRIED, STOPPED
from forgeline.webhooks.models import Attempt, Delivery, Endpoint, Event, State
from forgeline.webhooks.signing import sign

PURPOSE = "forgeline.webhooks.secrets"
TRIED_FOR = timedelta(hours=24)
WAITS_S = (5, 30, 120, 600, 1800, 3600, 7200, 14400)
"""Between tries; the last again and again."""
CLAIM_FOR = timedelta(minutes=2)
BATCH = 16
AT_A_TIME = 4
"""Requests that one endpoint gets at once."""
WORK_FOR_S = 20.0
"""Of one turn: an endpoint that answers slowly keeps no worker from the others for long."""
TURN_S = 90
"""After which a turn is another worker's, whatever became of the first; a batch may wait as long for its answers."""
KEPT_FOR = timedelta(days=30)
KEPT_ANSWER = 2000
AT_A_TRIM = 1000
OPEN = (State.WAITING, State.SENDING)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A claimed delivery, with everything that its sending needs."""

    delivery_id: int
    number: int
    url: str
    body: bytes
    message_id: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a parcel."""

    parcel: Parcel
    took_ms: int
    status: int | None = None
    reason: str = ""
    detail: str = ""
    answer: str = ""
    asked_s: float | None = None

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def list_due(at: datetime | None = None) -> list[tuple[int, int]]:
    """Return (tenant, endpoint) with something due; needs no scope."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, endpoint_id FROM webhooks_list_due(%s)", [at or clock.now()])
        return [(row[0], row[1]) for row in cursor.fetchall()]


def work(tenant_id: int, endpoint_id: int, *, now: Callable[[], datetime] = clock.now) -> int:
    """Send what is due to one endpoint until nothing is or the turn is over; returns how many were taken.

    One turn at a time, and one that takes nothing of a batch ends its turn: a dead endpoint with thousands of events
    waiting must not have the workers that others wait for.
    """
    turn = turn_of(endpoint_id)
    if not turn.acquire(blocking=False):
        return 0
    try:
        return _take_turn(tenant_id, endpoint_id, now)
    finally:
        # One that took longer than it had has no turn to give up: it is another worker's by now.
        with contextlib.suppress(LockError):
            turn.release()


def turn_of(endpoint_id: int) -> Lock:
    """Return the lock of an endpoint's turn, which is let go of by whoever took it alone."""
    return Lock(valkey.client(), f"webhooks:turn:{endpoint_id}", timeout=TURN_S)


def _take_turn(tenant_id: int, endpoint_id: int, now: Callable[[], datetime]) -> int:
    until = time.monotonic() + WORK_FOR_S
    taken = 0
    while time.monotonic() < until:
        with tenant_scope(tenant_id):
            parcels = claim(endpoint_id, now())
        if not parcels:
            break
        with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="webhooks") as pool:
            outcomes = list(pool.map(send, parcels))
        for outcome in outcomes:
            with tenant_scope(tenant_id):
                write_down(outcome, now())
            taken += outcome.is_taken
        if not any(outcome.is_taken for outcome in outcomes):
            break
    return taken


def claim(endpoint_id: int, at: datetime) -> list[Parcel]:
    """Take what is due, or was left by a worker that died, of subjects of which nothing older is open."""
    endpoint = Endpoint.objects.filter(pk=endpoint_id).first()
    if endpoint is None:
        return []
    if not endpoint.is_enabled:
        Delivery.objects.filter(endpoint=endpoint, state__in=OPEN).update(state=State.FAILED)
        return []
    older = Delivery.objects.filter(
        endpoint_id=endpoint_id, subject=OuterRef("subject"), pk__lt=OuterRef("pk"), state__in=OPEN
    )
    rows = list(
        Delivery.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(Q(state=State.WAITING, due_at__lte=at) | Q(state=State.SENDING, claimed_until__lte=at))
        .filter(~Exists(older), endpoint_id=endpoint_id)
        .select_related("event")
        .order_by("pk")[:BATCH]
    )
    keys = _keys(endpoint, at)
    parcels = []
    for row in rows:
        row.state, row.claimed_until = State.SENDING, at + CLAIM_FOR
        row.attempts += 1
        row.save(update_fields=["state", "claimed_until", "attempts"])
        parcels.append(
            Parcel(row.pk, row.attempts, endpoint.url, body_of(row.event), message_id_of(row), keys)
        )
    return parcels


def message_id_of(row: Delivery) -> str:
    """The same for each try and each replay of an event: receivers may drop what they have seen."""
    return f"evt_{row.event_id}"


def body_of(event: Event) -> bytes:
    """Return the body of an event, the same bytes each time."""
    return msgspec.json.encode(
        {
            "type": event.type,
            "timestamp": event.happened_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "subject": event.subject,
            "data": event.data,
        }
    )


def _keys(endpoint: Endpoint, at: datetime) -> tuple[str, ...]:
    sealed = [endpoint.secret_sealed]
    if endpoint.former_sealed and endpoint.former_until is not None and endpoint.former_until > at:
        sealed.append(endpoint.former_sealed)
    try:
        return tuple(box(PURPOSE).decrypt(each.encode()).decode() for each in sealed)
    except InvalidToken:
        return ()


def send(parcel: Parcel) -> Outcome:
    """Post a parcel; whatever happens is an outcome. Touches no table."""
    began = time.monotonic()
    if not parcel.keys:
        return Outcome(parcel, 0, reason="secret_unreadable")
    headers = {"Content-Type": "application/json; charset=utf-8"}
    headers |= sign(parcel.message_id, int(time.time()), parcel.body, parcel.keys)
    try:
        answer = post(parcel.url, parcel.body, headers, allow_private=settings.NOTIFICATIONS["ALLOW_PRIVATE"])
    except SendError as error:
        return Outcome(parcel, _since(began), reason=error.reason, detail=error.detail)
    except Exception as fault:  # noqa: BLE001  # told in the log and in the attempt; its text may hold the address
        _log.error("delivery %s broke its sending: %s", parcel.delivery_id, type(fault).__name__)
        return Outcome(parcel, _since(began), reason="fault", detail=type(fault).__name__)
    text = answer.body[:KEPT_ANSWER].decode(errors="replace").replace("\x00", "")[:KEPT_ANSWER]
    reason = ""
    if 300 <= answer.status < 400:
        reason = "redirected"
    elif not 200 <= answer.status < 300:
        reason = "refused"
    return Outcome(parcel, _since(began), answer.status, reason, "", text, answer.retry_after_s)


def write_down(outcome: Outcome, at: datetime) -> None:
    """Write the attempt, and what becomes of the delivery and its endpoint."""
    parcel = outcome.parcel
    row = (
        Delivery.objects.select_for_update(of=("self",))
        .filter(pk=parcel.delivery_id, state=State.SENDING, attempts=parcel.number)
        .first()
    )
    if row is None:
        # Taken over by another worker, or the endpoint is gone.
        return
    Attempt.objects.create(
        delivery=row, at=at, took_ms=outcome.took_ms, status=outcome.status, reason=outcome.reason,
        detail=outcome.detail, answer=outcome.answer,
    )  # fmt: skip
    endpoint = Endpoint.objects.select_for_update().get(pk=row.endpoint_id)
    row.claimed_until = None
    if outcome.is_taken:
        row.state, row.sent_at = State.SENT, at
        DELIVERED.inc()
        if endpoint.failing_since is not None:
            endpoint.failing_since = None
            endpoint.save(update_fields=["failing_since"])
    elif at - row.created_at >= TRIED_FOR:
        row.state = State.FAILED
        FAILED.inc()
    else:
        row.state = State.WAITING
        row.due_at = at + timedelta(seconds=_wait_s(row.attempts, outcome.asked_s))
        RETRIED.inc()
    row.save(update_fields=["state", "due_at", "sent_at", "claimed_until"])
    if outcome.is_taken:
        return
    endpoint.failing_since = endpoint.failing_since or at
    endpoint.save(update_fields=["failing_since"])
    if outcome.status == 410:
        _stop(endpoint, "gone", at)
    elif at - endpoint.failing_since >= TRIED_FOR:
        _stop(endpoint, "failing", at)


def _wait_s(attempts: int, asked_s: float | None) -> float:
    """Return the seconds to the next try, a fifth more or less: of a thousand that failed at once none come at once."""
    wait = WAITS_S[min(attempts, len(WAITS_S)) - 1]
    spread = wait * (0.8 + 0.4 * random.random())  # noqa: S311  # spreads retries, guards nothing
    return max(spread, min(asked_s or 0.0, 3600.0))


def _stop(endpoint: Endpoint, because: str, at: datetime) -> None:
    """Tell nothing more to an endpoint, give up what waits for it, and say so to people."""
    if not endpoint.is_enabled:
        return
    endpoint.is_enabled, endpoint.stopped_because = False, because
    endpoint.save(update_fields=["is_enabled", "stopped_because"])
    Delivery.objects.filter(endpoint=endpoint, state__in=OPEN).update(state=State.FAILED)
    STOPPED.inc()
    title, body = {}, {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            title[language] = _("Webhook %(name)s was stopped") % {"name": endpoint.name}
            body[language] = (
                _("Its address says that it is gone for good.")
                if because == "gone"
                else _("It has taken nothing for 24 hours. Switch it on again when its program works.")
            )
    notifications.announce(
        Message(
            subject=f"webhook:{endpoint.pk}", kind="webhook.stopped", priority="medium", site_id=None, title=title,
            body=body, path=f"/company/webhooks/{endpoint.pk}/", happened_at=at, needs_answer=False,
        )
    )  # fmt: skip


def _since(began: float) -> int:
    return int((time.monotonic() - began) * 1000)


def trim() -> int:
    """Delete events older than they are kept, with their deliveries, a thousand at a time; returns how many."""
    edge, gone = clock.now() - KEPT_FOR, 0
    for tenant_id in list_tenant_ids():
        while True:
            with tenant_scope(tenant_id):
                ids = list(
                    Event.objects.filter(happened_at__lt=edge).values_list("pk", flat=True)[:AT_A_TRIM]
                )
                Event.objects.filter(pk__in=ids).delete()
            gone += len(ids)
            if len(ids) < AT_A_TRIM:
                break
    return gone

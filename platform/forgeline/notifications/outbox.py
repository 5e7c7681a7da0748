"""Work off the outbox: claim what is due, send it, write down what came of it. At least once, with one key.

A worker that dies between sending and writing leaves its claim behind; when the claim has run out the delivery is
tried again **with the same key** (``Idempotency-Key`` header, Message-ID), so a receiver can tell that it has it
already. Not here: who is told (routing), letters (composing), limits and collected letters (collecting).
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q

from forgeline.base import clock
from forgeline.notifications import collecting, routing
from forgeline.notifications.composing import compose
from forgeline.notifications.directory import Directory
from forgeline.notifications.metrics import FAILED, RETRIED, SENT
from forgeline.notifications.models import Attempt, Delivery, Escalation, Form, Notice, State, Via
from forgeline.notifications.quiet import next_try
from forgeline.notifications.secrets import UnreadableError, unseal
from forgeline.notifications.sending.dispatch import send
from forgeline.notifications.sending.letter import Letter, Target
from forgeline.notifications.sending.outcome import SendError
from forgeline.tenancy.scoping import list_tenant_ids, tenant_scope

CLAIM_FOR = timedelta(minutes=2)
"""How long a claim holds; longer than the slowest sending of a batch."""
LOOK_AT = 200
"""Rows that one claim looks at: of a flood most go into a collected message at once."""
BATCH = 16
"""Of these, letters that one claim takes to be sent; the others are left to the next."""
AT_A_TIME = 8
WORK_FOR_S = 60.0
KEPT_FOR = timedelta(days=180)
"""How long the delivery log is kept."""

AT_A_TRIM = 1000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed delivery with its letter, or with the reason why there can be none."""

    delivery_id: int
    number: int
    """Which attempt this is."""
    letter: Letter | None = None
    target: Target | None = None
    fault: SendError | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job."""

    job: Job
    took_ms: int
    error: SendError | None


def work(tenant_id: int, *, now: Callable[[], datetime] = clock.now) -> int:
    """Route, fire, collect and send until nothing is due or a minute has passed; returns how many letters went."""
    until = time.monotonic() + WORK_FOR_S
    sent = 0
    while time.monotonic() < until:
        with tenant_scope(tenant_id):
            at = now()
            moved = routing.route_new(at) + routing.fire_due(at) + collecting.release_held(at)
        with tenant_scope(tenant_id):
            jobs, taken = claim(now())
        if not moved and not taken:
            break
        for outcome in send_all(jobs):
            with tenant_scope(tenant_id):
                write_down(outcome, now())
            sent += outcome.error is None
    return sent


def claim(at: datetime) -> tuple[list[Job], int]:
    """Take the deliveries that are due, and those whose worker was lost, each for two minutes; returns the jobs, and
    how many rows were looked at: some go into a collected message instead.
    """
    rows = list(
        Delivery.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(Q(state=State.WAITING, due_at__lte=at) | Q(state=State.SENDING, claimed_until__lte=at))
        .select_related("notice", "channel", "user")
        .order_by("due_at", "id")[:LOOK_AT]
    )
    taken = len(rows)
    if not rows:
        return [], 0
    directory = Directory()
    jobs = []
    for row in collecting.keep_to_limits(rows, directory, at)[:BATCH]:
        if row.state == State.SENDING:
            Attempt.objects.create(delivery=row, at=at, is_sent=False, reason="worker_lost")
        row.state, row.claimed_until = State.SENDING, at + CLAIM_FOR
        row.attempts += 1
        row.save(update_fields=["state", "claimed_until", "attempts"])
        jobs.append(_prepare(row, directory))
    return jobs, taken


def _prepare(row: Delivery, directory: Directory) -> Job:
    """Word the letter and open the address, so that sending needs no table."""
    try:
        return Job(row.pk, row.attempts, compose(row, directory), target_of(row, directory))
    except SendError as error:
        return Job(row.pk, row.attempts, fault=error)
    except Exception:  # noqa: BLE001  # logged with its trace, and told in the attempt
        # One letter that cannot be worded must not keep all others from going.
        _log.exception("delivery %s cannot be worded", row.pk)
        return Job(row.pk, row.attempts, fault=SendError("fault"))


def target_of(row: Delivery, directory: Directory) -> Target:
    """Return where a delivery goes. **Raises** SendError (final) where there is no such place any more."""
    if row.user_id is not None:
        person = directory.people.get(row.user_id)
        if person is None:
            raise SendError("not_member", is_final=True)
        return Target(Via.EMAIL, person.email)
    if row.channel is None:
        raise SendError("gone", is_final=True)
    try:
        return Target(row.channel.kind, unseal(row.channel.address_sealed), unseal(row.channel.secret_sealed))
    except UnreadableError as error:
        raise SendError("secret_unreadable", is_final=True) from error


def send_all(jobs: list[Job]) -> list[Outcome]:
    """Send several letters at a time; no transaction is open meanwhile."""
    if len(jobs) < 2:
        return [_send(job) for job in jobs]
    with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="letters") as pool:
        return list(pool.map(_send, jobs))


def _send(job: Job) -> Outcome:
    if job.fault is not None or job.letter is None or job.target is None:
        return Outcome(job, 0, job.fault or SendError("fault", is_final=True))
    began = time.monotonic()
    error: SendError | None = None
    try:
        send(job.letter, job.target, now_s=int(time.time()))
    except SendError as refused:
        error = refused
    except Exception as fault:  # noqa: BLE001  # told in the log and in the attempt
        # One letter that breaks a sender must not keep the others of its batch from being written down. The text of
        # the fault may hold an address, so only its kind is told.
        _log.error("delivery %s broke its sender: %s", job.delivery_id, type(fault).__name__)
        error = SendError("fault", type(fault).__name__)
    return Outcome(job, int((time.monotonic() - began) * 1000), error)


def write_down(outcome: Outcome, at: datetime) -> None:
    """Write the attempt, and what becomes of the delivery, unless another worker has taken it over meanwhile."""
    job, error = outcome.job, outcome.error
    Attempt.objects.create(
        delivery_id=job.delivery_id, at=at, took_ms=outcome.took_ms, is_sent=error is None,
        reason=error.reason if error else "", detail=error.detail if error else "",
    )  # fmt: skip
    row = (
        Delivery.objects.select_for_update()
        .filter(pk=job.delivery_id, state=State.SENDING, attempts=job.number)
        .first()
    )
    if row is None:
        return
    row.claimed_until = None
    if error is None:
        row.state, row.sent_at, row.reason, row.detail = State.SENT, at, "", ""
        SENT.labels(row.via).inc()
    else:
        again = None
        if not error.is_final and row.form != Form.TEST:
            jitter = random.random()  # noqa: S311  # spreads retries, guards nothing
            again = next_try(row.attempts, at, jitter=jitter, asked_s=error.asked_s)
        row.reason, row.detail = error.reason, error.detail
        if again is None:
            row.state = State.FAILED
            FAILED.labels(row.via, error.reason).inc()
        else:
            row.state, row.due_at = State.WAITING, again
            RETRIED.labels(row.via, error.reason).inc()
    row.save()
    if row.state == State.FAILED:
        routing.hasten(row, at)


def trim() -> None:
    """Delete what is older than the log is kept, a thousand at a time; what still escalates stays."""
    edge = clock.now() - KEPT_FOR
    for tenant_id in list_tenant_ids():
        while _trim_some(tenant_id, edge):
            pass


def _trim_some(tenant_id: int, edge: datetime) -> bool:
    """Delete some old notices with their deliveries and attempts, and old tests; False when there are no more."""
    with tenant_scope(tenant_id):
        still_open = Escalation.objects.filter(notice=OuterRef("pk"), ended_at=None)
        old = Notice.objects.filter(~Exists(still_open), announced_at__lt=edge).order_by("pk")
        ids = list(old.values_list("pk", flat=True)[:AT_A_TRIM])
        Notice.objects.filter(pk__in=ids).delete()
        Delivery.objects.filter(notice=None, created_at__lt=edge).delete()
    return len(ids) == AT_A_TRIM

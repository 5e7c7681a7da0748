"""Many messages in one: what waited (digest, quiet hours), and what is over the limit of ten minutes.

Not here: how a collected letter reads (composing).
"""

from __future__ import annotations

import zlib
from collections import Counter
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q

from forgeline.notifications.directory import Directory
from forgeline.notifications.metrics import COLLECTED
from forgeline.notifications.models import Delivery, Form, State, Via
from forgeline.tenancy.context import require_tenant_id

WINDOW = timedelta(minutes=10)
GATHER = timedelta(seconds=60)
"""How long the message "N more" gathers before it goes."""
AT_ONCE = 500


def release_held(at: datetime) -> int:
    """Let go what was held until now: one message goes by itself, several of a person go as one."""
    rows = list(
        Delivery.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(state=State.HELD, due_at__lte=at)
        .order_by("user_id", "id")[:AT_ONCE]
    )
    by_person: dict[tuple[int | None, str], list[Delivery]] = {}
    for row in rows:
        by_person.setdefault((row.user_id, row.via), []).append(row)
    for waiting in by_person.values():
        if len(waiting) == 1:
            Delivery.objects.filter(pk=waiting[0].pk).update(state=State.WAITING)
            continue
        parent = _parent_of(waiting[0], Form.DIGEST, at, at)
        _put_into(parent, [row.pk for row in waiting])
        COLLECTED.labels("held").inc(len(waiting))
    return len(rows)


def keep_to_limits(rows: list[Delivery], directory: Directory, at: datetime) -> list[Delivery]:
    """Return the rows that may go now; the others are told in one message "N more, look here", within a minute.

    Recipients are locked in one order, so that two workers do not both take the last place.
    """
    limited = [row for row in rows if row.form in (Form.SINGLE, Form.END) and row.attempts == 0]
    sent: Counter[tuple[int | None, int | None]] = Counter()
    for recipient in sorted({_recipient(row) for row in limited}, key=str):
        _lock(recipient)
        user_id, channel_id = recipient
        same = Delivery.objects.filter(user_id=user_id, channel_id=channel_id).exclude(via=Via.BELL)
        single = same.filter(form__in=[Form.SINGLE, Form.END])
        # One statement: between two, a letter that is just being written down as sent would be in neither.
        sent[recipient] = single.filter(
            Q(state=State.SENT, sent_at__gt=at - WINDOW)
            | Q(state=State.SENDING)
            | Q(state=State.WAITING, attempts__gt=0)
        ).count()
    going: list[Delivery] = []
    beyond: dict[tuple[int | None, int | None], list[Delivery]] = {}
    is_limited = {row.pk for row in limited}
    for row in rows:
        recipient = _recipient(row)
        if row.pk not in is_limited:
            going.append(row)
        elif sent[recipient] < _limit_of(row, directory):
            sent[recipient] += 1
            going.append(row)
        else:
            beyond.setdefault(recipient, []).append(row)
    for waiting in beyond.values():
        _put_into(_summary_for(waiting[0], at), [row.pk for row in waiting], reason="limit")
        COLLECTED.labels("limit").inc(len(waiting))
    return going


def _recipient(row: Delivery) -> tuple[int | None, int | None]:
    return row.user_id, row.channel_id


def _limit_of(row: Delivery, directory: Directory) -> int:
    if row.channel is not None:
        return row.channel.most_in_10_min
    person = directory.people.get(row.user_id) if row.user_id is not None else None
    # Who left the company fails with that reason, not with a limit.
    return person.most_in_10_min if person is not None else 1_000_000


def _lock(recipient: tuple[int | None, int | None]) -> None:
    number = zlib.crc32(f"{require_tenant_id()} {recipient}".encode()) - 2**31
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [0x4E4F5449, number])


def _summary_for(row: Delivery, at: datetime) -> Delivery:
    """Return the waiting "N more" message of a recipient; a new one goes ten minutes after the last at the soonest."""
    same = Delivery.objects.filter(user_id=row.user_id, channel_id=row.channel_id, form=Form.SUMMARY)
    waiting = same.filter(state=State.WAITING, attempts=0).first()
    if waiting is not None:
        return waiting
    last = same.filter(state=State.SENT).order_by("-sent_at").first()
    due_at = at + GATHER
    if last is not None and last.sent_at is not None:
        due_at = max(due_at, last.sent_at + WINDOW)
    return _parent_of(row, Form.SUMMARY, at, due_at)


def _parent_of(row: Delivery, form: str, at: datetime, due_at: datetime) -> Delivery:
    return Delivery.objects.create(
        key=f"{form}.{row.pk}", form=form, via=row.via, user_id=row.user_id, channel_id=row.channel_id,
        to_name=row.to_name, language=row.language, state=State.WAITING, created_at=at, due_at=due_at,
    )  # fmt: skip


def _put_into(parent: Delivery, ids: list[int], reason: str | None = None) -> None:
    changes = {"state": State.COLLECTED, "parent": parent}
    if reason is not None:
        changes["reason"] = reason
    Delivery.objects.filter(pk__in=ids).update(**changes)

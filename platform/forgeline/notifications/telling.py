"""Turn "tell this step" into deliveries: who that is now, by what, at once or held. Not here: when (routing), how it is
sent (outbox)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import transaction

from forgeline.notifications.directory import Directory, Person
from forgeline.notifications.models import Delivery, Escalation, Form, Notice, Route, RouteStep, State, Via
from forgeline.notifications.quiet import hold
from forgeline.realtime.publish import publish_many
from forgeline.tenancy.context import require_tenant_id


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why somebody is told: a notice, on a route, at a step of a round."""

    notice: Notice
    at: datetime
    route: Route | None = None
    escalation: Escalation | None = None
    step: int | None = None
    round: int = 0
    form: str = Form.SINGLE

    @property
    def mark(self) -> str:
        """What makes a delivery's key one: whoever several routes name at once is told once."""
        if self.form == Form.END:
            return "end"
        if self.escalation is None or (self.round == 0 and self.step is None):
            return "0"
        return f"e{self.escalation.pk}r{self.round}s{self.step}"


def tell_step(occasion: Occasion, step: RouteStep, directory: Directory) -> bool:
    """Make the deliveries of one step; returns whether somebody is reached by it now."""
    if step.channel_id is not None:
        return tell_channel(occasion, step.channel_id, directory)
    if step.user_id is not None:
        return tell_people(occasion, [step.user_id], directory)
    assert step.roster_id is not None
    on_duty = directory.on_duty(step.roster_id, occasion.at)
    if not on_duty:
        note_nobody(
            occasion, f"roster{step.roster_id}", directory.rosters[step.roster_id][0].name, "nobody_on_duty"
        )
        return False
    return tell_people(occasion, on_duty, directory)


def tell_people(occasion: Occasion, user_ids: Iterable[int], directory: Directory) -> bool:
    """Ring the bell and send an e-mail, now or when the person wishes."""
    rows: list[Delivery] = []
    is_reached = False
    for user_id in user_ids:
        person = directory.people.get(user_id)
        if person is None:
            note_nobody(occasion, f"user{user_id}", f"#{user_id}", "not_member")
            continue
        if occasion.form == Form.SINGLE:
            rows.append(_bell(occasion, person))
        if not person.by_email:
            is_reached = True
            continue
        mail = _new(occasion, f"u{user_id}", Via.EMAIL, person.name, person.language)
        mail.user_id = user_id
        held = hold(person.wishes, occasion.notice.priority, occasion.at)
        if held is None:
            is_reached = True
        else:
            mail.state = State.HELD
            mail.reason, mail.due_at = held
        rows.append(mail)
    _write(rows)
    return is_reached


def tell_channel(occasion: Occasion, channel_id: int, directory: Directory) -> bool:
    """Send to a channel, unless it is switched off."""
    channel = directory.channels[channel_id]
    if not channel.is_enabled:
        note_nobody(occasion, f"c{channel_id}", channel.name, "channel_off")
        return False
    row = _new(occasion, f"c{channel_id}", channel.kind, channel.name, channel.language)
    row.channel = channel
    _write([row])
    return True


def ring_managers(occasion: Occasion, directory: Directory) -> None:
    """Ring the bell of every manager: nobody else hears of the message, and nothing may pass in silence."""
    people = [person for person in directory.people.values() if person.is_manager]
    _write([_bell(occasion, person) for person in people])


def topic_of(tenant_id: int, user_id: int) -> str:
    """Return the live topic of a person's bell."""
    return f"bell.{tenant_id}-{user_id}"


def _bell(occasion: Occasion, person: Person) -> Delivery:
    row = _new(occasion, f"u{person.user_id}", Via.BELL, person.name, person.language)
    # One bell a message, whatever the round.
    row.key = f"{occasion.notice.pk}.bell.u{person.user_id}"
    row.user_id = person.user_id
    row.state, row.sent_at = State.SENT, occasion.at
    return row


def _new(occasion: Occasion, who: str, via: str, name: str, language: str) -> Delivery:
    return Delivery(
        key=f"{occasion.notice.pk}.{occasion.mark}.{who}.{via}",
        notice=occasion.notice, route=occasion.route, escalation=occasion.escalation,
        step=occasion.step, round=occasion.round, form=occasion.form, via=via, to_name=name[:160],
        language=language, state=State.WAITING, created_at=occasion.at, due_at=occasion.at,
    )  # fmt: skip


def note_nobody(occasion: Occasion, who: str, name: str, reason: str) -> None:
    """Write into the log that a step reached nobody, and why."""
    row = _new(occasion, who, "", name, "en")
    row.state, row.reason = State.NOBODY, reason
    _write([row])


def _write(rows: list[Delivery]) -> None:
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    tenant_id = require_tenant_id()
    rung = {row.user_id for row in rows if row.via == Via.BELL and row.user_id is not None}
    if rung:
        frames = [(topic_of(tenant_id, user_id), {"t": "bell"}) for user_id in sorted(rung)]
        transaction.on_commit(partial(publish_many, frames))

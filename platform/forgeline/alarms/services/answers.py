"""What people do to alarms: acknowledge, shelve, take out of service, comment, assign. ISA-18.2 §8 and §11.

Each answer is a line of the journal with the person's name. Answering twice is no fault and no second line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from forgeline.alarms import telling
from forgeline.alarms.models import Alarm, EntryKind, JournalEntry
from forgeline.alarms.outside import tell_programs
from forgeline.assets.models import Asset
from forgeline.audit.recorder import record
from forgeline.base import clock
from forgeline.base.errors import InvalidInputError, NotFoundError
from forgeline.identity.models import Membership
from forgeline.identity.policy import Actor, require_permission
from forgeline.tenancy.context import require_tenant_id

ANSWER = "alarms.acknowledge"
EDIT = "alarms.edit"
MAX_SHELF = timedelta(days=7)
MAX_AT_ONCE = 1000
MAX_TEXT = 500


def acknowledge(alarm_ids: Sequence[int], *, actor: Actor, text: str = "") -> int:
    """Acknowledge alarms; return how many were not yet. **Raises** NotFoundError for one that is not there."""

    def answer(alarm: Alarm) -> str | None:
        if alarm.is_acknowledged:
            return None
        alarm.is_acknowledged, alarm.acknowledged_at = True, clock.now()
        alarm.acknowledged_by_id = actor.user_id
        return text

    fields = ["is_acknowledged", "acknowledged_at", "acknowledged_by"]
    return _answer(alarm_ids, EntryKind.ACKNOWLEDGED, answer, fields, actor, settles=True)


def acknowledge_by_link(alarm_id: int, *, user_id: int | None, person_name: str) -> None:
    """Acknowledge for whoever opened the link of a message that was sent to them; the link is the permission."""
    actor = Actor(
        require_tenant_id(), role="", user_id=user_id, label=person_name, permissions=frozenset({ANSWER})
    )
    acknowledge([alarm_id], actor=actor, text=_("By the link in a message"))


def shelve(alarm_ids: Sequence[int], *, minutes: float, reason: str, actor: Actor) -> int:
    """Put alarms on the shelf for a while: judged and journalled on, but nobody is told. At most a week, with a
    reason; then they come back by themselves.
    """
    if not reason.strip():
        raise InvalidInputError.at("text", _("Say why; whoever comes next must know."))
    if not 0 < minutes <= MAX_SHELF.total_seconds() / 60:
        raise InvalidInputError.at(
            "minutes",
            _("An alarm may be shelved for up to 7 days; take it out of service if it must stay longer."),
        )
    until = clock.now() + timedelta(minutes=minutes)

    def answer(alarm: Alarm) -> str | None:
        alarm.shelved_until, alarm.shelve_reason = until, reason.strip()[:200]
        alarm.is_acknowledged = True
        return reason

    fields = ["shelved_until", "shelve_reason", "is_acknowledged"]
    return _answer(alarm_ids, EntryKind.SHELVED, answer, fields, actor, settles=True)


def unshelve(alarm_ids: Sequence[int], *, actor: Actor) -> int:
    """Take alarms off the shelf; those that are active wait for an acknowledgement again."""

    def answer(alarm: Alarm) -> str | None:
        if alarm.shelved_until is None:
            return None
        alarm.shelved_until, alarm.shelve_reason = None, ""
        alarm.is_acknowledged = not alarm.is_active or alarm.is_silenced
        return ""

    fields = ["shelved_until", "shelve_reason", "is_acknowledged"]
    return _answer(alarm_ids, EntryKind.UNSHELVED, answer, fields, actor)


def put_out_of_service(alarm_ids: Sequence[int], *, reason: str, actor: Actor) -> int:
    """Take alarms out of service until somebody returns them; for whoever may write rules."""
    require_permission(actor, EDIT)
    if not reason.strip():
        raise InvalidInputError.at("text", _("Say why; whoever comes next must know."))

    def answer(alarm: Alarm) -> str | None:
        if alarm.out_of_service_at is not None:
            return None
        alarm.out_of_service_at, alarm.is_acknowledged = clock.now(), True
        return reason

    fields = ["out_of_service_at", "is_acknowledged"]
    return _answer(alarm_ids, EntryKind.OUT_OF_SERVICE, answer, fields, actor, settles=True)


def return_to_service(alarm_ids: Sequence[int], *, actor: Actor) -> int:
    """Return alarms to service; those that are active wait for an acknowledgement."""
    require_permission(actor, EDIT)

    def answer(alarm: Alarm) -> str | None:
        if alarm.out_of_service_at is None:
            return None
        alarm.out_of_service_at = None
        alarm.is_acknowledged = not alarm.is_active or alarm.is_silenced
        return ""

    return _answer(alarm_ids, EntryKind.IN_SERVICE, answer, ["out_of_service_at", "is_acknowledged"], actor)


def comment(alarm_ids: Sequence[int], *, text: str, actor: Actor) -> int:
    """Write a remark into the journal."""
    if not text.strip():
        raise InvalidInputError.at("text", _("Write something."))
    return _answer(alarm_ids, EntryKind.COMMENTED, lambda _alarm: text, [], actor)


def assign(alarm_ids: Sequence[int], *, user_id: int | None, actor: Actor) -> int:
    """Say who sees to it; None: nobody in particular. **Raises** NotFoundError for a person of another company."""
    person = None
    if user_id is not None:
        member = (
            Membership.objects.filter(user_id=user_id, user__is_active=True, deactivated_at=None)
            .select_related("user")
            .first()
        )
        person = None if member is None else member.user
        if person is None:
            raise NotFoundError(_("There is no such person in your company."), data={"user": user_id})

    def answer(alarm: Alarm) -> str | None:
        if alarm.assigned_to_id == user_id:
            return None
        alarm.assigned_to = person
        return str(person or "")

    return _answer(alarm_ids, EntryKind.ASSIGNED, answer, ["assigned_to"], actor)


def _answer(
    alarm_ids: Sequence[int],
    kind: EntryKind,
    answer: Callable[[Alarm], str | None],
    fields: list[str],
    actor: Actor,
    *,
    settles: bool = False,
) -> int:
    """Let ``answer`` change each alarm and say what the journal tells; None: there is nothing to do."""
    require_permission(actor, ANSWER)
    wanted = set(alarm_ids)
    if not 0 < len(wanted) <= MAX_AT_ONCE:
        raise InvalidInputError.at(
            "alarms", _("Choose between 1 and %(most)d alarms.") % {"most": MAX_AT_ONCE}
        )
    alarms = list(Alarm.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in=wanted))
    if missing := wanted - {alarm.pk for alarm in alarms}:
        raise NotFoundError(_("There is nothing here that you may see."), data={"ids": sorted(missing)})
    answered, entries = [], []
    for alarm in alarms:
        text = answer(alarm)
        if text is None:
            continue
        answered.append(alarm)
        entries.append(
            JournalEntry(
                alarm=alarm, kind=kind, happened_at=clock.now(), person_id=actor.user_id,
                person_name=actor.label[:120], text=text.strip()[:MAX_TEXT],
            )
        )  # fmt: skip
    if answered and fields:
        Alarm.objects.bulk_update(answered, fields)
    JournalEntry.objects.bulk_create(entries)
    if actor.visit:
        _note_visitor(entries)
    tell_programs(entries)
    if settles:
        telling.settle(answered, by=actor.label)
    ids, tenant_id = [alarm.pk for alarm in answered], require_tenant_id()
    transaction.on_commit(lambda: telling.show(tenant_id, ids))
    return len(answered)


def _note_visitor(entries: Sequence[JournalEntry]) -> None:
    """Tell the company's audit too: there it looks for everything that a visitor did."""
    assets = Asset.objects.filter(pk__in={entry.alarm.asset_id for entry in entries})
    names = dict(assets.values_list("pk", "name"))
    for entry in entries:
        subject = f"{names.get(entry.alarm.asset_id, '')} {entry.alarm.key}"
        changes = {"text": [None, entry.text]} if entry.text else {}
        record(f"alarms.alarm.{entry.kind}", subject=subject, subject_id=entry.alarm_id, changes=changes)

"""What a partner's people set up at a customer and what would go on without them: it stops when they may no longer
come in, and serves again once the customer makes it its own.

Rooms above register what they keep: webhooks, channels of messages. Keys of programs need none: a visitor makes none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.utils.translation import gettext as _

from forgeline.audit.recorder import record
from forgeline.base import clock
from forgeline.base.errors import NotFoundError
from forgeline.identity.models import Ending, PartnerGrant
from forgeline.identity.partner_news import News, tell
from forgeline.identity.policy import Actor, require_permission
from forgeline.identity.roles import PEOPLE
from forgeline.tenancy.scoping import tenant_scope

STOPPED = "partner"
"""Why it stopped, as its row says it."""


@dataclass(frozen=True, slots=True)
class Belonging:
    """One thing that a partner's people gave its address. ``address`` is as much of it as may be shown."""

    room: str
    number: int
    title: str
    address: str
    is_on: bool
    path: str

    @property
    def word(self) -> str:
        """How it is named where it is adopted."""
        return f"{self.room}:{self.number}"


@dataclass(frozen=True, slots=True)
class Room:
    """A kind of belonging. Each function works in the scope of the customer."""

    key: str
    list_of: Callable[[int], list[Belonging]]
    """Of a partner, by its number."""
    stop: Callable[[int], list[str]]
    """Switch off what is on of a partner; returns the names."""
    adopt: Callable[[int, Actor], None]
    """Make one the customer's own, and switch it on. **Raises** NotFoundError, ForbiddenError."""


_rooms: dict[str, Room] = {}


def register_room(room: Room) -> None:
    """Take a kind of belonging; rooms do this once, when they are made ready."""
    _rooms[room.key] = room


def list_belongings(partner_id: int) -> Sequence[Belonging]:
    """Return what the people of a partner have set up at the company in force, and nobody has made its own."""
    return [each for room in _rooms.values() for each in room.list_of(partner_id)]


def adopt(word: str, *, actor: Actor) -> None:
    """Make a belonging (``webhooks:7``) the company's own; it serves again.

    **Raises** NotFoundError, ForbiddenError.
    """
    require_permission(actor, PEOPLE)
    key, _colon, number = word.partition(":")
    room = _rooms.get(key)
    if room is None or not number.isdecimal() or len(number) > 18:
        raise NotFoundError(_("There is nothing here that you may see."))
    room.adopt(int(number), actor)


def end_grants(*, partner_id: int | None = None) -> int:
    """End what is over, of all companies or of one partner's customers alone, and stop what it has left behind;
    returns how many grants there were.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, grant_id FROM identity_list_ended_grants()")
        rows: list[tuple[int, int]] = cursor.fetchall()
    count = 0
    for tenant_id, grant_id in rows:
        with tenant_scope(tenant_id):
            waiting = PartnerGrant.objects.select_for_update(of=("self",)).filter(pk=grant_id, ended_at=None)
            if partner_id is not None:
                waiting = waiting.filter(partner_id=partner_id)
            row = waiting.first()
            if row is not None:
                end_grant(row)
                count += 1
    return count


def end_grant(row: PartnerGrant) -> None:
    """Stop what the partner's people have set up, unless another grant lets them in; the audit names it."""
    now = clock.now()
    row.ended_at = now
    if row.revoked_at is None and row.expires_at > now:
        # The partner is none any more; should it be one again, it is to be let in anew.
        row.revoked_at, row.ending = now, Ending.NO_PARTNER
    row.save(update_fields=["ended_at", "revoked_at", "ending"])
    tell(row, News.ENDED)
    others = PartnerGrant.objects.filter(partner_id=row.partner_id, revoked_at=None, expires_at__gt=now)
    if others.exclude(pk=row.pk).exists():
        return
    stopped = [name for room in _rooms.values() for name in room.stop(row.partner_id)]
    if stopped:
        record(
            "identity.partner.ended", subject=row.partner_name, subject_id=row.pk,
            changes={"stopped": [None, stopped]},
        )  # fmt: skip

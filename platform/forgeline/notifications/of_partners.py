"""Channels that lead where a partner's people said: listed, stopped with its grant, made the company's own."""

from __future__ import annotations

from django.utils.translation import gettext as _

from forgeline.identity.belongings import STOPPED, Belonging, Room
from forgeline.identity.policy import Actor
from forgeline.notifications.editing.channels import update_channel
from forgeline.notifications.editing.saving import require_edit
from forgeline.notifications.models import Channel
from forgeline.notifications.queries import get_channel


def _list_of(partner_id: int) -> list[Belonging]:
    return [
        Belonging(
            "notifications", row.pk, _("Channel %(name)s") % {"name": row.name}, row.hint, row.is_enabled,
            f"/company/messages/channels/{row.pk}/",
        )
        for row in Channel.objects.filter(partner_id=partner_id)
    ]  # fmt: skip


def _stop(partner_id: int) -> list[str]:
    rows = list(Channel.objects.select_for_update().filter(partner_id=partner_id, is_enabled=True))
    for row in rows:
        row.is_enabled, row.stopped_because = False, STOPPED
        row.save(update_fields=["is_enabled", "stopped_because"])
    return [row.name for row in rows]


def _adopt(number: int, actor: Actor) -> None:
    require_edit(actor)
    row = get_channel(number)
    row.partner_id = None
    row.save(update_fields=["partner_id"])
    if not row.is_enabled:
        update_channel(number, actor=actor, is_enabled=True)


ROOM = Room("notifications", _list_of, _stop, _adopt)

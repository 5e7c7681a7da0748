"""Webhooks that lead where a partner's people said: listed, stopped with its grant, made the company's own."""

from __future__ import annotations

from django.utils.translation import gettext as _

from forgeline.identity.belongings import STOPPED, Belonging, Room
from forgeline.identity.policy import Actor, require_permission
from forgeline.webhooks.models import Delivery, Endpoint, State
from forgeline.webhooks.sending import OPEN
from forgeline.webhooks.services import MANAGE, get_endpoint, update_endpoint


def _list_of(partner_id: int) -> list[Belonging]:
    return [
        Belonging(
            "webhooks", row.pk, _("Webhook %(name)s") % {"name": row.name}, row.url, row.is_enabled,
            f"/company/webhooks/{row.pk}/",
        )
        for row in Endpoint.objects.filter(partner_id=partner_id).order_by("name")
    ]  # fmt: skip


def _stop(partner_id: int) -> list[str]:
    rows = list(Endpoint.objects.select_for_update().filter(partner_id=partner_id, is_enabled=True))
    for row in rows:
        row.is_enabled, row.stopped_because = False, STOPPED
        row.save(update_fields=["is_enabled", "stopped_because"])
    Delivery.objects.filter(endpoint__in=rows, state__in=OPEN).update(state=State.FAILED)
    return [row.name for row in rows]


def _adopt(number: int, actor: Actor) -> None:
    require_permission(actor, MANAGE)
    row = get_endpoint(number)
    row.partner_id = None
    row.save(update_fields=["partner_id"])
    if not row.is_enabled:
        update_endpoint(number, actor=actor, is_enabled=True)


ROOM = Room("webhooks", _list_of, _stop, _adopt)

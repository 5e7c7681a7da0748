"""A fault told by the label on a machine, without signing in. Not here: how often somebody may (pages/report)."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection, transaction
from django.utils.translation import gettext as _

from apps.health.models import MachineRecord, WorkOrder
from apps.health.models.orders import OrderKind, OrderPriority, State
from apps.health.services.orders import make_order
from apps.health.services.register import put_file
from apps.health.services.saving import company_language, invalid
from forgeline.audit.recorder import Source, acting
from forgeline.base import clock
from forgeline.base.errors import ConflictError, NotFoundError
from forgeline.entitlements.rights import rights_of
from forgeline.tenancy.scoping import tenant_scope

LEAST_TITLE = 2
"""Characters: "漏油" says all of it."""
MOST_OPEN = 20
"""Requests of one label that nobody has looked at yet; more tell nothing new."""


@dataclass(frozen=True, slots=True)
class Label:
    """What the page behind a label may show: the machine's name, and nothing else of the company."""

    tenant_id: int
    asset_id: int
    machine: str


def read_label(token: str) -> Label:
    """Return the machine of a label. **Raises** NotFoundError for a token that is unknown, renewed, or of a machine
    out of use, of a company whose module is off or that is suspended: none of these is told apart.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tenant_id, asset_id FROM health_find_label(%s)", [token[:64].replace("\x00", "")]
        )
        found = cursor.fetchone()
    if found is not None:
        rights = rights_of(found[0])
        if rights.has_module("health") and not rights.is_suspended:
            with tenant_scope(found[0], branches=()):
                row = MachineRecord.objects.filter(asset_id=found[1], asset__retired_at=None).first()
                if row is not None:
                    return Label(found[0], found[1], row.asset.title)
    raise NotFoundError(_("This label is not valid any more; ask for a new one."))


def _say_reporter(name: str) -> str:
    """Return who has told: whoever reads the order sees that nobody has checked this name."""
    return _("Label on the machine: %(name)s") % {"name": name} if name else _("Label on the machine")


def report_fault(
    token: str,
    *,
    title: str,
    text: str = "",
    name: str = "",
    is_down: bool = False,
    photo: bytes = b"",
    photo_name: str = "",
    address: str = "",
) -> int:
    """Make a requested work order, its photo with it or nothing at all; return its number."""
    label = read_label(token)
    with tenant_scope(label.tenant_id, branches=()), company_language():
        by = _say_reporter(name.strip())[:160]
    with (
        acting(Source(who=by, who_kind="service", address=address)),
        tenant_scope(label.tenant_id, branches=()),
        transaction.atomic(),
    ):
        # Two at once wait for each other, so that the bound holds.
        MachineRecord.objects.select_for_update().filter(asset_id=label.asset_id).first()
        waiting = WorkOrder.objects.filter(asset_id=label.asset_id, state=State.REQUESTED).count()
        if waiting >= MOST_OPEN:
            raise ConflictError(
                _(
                    "There are %(count)d requests for this machine already; maintenance knows. Call if it is urgent."
                )
                % {"count": waiting},
                key="health.too_many_requests",
            )
        if len(title.strip()) < LEAST_TITLE:
            raise invalid(title=_("Say in a few words what is wrong."))
        order = make_order(
            asset_id=label.asset_id,
            title=title.strip()[:160],
            text=text.strip()[:4000],
            kind=OrderKind.CORRECTIVE,
            priority=OrderPriority.URGENT if is_down else OrderPriority.MEDIUM,
            requested_by=by,
            by=by,
            down_from=clock.now() if is_down else None,
        )
        if photo:
            put_file(
                asset_id=label.asset_id, name=photo_name, content=photo, by=by, work_order_id=order.pk, only_photos=True
            )  # fmt: skip
    return int(order.number)

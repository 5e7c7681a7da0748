"""What is booked on a work order: time and parts, with their cost. Not here: the store itself (stock)."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from django.db import transaction
from django.db.models import DecimalField, F, Sum
from django.utils.translation import gettext as _

from apps.health.models import LabourEntry, PartUse, SparePart, WorkOrder
from apps.health.models.stock import MoveKind
from apps.health.queries.register import find_terms
from apps.health.services.orders import lock_for_work
from apps.health.services.saving import by_of, invalid
from apps.health.services.stock import MOST, move_stock
from forgeline.assets.services.saving import get
from forgeline.base import clock
from forgeline.base.errors import NotFoundError
from forgeline.identity.policy import Actor

MOST_MINUTES = 10 * 24 * 60
_CENT = Decimal("0.01")


def book_labour(
    work_order_id: int, *, minutes: int, actor: Actor, person: str = "", at: datetime | None = None
) -> LabourEntry:
    """Book time that somebody worked, at the company's rate of now."""
    with transaction.atomic():
        row = lock_for_work(work_order_id, actor)
        if not 0 < minutes <= MOST_MINUTES:
            raise invalid(minutes=_("Book whole minutes, from 1 to 10 days."))
        if at is not None and at > clock.now():
            raise invalid(at=_("This lies in the future."))
        entry = LabourEntry.objects.create(
            work_order=row, person=(person.strip() or by_of(actor))[:160], minutes=minutes,
            rate=find_terms().labour_rate, at=at or clock.now(),
        )  # fmt: skip
        recount(row)
    return entry


def take_part(work_order_id: int, *, part_id: int, quantity: Decimal, actor: Actor) -> PartUse:
    """Take parts from the store into an order. **Raises** ConflictError where the stock does not hold them."""
    with transaction.atomic():
        row = lock_for_work(work_order_id, actor)
        if not 0 < quantity <= MOST:
            raise invalid(quantity=_("Say how many: more than none, at most %(most)s.") % {"most": MOST})
        part = get(SparePart, part_id)
        if part.retired_at is not None:
            raise invalid(part=_("This part is not kept any more."))
        move_stock(part, -quantity, kind=MoveKind.ISSUE, by=by_of(actor), work_order=row)
        use = PartUse.objects.create(
            work_order=row, part=part, quantity=quantity, unit_cost=part.unit_cost, at=clock.now()
        )
        recount(row)
    return use


def put_part_back(work_order_id: int, *, use_id: int, actor: Actor) -> None:
    """Put parts back into the store; the order bears them no more."""
    with transaction.atomic():
        row = lock_for_work(work_order_id, actor)
        use = PartUse.objects.select_for_update(of=("self",)).filter(pk=use_id, work_order=row).first()
        if use is None:
            raise NotFoundError(_("There is nothing here that you may see."), data={"id": use_id})
        move_stock(use.part, use.quantity, kind=MoveKind.RETURN, by=by_of(actor), work_order=row)
        use.delete()
        recount(row)


def recount(row: WorkOrder) -> None:
    """Sum up what is booked on an order."""
    money = DecimalField(max_digits=20, decimal_places=4)
    labour = row.labour.aggregate(
        worked=Sum("minutes"), cost=Sum(F("minutes") * F("rate"), output_field=money)
    )
    parts = row.parts.aggregate(cost=Sum(F("quantity") * F("unit_cost"), output_field=money))
    row.labour_minutes = int(labour["worked"] or 0)
    row.labour_cost = _round((labour["cost"] or Decimal(0)) / 60)
    row.parts_cost = _round(parts["cost"] or Decimal(0))
    row.save(update_fields=["labour_minutes", "labour_cost", "parts_cost"])


def _round(amount: Decimal) -> Decimal:
    return Decimal(amount).quantize(_CENT, ROUND_HALF_UP)

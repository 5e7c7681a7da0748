"""The store: parts made and changed, their stock moved. The database itself refuses a stock below zero."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from apps.health.models import SparePart, StockMove, WorkOrder
from apps.health.models.stock import MoveKind
from apps.health.rules import PLAN
from apps.health.services.saving import by_of, invalid, save
from forgeline.assets.models import Site
from forgeline.assets.services.saving import change, get, get_for_change
from forgeline.base import clock
from forgeline.base.errors import ConflictError
from forgeline.identity.policy import Actor, require_permission

MOST = Decimal("99999999")
_FIELDS = frozenset({"number", "name", "unit", "minimum", "unit_cost", "place", "supplier"})


def create_part(
    *, site_id: int, number: str, name: str, actor: Actor, stock: Decimal = Decimal(0), **facts: Any
) -> SparePart:
    """Add a part to a plant's store; what lies there already is its first movement."""
    require_permission(actor, PLAN)
    get(Site, site_id)
    row = SparePart(site_id=site_id, number=number.strip(), name=name.strip())
    change(row, facts, _FIELDS)
    _check(row)
    if not 0 <= stock <= MOST:
        raise invalid(stock=_("A stock is not below zero."))
    with transaction.atomic():
        save(row, taken=_taken())
        if stock:
            move_stock(row, stock, kind=MoveKind.RECEIPT, by=by_of(actor))
    return row


def update_part(part_id: int, *, actor: Actor, **changes: Any) -> SparePart:
    """Change what is said of a part; its stock changes by movements alone."""
    require_permission(actor, PLAN)
    row = get_for_change(SparePart, part_id)
    change(row, changes, _FIELDS)
    _check(row)
    return save(row, taken=_taken())


def retire_part(part_id: int, *, actor: Actor) -> None:
    """Keep a part no more; orders that used it keep saying so."""
    require_permission(actor, PLAN)
    row = get_for_change(SparePart, part_id)
    row.retired_at = clock.now()
    row.save(update_fields=["retired_at"])


def book_stock(part_id: int, *, kind: str, quantity: Decimal, actor: Actor, note: str = "") -> SparePart:
    """Book what came in, went out, or was counted (``quantity`` is then the stock itself)."""
    require_permission(actor, PLAN)
    with transaction.atomic():
        row = get_for_change(SparePart, part_id)
        if kind == MoveKind.COUNT:
            if not 0 <= quantity <= MOST:
                raise invalid(quantity=_("A stock is not below zero."))
            quantity = quantity - row.stock
        elif kind in (MoveKind.RECEIPT, MoveKind.ISSUE):
            if not 0 < quantity <= MOST:
                raise invalid(quantity=_("Say how many, more than none."))
            quantity = quantity if kind == MoveKind.RECEIPT else -quantity
        else:
            raise invalid(kind=_("Say received, taken or counted."))
        move_stock(row, quantity, kind=kind, by=by_of(actor), note=note)
    return row


def move_stock(
    part: SparePart,
    quantity: Decimal,
    *,
    kind: str,
    by: str,
    note: str = "",
    work_order: WorkOrder | None = None,
) -> None:
    """Move a stock in one statement, however many do it at once, and write it down.

    **Raises** ConflictError where less lies there than is taken; nothing is moved then.
    """
    after = F("stock") + quantity
    moved = SparePart.objects.filter(pk=part.pk, stock__gte=max(-quantity, Decimal(0)))
    if not moved.update(stock=after):
        part.refresh_from_db()
        raise ConflictError(
            _("%(part)s: %(stock)s in stock, %(wanted)s wanted. Receive some first, or count the shelf.")
            % {"part": str(part), "stock": f"{float(part.stock):g}", "wanted": f"{float(-quantity):g}"},
            key="health.stock_too_low",
            data={"part": part.pk, "stock": float(part.stock)},
        )
    part.refresh_from_db(fields=["stock"])
    StockMove.objects.create(
        part=part, kind=kind, quantity=quantity, stock_after=part.stock, work_order=work_order, note=note[:200],
        by=by, at=clock.now(),
    )  # fmt: skip


def _check(row: SparePart) -> None:
    for name in ("minimum", "unit_cost"):
        if not 0 <= getattr(row, name) <= MOST:
            raise invalid(**{name: _("This is not below zero.")})


def _taken() -> str:
    return str(_("There is a part with this number in this plant."))
